"""The client of the HTTP API; commands know nothing else of Fairway."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fairway import __version__
from fairway.cli.account import Account, current_account
from fairway.cli.failures import Code, Stop, stop_for

if TYPE_CHECKING:
    import ssl

    import httpx

TIMEOUT = 30.0  # seconds without a byte; uploads and long logs transfer bytes all the time


ROLE_VARIABLE = "FAIRWAY_ROLE"
AS_OF_VARIABLE = "FAIRWAY_AS_OF"


class Client:
    """Calls operations below ``/api/v1``. Every error is raised as a `Stop` that says what to do."""

    def __init__(self, account: Account | None = None) -> None:
        self.account = account or current_account()
        headers = {"X-Fairway-Client": f"cli/{__version__}", "Accept": "application/json"}
        if self.account.token:
            headers["Authorization"] = f"Bearer {self.account.token}"
        if role := os.environ.get(ROLE_VARIABLE):
            headers["X-Fairway-Acting-As"] = role.replace("-", "_")
        self.as_of = os.environ.get(AS_OF_VARIABLE, "")  # the event that every change is compared with
        self.read_as_of = ""  # the same for what was read last
        self._http: httpx.Client = _httpx().Client(
            base_url=f"{self.account.url}/api/v1", headers=headers, timeout=TIMEOUT, verify=_trusted(self.account.url)
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        return self.call("GET", path, query=query)

    def post(self, path: str, body: Any = None) -> Any:
        return self.call("POST", path, body={} if body is None else body)

    def put(self, path: str, body: Any) -> Any:
        return self.call("PUT", path, body=body)

    def patch(self, path: str, body: Any, *, as_of: str = "") -> Any:
        """`as_of` (see `read_as_of`): refused if somebody changed the same since."""
        return self.call("PATCH", path, body=body, as_of=as_of)

    def delete(self, path: str, **query: Any) -> Any:
        return self.call("DELETE", path, query=query)

    def call(self, method: str, path: str, *, query: dict[str, Any] | None = None, body: Any = None, as_of: str = "") -> Any:
        """The response's JSON; None if it has none. `as_of` is sent as If-Match. Raises `Stop`."""
        number = (self.as_of or as_of) if method != "GET" else ""
        headers = {"If-Match": f'"{number}"'} if number else {}
        response = self._send(method, path, params=_given(query), json=body, headers=headers)
        if method == "GET":
            self.read_as_of = response.headers.get("ETag", "").removeprefix("W/").strip('"')
        if response.status_code == 204:
            return None
        return self._json(response)

    def upload(self, name: str, pieces: Iterator[bytes], size: int) -> Any:
        """Send an archive as the request body, piece by piece; `size` in bytes."""
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(size),
            "X-File-Name": name.encode("ascii", "replace").decode(),
        }
        return self._json(self._send("POST", "/uploads", content=pieces, headers=headers))

    def lines(self, path: str, **query: Any) -> Iterator[str]:
        """The lines of a long text response, as they arrive. Only a newline ends a line, because JSON may contain U+2028."""
        import httpx

        try:
            with self._http.stream("GET", path, params=_given(query)) as response:
                if response.is_error:
                    response.read()
                    self._raise(response)
                yield from _lines(response.iter_bytes())
        except httpx.HTTPError as error:
            raise self._unreachable(error) from None

    def download(self, path: str, to: Path) -> None:
        """Write the answer's body to a file of the owner's alone, which is there only when all of it came. Raises `Stop`."""
        import httpx

        draft = to.with_name(f".{to.name}.part")
        try:
            with self._http.stream("GET", path) as response:
                if response.is_error:
                    response.read()
                    self._raise(response)
                with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                    for piece in response.iter_bytes():
                        file.write(piece)
            draft.rename(to)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from None
        except OSError as error:
            raise Stop(f"{to} could not be written: {error.strerror}.", Code.FAILED) from None
        finally:
            draft.unlink(missing_ok=True)

    def pages(self, path: str, *, limit: int, **query: Any) -> list[Any]:
        """Up to `limit` items of a list, from as many pages as needed."""
        items: list[Any] = []
        cursor = None
        while len(items) < limit:
            page = self.get(path, cursor=cursor, limit=min(200, limit - len(items)), **query)
            items += page["items"]
            cursor = page["next"]
            if cursor is None:
                break
        return items

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        import httpx

        try:
            response = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from None
        if response.is_error or response.is_redirect:
            self._raise(response)
        return response

    def _json(self, response: httpx.Response) -> Any:
        try:
            return response.json()
        except ValueError:
            raise Stop(f"{self.account.url} answered, but it is not Fairway.", Code.FAILED, advice=_ELSEWHERE) from None

    def _raise(self, response: httpx.Response) -> None:
        try:
            problem = response.json()
        except ValueError:
            problem = {}
        if not isinstance(problem, dict):
            problem = {}
        raise stop_for(response.status_code, problem, self.account.url)

    def _unreachable(self, error: httpx.HTTPError) -> Stop:
        import httpx

        if isinstance(error, httpx.TimeoutException):
            return Stop(f"{self.account.url} did not answer in time.", advice="Try again; “fairway status” says more.")
        return Stop(f"Fairway cannot be reached at {self.account.url}.", advice=_ELSEWHERE)


def _httpx() -> Any:
    """HTTPX; imported late, because it takes longer than ``--help``, and without its own program, which is half of it."""
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # HTTPX does without what cannot be imported
    import httpx

    return httpx


def _trusted(url: str) -> ssl.SSLContext | bool:
    """Whom to trust: the usual authorities. Reading their certificates takes long, so nobody where nothing is encrypted."""
    import ssl
    from urllib.request import getproxies

    is_plain = url.startswith("http://") and not getproxies()
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if is_plain else True


_ELSEWHERE = "Start it with “fairway up”, or say where it is with “fairway login URL”."


def _given(query: dict[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (query or {}).items() if value not in (None, "")}


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """The lines of these chunks, which may cut lines and characters anywhere."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line.decode(errors="replace") for line in whole)
    if rest:
        yield rest.decode(errors="replace")


def part(text: str) -> str:
    """A name, percent-encoded as one segment of a path."""
    return quote(text, safe="")
