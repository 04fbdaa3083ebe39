"""Sends a mail through an SMTP server, and says which of the many possible problems occurred."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from enum import StrEnum

SECONDS = 10.0  # the longest wait for each answer of the server
LONGEST_ANSWER = 300


class Security(StrEnum):
    """How the connection is encrypted: after a STARTTLS command, from its first byte, or not at all."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


class Trouble(StrEnum):
    """Why a mail could not be sent."""

    UNKNOWN_HOST = "unknown_host"
    CONNECTION_REFUSED = "connection_refused"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    CERTIFICATE = "certificate"
    TLS = "tls"
    NO_STARTTLS = "no_starttls"
    NO_SIGN_IN = "no_sign_in"
    SIGN_IN_REFUSED = "sign_in_refused"
    SIGN_IN_REQUIRED = "sign_in_required"
    SENDER_REFUSED = "sender_refused"
    RECIPIENT_REFUSED = "recipient_refused"
    PROTOCOL = "protocol"


class CannotSend(Exception):
    """`answer` is the message of the server or the network, without the password."""

    def __init__(self, trouble: Trouble, answer: str = "") -> None:
        super().__init__(trouble.value)
        self.trouble, self.answer = trouble, answer


@dataclass(frozen=True)
class Server:
    """An SMTP server. Without a `username` there is no sign-in. `seconds` is the longest wait for each answer."""

    host: str
    port: int
    security: Security
    username: str = ""
    password: str = field(default="", repr=False)
    seconds: float = SECONDS


def check(server: Server) -> None:
    """Connect and sign in, without sending a mail. Raises `CannotSend`."""
    with _connection(server):
        pass


def send(server: Server, message: Message, *, sender: str, recipient: str) -> None:
    """Send a mail. From then on the server is responsible for it. Raises `CannotSend`."""
    with _connection(server) as connection:
        connection.send_message(message, from_addr=sender, to_addrs=[recipient])


@contextmanager
def _connection(server: Server) -> Iterator[smtplib.SMTP]:
    try:
        with _greeted(server) as connection:
            if server.username:
                connection.login(server.username, server.password)
            yield connection
    except (OSError, smtplib.SMTPException) as problem:
        trouble, answer = _reason(problem)
        clean = "".join(sign if sign.isprintable() else " " for sign in answer)
        if server.password:
            clean = clean.replace(server.password, "…")
        raise CannotSend(trouble, clean[:LONGEST_ANSWER].strip()) from None


def _greeted(server: Server) -> smtplib.SMTP:
    if server.security is Security.TLS:
        return smtplib.SMTP_SSL(
            server.host,
            server.port,
            timeout=server.seconds,
            context=ssl.create_default_context(),
            local_hostname="localhost",
        )
    connection = smtplib.SMTP(server.host, server.port, timeout=server.seconds, local_hostname="localhost")
    if server.security is Security.STARTTLS:
        try:
            connection.starttls(context=ssl.create_default_context())
        except smtplib.SMTPNotSupportedError:
            connection.close()
            raise CannotSend(Trouble.NO_STARTTLS) from None
        except BaseException:
            connection.close()
            raise
    return connection


def _reason(problem: Exception) -> tuple[Trouble, str]:
    match problem:
        case ssl.SSLCertVerificationError():
            return Trouble.CERTIFICATE, problem.verify_message
        case ssl.SSLError():
            return Trouble.TLS, problem.reason or str(problem)
        case socket.gaierror():
            return Trouble.UNKNOWN_HOST, ""
        case ConnectionRefusedError():
            return Trouble.CONNECTION_REFUSED, ""
        case TimeoutError():
            return Trouble.TIMEOUT, ""
        case smtplib.SMTPServerDisconnected() if isinstance(problem.__context__, OSError):
            return _reason(problem.__context__)  # the error that smtplib wrapped
        case smtplib.SMTPNotSupportedError():
            return Trouble.NO_SIGN_IN, ""
        case smtplib.SMTPAuthenticationError():
            return Trouble.SIGN_IN_REFUSED, _answer(problem)
        case smtplib.SMTPSenderRefused():
            return Trouble.SIGN_IN_REQUIRED if problem.smtp_code == 530 else Trouble.SENDER_REFUSED, _answer(problem)
        case smtplib.SMTPRecipientsRefused():
            code, text = next(iter(problem.recipients.values()))
            return Trouble.RECIPIENT_REFUSED, f"{code} {_text(text)}"
        case smtplib.SMTPResponseException():
            return Trouble.PROTOCOL, _answer(problem)
        case smtplib.SMTPException():
            return Trouble.PROTOCOL, str(problem)
        case _:
            return Trouble.UNREACHABLE, getattr(problem, "strerror", "") or str(problem)


def _answer(problem: smtplib.SMTPResponseException) -> str:
    return f"{problem.smtp_code} {_text(problem.smtp_error)}"


def _text(answer: bytes | str) -> str:
    return answer.decode(errors="replace") if isinstance(answer, bytes) else answer
