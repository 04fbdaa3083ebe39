"""Asks a provider over HTTP: encrypted, within limits of time and size, at permitted addresses, without redirects."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from fairway.drivers.addresses import AddressPolicy
from fairway.drivers.identity.trouble import Trouble, Untrusted
from fairway.drivers.outgoing import asked
from fairway.shared.failures import NeedsPerson, Retry

T = TypeVar("T", dict[str, Any], list[Any])
SECONDS = 10.0  # the longest wait for one whole answer
MOST_BYTES = 512 * 1024
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Line:
    """How providers may be reached. With `policy` None, any address may, also this machine by plain http."""

    policy: AddressPolicy | None
    seconds: float = SECONDS

    def checked(self, address: str) -> httpx.URL:
        """The address of a provider or one of its endpoints. Raises `Untrusted` unless a secret can be sent there."""
        try:
            url = httpx.URL(address)
        except (httpx.InvalidURL, TypeError, UnicodeError):
            raise Untrusted(Trouble.NOT_HTTPS, url=str(address)[:200]) from None
        is_here = url.scheme == "http" and url.host in LOOPBACK and self.policy is None
        if not url.host or url.userinfo or not (url.scheme == "https" or is_here):
            raise Untrusted(Trouble.NOT_HTTPS, url=_shown(url))
        return url

    def get(self, address: str, *, token: str = "") -> dict[str, Any]:
        """The JSON object at this address. Raises `Untrusted`."""
        return _parsed(self._body_of(address, token), dict, _shown(self.checked(address)))

    def get_list(self, address: str, *, token: str = "") -> list[Any]:
        """The JSON list at this address. Raises `Untrusted`."""
        return _parsed(self._body_of(address, token), list, _shown(self.checked(address)))

    def post(self, address: str, form: Mapping[str, str], *, authorization: str = "") -> tuple[int, dict[str, Any]]:
        """The status and the JSON object that answer a form. Raises `Untrusted`."""
        headers = {"Authorization": authorization} if authorization else {}
        status, body = self._ask(address, "POST", headers, form)
        return status, _parsed(body, dict, _shown(self.checked(address)))

    def _body_of(self, address: str, token: str) -> bytes:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        status, body = self._ask(address, "GET", headers, None)
        if status != httpx.codes.OK:
            raise Untrusted(Trouble.STATUS, url=_shown(self.checked(address)), status=status)
        return body

    def _ask(
        self, address: str, method: str, headers: Mapping[str, str], form: Mapping[str, str] | None
    ) -> tuple[int, bytes]:
        url = self.checked(address)
        sent = {"Accept": "application/json", **headers}
        try:
            with (
                httpx.Client(
                    follow_redirects=False,
                    trust_env=self.policy is None,
                    timeout=httpx.Timeout(self.seconds),
                    verify=ssl.create_default_context(),  # what this machine trusts, a company's own authority too
                ) as client,
                asked(client, url, self.policy, method=method, headers=sent, form=form) as answer,
            ):
                return answer.status_code, self._body(answer, url)
        except NeedsPerson:
            raise Untrusted(Trouble.NOT_PERMITTED, host=url.host) from None
        except Retry:
            raise Untrusted(Trouble.UNKNOWN_HOST, host=url.host) from None
        except httpx.TimeoutException:
            raise Untrusted(Trouble.TIMEOUT, host=url.host, seconds=f"{self.seconds:.0f}") from None
        except httpx.HTTPError as problem:
            raise _of_connection(problem, url) from None

    def _body(self, answer: httpx.Response, url: httpx.URL) -> bytes:
        """The body, read within the limits: a provider that sends a byte now and then is slow, too."""
        until, body = time.monotonic() + self.seconds, bytearray()
        for chunk in answer.iter_raw():
            body += chunk
            if len(body) > MOST_BYTES:
                raise Untrusted(Trouble.TOO_LARGE, url=_shown(url))
            if time.monotonic() > until:
                raise Untrusted(Trouble.TIMEOUT, host=url.host, seconds=f"{self.seconds:.0f}")
        return bytes(body)


def _parsed(body: bytes, wanted: type[T], shown: str) -> T:
    """What the body holds, if it is JSON of the wanted kind."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, wanted):
        raise Untrusted(Trouble.NOT_JSON if wanted is dict else Trouble.NO_LIST, url=shown)
    return found


def _of_connection(problem: httpx.HTTPError, url: httpx.URL) -> Untrusted:
    cause: BaseException | None = problem
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Untrusted(Trouble.CERTIFICATE, host=url.host, answer=cause.verify_message)
        if isinstance(cause, ssl.SSLError):
            return Untrusted(Trouble.CERTIFICATE, host=url.host, answer=cause.reason or "TLS")
        if isinstance(cause, OSError) and "Name or service not known" in str(cause):
            return Untrusted(Trouble.UNKNOWN_HOST, host=url.host)
        cause = cause.__cause__ or cause.__context__
    return Untrusted(Trouble.UNREACHABLE, host=url.host, port=url.port or (443 if url.scheme == "https" else 80))


def _shown(url: httpx.URL) -> str:
    """The URL without user, password, query and fragment, which may hold secrets."""
    return str(url.copy_with(username=None, password=None, query=None, fragment=None))[:300]
