"""A real mail server in a thread, with a certificate of our own authority, that keeps what it takes."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

USER, PASSWORD = "fairway", "p4ss of the mail server"
NOT_TAKEN = "nobody@example.com"


@dataclass
class MailServer:
    """`mails` is what it took. `refuses_senders`: it takes mail from nobody."""

    host: str = "localhost"
    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    refuses_senders: bool = False

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        if self.refuses_senders:
            return "550 5.7.1 You may not send as this address"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        if address == NOT_TAKEN:
            return "550 5.1.1 No such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.mails.append(cast(EmailMessage, message_from_bytes(envelope.content, policy=policy.default)))
        return "250 OK"


@contextmanager
def mail_server(
    certificate: Path | None, *, at_once: bool = False, signs_in: bool = True, required: bool = True
) -> Iterator[MailServer]:
    """With STARTTLS where there is a `certificate` (a file with its key), with TLS from the first byte `at_once`."""
    context = None
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
    server = MailServer()
    more: dict[str, Any] = {"auth_required": required, "authenticator": _signed_in} if signs_in else {}
    if at_once:
        more |= {"ssl_context": context, "auth_require_tls": False, "auth_required": False}
    else:
        more |= {"tls_context": context, "require_starttls": bool(context and signs_in)}
    with _started(_AnyPort(server, hostname="127.0.0.1", port=0, **more)) as server.port:
        yield server


class _AnyPort(Controller):
    """A free port; the first connection, by which it sees that it works, goes there, too."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        super()._trigger_server()


@contextmanager
def _started(controller: Controller) -> Iterator[int]:
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


def _signed_in(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    is_right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(
        success=is_right, handled=False, message=None if is_right else f"535 5.7.8 Wrong {data.password.decode()}"
    )


def certificate_for(folder: Path, host: str = "localhost") -> tuple[Path, Path]:
    """(the certificate with its key, the authority to trust) in files."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Mail authority of a test")])
    now = datetime.now(UTC)

    def signed(name: x509.Name, public: Any, *extensions: tuple[x509.ExtensionType, bool]) -> x509.Certificate:
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(authority_name).public_key(public)
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=30))
        for extension, is_critical in extensions:
            builder = builder.add_extension(extension, critical=is_critical)
        return builder.sign(authority_key, hashes.SHA256())

    authority = signed(authority_name, authority_key.public_key(), (x509.BasicConstraints(ca=True, path_length=None), True))
    names = x509.SubjectAlternativeName([x509.DNSName(host)])
    own_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    certificate = signed(own_name, key.public_key(), (names, False))
    pem = serialization.Encoding.PEM
    key_text = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    own, trusted = folder / "server.pem", folder / "authority.pem"
    own.write_bytes(key_text + certificate.public_bytes(pem))
    trusted.write_bytes(authority.public_bytes(pem))
    return own, trusted
