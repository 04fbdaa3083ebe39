"""Sends JSON to a URL: encrypted, to permitted addresses, within limits of time and size, without following redirects."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import httpx

from fairway.drivers.addresses import AddressPolicy
from fairway.drivers.outgoing import asked
from fairway.drivers.taking import NotTaken, Trouble
from fairway.shared.failures import NeedsPerson, Retry
from fairway.shared.masking import Masker

SECONDS = 10.0  # the longest wait for an answer
MOST_BYTES = 4096  # of an answer; nobody reads more
LONGEST_ANSWER = 300  # characters


@dataclass(frozen=True)
class Line:
    """Which addresses may be reached; with `policy` None, any may, also by plain http."""

    policy: AddressPolicy | None
    seconds: float = SECONDS

    def checked(self, address: str) -> httpx.URL:
        """The URL of a receiver. Raises `NotTaken` unless it is encrypted."""
        try:
            url = httpx.URL(address)
        except (httpx.InvalidURL, TypeError, UnicodeError):
            raise NotTaken(Trouble.NOT_HTTPS) from None
        if not url.host or not (url.scheme == "https" or (url.scheme == "http" and self.policy is None)):
            raise NotTaken(Trouble.NOT_HTTPS, host=url.host)
        return url

    def post(self, address: str, body: bytes, headers: Mapping[str, str] | None = None, *, secret: str = "") -> str:
        """Post JSON; returns the beginning of the answer, with the URL's path and `secret` masked. Raises `NotTaken`."""
        path = self.checked(address).raw_path.decode()
        answer = self.request("POST", address, body, headers)
        said = answer.said(address, path, secret)
        judge(answer, said)
        return said

    def request(
        self,
        method: str,
        address: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        most_bytes: int = MOST_BYTES,
    ) -> Answer:
        """Send one request with JSON; returns the answer, whatever its status, with `most_bytes` of its body at most. Raises
        `NotTaken` if there is none."""
        url = self.checked(address)
        sent = {**({"Content-Type": "application/json"} if body is not None else {}), **(headers or {})}
        try:
            with (
                httpx.Client(
                    follow_redirects=False,
                    trust_env=self.policy is None,
                    timeout=httpx.Timeout(self.seconds),
                    verify=ssl.create_default_context() if url.scheme == "https" else False,
                ) as client,
                asked(client, url, self.policy, method=method, headers=sent, content=body) as answer,
            ):
                return Answer(url.host, answer.status_code, answer.headers, self._read(answer, most_bytes))
        except NeedsPerson:
            raise NotTaken(Trouble.NOT_PERMITTED, host=url.host) from None
        except Retry:
            raise NotTaken(Trouble.UNKNOWN_HOST, host=url.host) from None
        except httpx.TimeoutException:
            raise NotTaken(Trouble.TIMEOUT, host=url.host) from None
        except httpx.HTTPError as problem:
            raise _of_connection(problem, url) from None

    def _read(self, answer: httpx.Response, most: int) -> bytes:
        """The beginning of the body. A receiver that sends a byte now and then has answered by its status."""
        until, body = time.monotonic() + self.seconds, bytearray()
        try:
            for chunk in answer.iter_raw():
                body += chunk
                if len(body) >= most or time.monotonic() > until:
                    break
        except httpx.HTTPError:
            pass
        return bytes(body[:most])


@dataclass(frozen=True)
class Answer:
    """What a receiver answered: its status, its headers, and the beginning of its body."""

    host: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    def said(self, *secrets: str) -> str:
        """The body as one short line, without these secrets."""
        text = self.body[:MOST_BYTES].decode("utf-8", "replace")
        line = "".join(sign if sign.isprintable() else " " for sign in text).strip()[:LONGEST_ANSWER]
        return self.masked(line, *secrets)

    def masked(self, text: str, *secrets: str) -> str:
        return Masker(list(secrets))(text)

    def not_taken(self, trouble: Trouble, said: str) -> NotTaken:
        wait = retry_after(self.headers)
        return NotTaken(trouble, host=self.host, status=self.status, answer=said, retry_after=wait)


def as_json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def judge(answer: Answer, said: str) -> None:
    """Raises `NotTaken` unless the receiver took the message."""
    if 200 <= answer.status < 300:
        return
    trouble = Trouble.FAILED if answer.status >= 500 else Trouble.REFUSED
    if 300 <= answer.status < 400:
        trouble = Trouble.REDIRECT
    elif answer.status == HTTPStatus.GONE:
        trouble = Trouble.GONE
    elif answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        trouble = Trouble.TOO_MANY
    raise answer.not_taken(trouble, said)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that ``Retry-After`` names, as a number or a date; None if it names none."""
    text = headers.get("retry-after", "").strip()
    try:
        return max(0.0, min(float(text), 1e9)) if text else None
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _of_connection(problem: httpx.HTTPError, url: httpx.URL) -> NotTaken:
    cause: BaseException | None = problem
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            said = getattr(cause, "verify_message", "") or cause.reason or "TLS"
            return NotTaken(Trouble.CERTIFICATE, host=url.host, answer=said)
        if isinstance(cause, OSError) and "Name or service not known" in str(cause):
            return NotTaken(Trouble.UNKNOWN_HOST, host=url.host)
        cause = cause.__cause__ or cause.__context__
    return NotTaken(Trouble.UNREACHABLE, host=url.host)
