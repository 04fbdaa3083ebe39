"""Downloads an archive from a URL, with limits on its size, time and redirects. Checks its checksum and keeps away from
private networks."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from fairway.drivers.addresses import AddressPolicy
from fairway.drivers.builders.fetch_git import FetchLimits
from fairway.drivers.outgoing import asked
from fairway.drivers.runtimes.contract import Progress
from fairway.shared.failures import NeedsPerson, Refused, Retry
from fairway.shared.names import Invalid

MOST_REDIRECTS = 5
CHUNK = 256 * 1024
_CHECKSUM = re.compile(r"(?:sha256:)?([0-9a-fA-F]{64})")
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


def parse_checksum(text: str, *, field: str = "checksum") -> str:
    """Read a SHA-256 with or without ``sha256:`` before it, as 64 lower-case hex digits. Raises `Invalid`."""
    match = _CHECKSUM.fullmatch(text.strip())
    if match is None:
        raise Invalid(field, "is not a SHA-256; give its 64 hexadecimal digits, as “sha256sum” prints them.")
    return match[1].lower()


def parse_archive_url(text: str, *, allow_http: bool = False, field: str = "url") -> httpx.URL:
    """Read an https URL or, with `allow_http`, an http URL. Raises `Invalid`."""
    try:
        url = httpx.URL(text.strip())
    except (httpx.InvalidURL, TypeError, UnicodeError):
        raise Invalid(field, "is not a URL; write e.g. https://example.com/app-1.2.tar.gz.") from None
    if url.scheme not in ({"https", "http"} if allow_http else {"https"}) or not url.host:
        raise Invalid(field, "must start with https://, e.g. https://example.com/app-1.2.tar.gz.")
    return url


def fetch_url(
    url: str,
    checksum: str,
    into: Path,
    *,
    progress: Progress,
    policy: AddressPolicy | None = None,
    allow_http: bool = False,
    limits: FetchLimits | None = None,
) -> Path:
    """Download `url` to the file `into` and check its SHA-256.

    With `policy`, every host on the way (also of redirects) is resolved once, its IP address is checked, and the connection
    is made to that address, without a proxy. Raises `Invalid` for a malformed URL or checksum, `Refused` for a missing, too
    large or different file, `NeedsPerson` if the server asks for a sign-in or a host is not permitted, `Retry` if it cannot
    be reached, and what `progress.check()` raises; `into` does not exist then.
    """
    limits = limits or FetchLimits()
    expected, address = parse_checksum(checksum), parse_archive_url(url, allow_http=allow_http)
    draft = into.with_name(f".{into.name}.part")
    until = time.monotonic() + limits.seconds
    try:
        with _answer(address, policy, allow_http) as answer:
            found = _save(answer, draft, limits, _deadline(until, limits.seconds, progress))
        if found != expected:
            raise Refused(f"The file at {_shown(address)} is not the one that was meant: its SHA-256 is {found}.")
        draft.replace(into)
    except httpx.HTTPError as error:
        sentence = f"{_shown(address)} could not be reached; it is tried again."
        raise Retry(sentence, detail=f"{type(error).__name__}: {error}") from error
    finally:
        draft.unlink(missing_ok=True)
    progress.line(f"Fetched {_shown(address)}, {into.stat().st_size / 1024**2:.1f} MiB, checksum as expected.")
    return into


def _deadline(until: float, seconds: float, progress: Progress) -> Callable[[], None]:
    def check() -> None:
        progress.check()
        if time.monotonic() > until:
            raise Refused(f"The download took longer than {seconds:.0f} s and was stopped.")

    return check


@contextmanager
def _answer(url: httpx.URL, policy: AddressPolicy | None, allow_http: bool) -> Iterator[httpx.Response]:
    """The final response. Redirects are followed here and not by httpx, so that the address of each is checked."""
    with httpx.Client(follow_redirects=False, trust_env=policy is None, timeout=httpx.Timeout(30.0)) as client:
        for _ in range(MOST_REDIRECTS + 1):
            with asked(client, url, policy) as answer:
                if not answer.has_redirect_location:
                    _accept(answer, url)
                    yield answer
                    return
                url = _next(url, answer, allow_http)
    raise Refused(f"{_shown(url)} redirects more than {MOST_REDIRECTS} times; use the final address.")


def _next(url: httpx.URL, answer: httpx.Response, allow_http: bool) -> httpx.URL:
    try:
        return parse_archive_url(str(url.join(answer.headers["location"])), allow_http=allow_http)
    except (Invalid, httpx.InvalidURL) as error:
        raise Refused(f"{_shown(url)} redirects to an address that is not fetched; use the final https address.") from error


def _accept(answer: httpx.Response, url: httpx.URL) -> None:
    status = answer.status_code
    if status in _AGAIN:
        raise Retry(f"{_shown(url)} answered {status}; it is tried again.")
    if status in (401, 403):
        raise NeedsPerson(f"{_shown(url)} answered {status}: it asks for a sign-in; use an address that needs none.")
    if status != 200:
        raise Refused(f"{_shown(url)} answered {status}; check the address.")


def _save(answer: httpx.Response, draft: Path, limits: FetchLimits, check: Callable[[], None]) -> str:
    """Write the body to a file and return its SHA-256. Raises `Refused` if it is too large."""
    total, size = hashlib.sha256(), 0
    with draft.open("wb") as file:
        for chunk in answer.iter_raw(CHUNK):
            check()
            size += len(chunk)
            if size > limits.bytes:
                raise Refused(f"The file is larger than {limits.bytes / 1024**2:.0f} MiB, the most that is fetched.")
            total.update(chunk)
            file.write(chunk)
    return total.hexdigest()


def _shown(url: httpx.URL) -> str:
    """The URL without user, password, query and fragment, which may hold secrets."""
    return str(url.copy_with(username=None, password=None, query=None, fragment=None))
