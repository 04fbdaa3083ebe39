"""Posts JSON to a URL: encrypted, to permitted addresses, within limits of time and size, without following redirects."""

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
from fairway.drivers.messengers.contract import NotTaken, Trouble
from fairway.drivers.outgoing import asked
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
        url = self.checked(address)
        sent = {"Content-Type": "application/json", **(headers or {})}
        try:
            with (
                httpx.Client(
                    follow_redirects=False,
                    trust_env=self.policy is None,
                    timeout=httpx.Timeout(self.seconds),
                    verify=ssl.create_default_context() if url.scheme == "https" else False,
                ) as client,
                asked(client, url, self.policy, method="POST", headers=sent, content=body) as answer,
            ):
                said = Masker([address, url.raw_path.decode(), secret])(self._text_of(answer, url))
                _judge(answer, url, said)
                return said
        except NeedsPerson:
            raise NotTaken(Trouble.NOT_PERMITTED, host=url.host) from None
        except Retry:
            raise NotTaken(Trouble.UNKNOWN_HOST, host=url.host) from None
        except httpx.TimeoutException:
            raise NotTaken(Trouble.TIMEOUT, host=url.host) from None
        except httpx.HTTPError as problem:
            raise _of_connection(problem, url) from None

    def _text_of(self, answer: httpx.Response, url: httpx.URL) -> str:
        """The beginning of the body. A receiver that sends a byte now and then has answered by its status."""
        until, body = time.monotonic() + self.seconds, bytearray()
        try:
            for chunk in answer.iter_raw():
                body += chunk
                if len(body) >= MOST_BYTES or time.monotonic() > until:
                    break
        except httpx.HTTPError:
            pass
        text = body[:MOST_BYTES].decode("utf-8", "replace")
        return "".join(sign if sign.isprintable() else " " for sign in text).strip()[:LONGEST_ANSWER]


def as_json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _judge(answer: httpx.Response, url: httpx.URL, said: str) -> None:
    """Raises `NotTaken` unless the receiver took the message."""
    status = answer.status_code
    if 200 <= status < 300:
        return
    trouble = Trouble.FAILED if status >= 500 else Trouble.REFUSED
    if 300 <= status < 400:
        trouble = Trouble.REDIRECT
    elif status == HTTPStatus.GONE:
        trouble = Trouble.GONE
    elif status == HTTPStatus.TOO_MANY_REQUESTS:
        trouble = Trouble.TOO_MANY
    raise NotTaken(trouble, host=url.host, status=status, answer=said, retry_after=retry_after(answer.headers))


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
