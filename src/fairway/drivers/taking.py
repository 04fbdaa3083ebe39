"""Why a receiver (a chat, a program, a forge) did not take what was sent to it."""

from __future__ import annotations

from enum import StrEnum


class Trouble(StrEnum):
    """Why something that was sent was not taken."""

    NOT_HTTPS = "not_https"
    NOT_PERMITTED = "not_permitted"
    UNKNOWN_HOST = "unknown_host"
    TIMEOUT = "timeout"
    CERTIFICATE = "certificate"
    UNREACHABLE = "unreachable"
    REDIRECT = "redirect"
    GONE = "gone"
    TOO_MANY = "too_many"
    REFUSED = "refused"
    TOKEN_REFUSED = "token_refused"  # noqa: S105 - of a forge: 401
    FORBIDDEN = "forbidden"  # of a forge: 403, the token lacks a right
    NOT_FOUND = "not_found"  # of a forge: 404, also where the token may not see what is there
    FAILED = "failed"
    NO_CREDENTIAL = "no_credential"  # of a forge: the stored credential is gone, or is not for it
    NO_SERVER = "no_server"  # no mail server is set up
    MAIL = "mail"  # the mail server did not take it; `mail` says why


class NotTaken(Exception):
    """Something that was sent was not taken, so it may be sent again.

    `answer` is what the receiver said, without secrets; `status` its HTTP status, 0 if there was none; `retry_after` the
    number of seconds to wait at least, if the receiver named one.
    """

    def __init__(
        self,
        trouble: Trouble,
        *,
        host: str = "",
        status: int = 0,
        answer: str = "",
        retry_after: float | None = None,
        mail: str = "",
    ) -> None:
        super().__init__(trouble.value)
        self.trouble, self.host, self.status, self.answer = trouble, host, status, answer
        self.retry_after, self.mail = retry_after, mail
