"""Whether and how this installation sends mail, and the words for what went wrong."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.utils import parseaddr
from functools import cache
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from fairway.accounts.models import MailSettings
from fairway.drivers.messengers import smtp
from fairway.drivers.messengers.smtp import CannotSend, Security, Server, Trouble
from fairway.shared.sealing import Seal

log = logging.getLogger(__name__)
BACKEND = "fairway.accounts.mailing.Backend"
USUAL_PORTS = {Security.STARTTLS: 587, Security.TLS: 465, Security.NONE: 25}
VARIABLES = {
    "host": "FAIRWAY_SMTP_HOST",
    "port": "FAIRWAY_SMTP_PORT",
    "security": "FAIRWAY_SMTP_SECURITY",
    "username": "FAIRWAY_SMTP_USER",
    "sender_name": "FAIRWAY_MAIL_FROM_NAME",
    "sender": "FAIRWAY_MAIL_FROM",
}
TROUBLES: Mapping[Trouble, str | Promise] = {
    Trouble.UNKNOWN_HOST: _("There is no machine called “{host}”: the name cannot be resolved (DNS). Check the host."),
    Trouble.CONNECTION_REFUSED: _("“{host}” refused the connection on port {port}. Check the port."),
    Trouble.TIMEOUT: _("“{host}” did not answer in time on port {port}. Check the port; a firewall may block it."),
    Trouble.UNREACHABLE: _("“{host}” cannot be reached on port {port}: {answer}"),
    Trouble.CERTIFICATE: _("The certificate of “{host}” cannot be trusted: {answer}"),
    Trouble.TLS: _(
        "An encrypted connection to “{host}” on port {port} failed: {answer}. Port 465 usually needs TLS, port 587 STARTTLS."
    ),
    Trouble.NO_STARTTLS: _("“{host}” does not offer STARTTLS on port {port}. Choose TLS, or another port."),
    Trouble.NO_SIGN_IN: _("“{host}” does not accept a user name and password on port {port}."),
    Trouble.SIGN_IN_REFUSED: _("“{host}” refused the user name or the password: {answer}"),
    Trouble.SIGN_IN_REQUIRED: _("“{host}” requires a user name and password: {answer}"),
    Trouble.SENDER_REFUSED: _("“{host}” refused {sender} as the sender: {answer}"),
    Trouble.RECIPIENT_REFUSED: _("“{host}” refused the recipient {recipient}: {answer}"),
    Trouble.PROTOCOL: _("“{host}” did not take the mail: {answer}"),
}


@dataclass(frozen=True)
class Mailing:
    """How mail is sent. `is_fixed`: environment variables set it, and nobody can change it in Fairway."""

    server: Server
    sender: str
    sender_name: str
    is_fixed: bool

    @property
    def sender_line(self) -> str:
        """The sender as mail programs write it: ``Fairway <fairway@example.com>``."""
        return str(Address(self.sender_name, addr_spec=self.sender))


def mailing() -> Mailing | None:
    """How mail is sent now; None if no server is set."""
    if fixed := from_environment():
        return fixed
    row = MailSettings.objects.filter(pk=1).first()
    return _from_row(row) if row and row.host else None


def has_mail_server() -> bool:
    """Whether a server is set."""
    return bool(os.environ.get(VARIABLES["host"])) or MailSettings.objects.exclude(host="").exists()


def encryption_of_mail() -> str:
    """How mail is encrypted on its way to the server (a `Security`); "" if no server is set. Opens no secret."""
    if os.environ.get(VARIABLES["host"]):
        return os.environ.get(VARIABLES["security"], "").strip() or Security.STARTTLS.value
    return str(MailSettings.objects.exclude(host="").values_list("security", flat=True).first() or "")


def can_send_mail() -> bool:
    """Whether mail can be sent: a server is set, or Django uses a mail backend other than ours (in tests)."""
    return str(settings.EMAIL_BACKEND) != BACKEND or mailing() is not None


def trouble_words(mailing: Mailing, problem: CannotSend, recipient: str = "") -> str:
    """The problem as a sentence in the reader's language."""
    server = mailing.server
    words = {"host": server.host, "port": server.port, "sender": mailing.sender, "recipient": recipient}
    return str(TROUBLES[problem.trouble]).format(**words, answer=problem.answer or "—")


def trouble_now() -> str:
    """Connect to the server and sign in; returns what is wrong, "" if nothing is or Fairway does not send mail itself."""
    found = mailing() if str(settings.EMAIL_BACKEND) == BACKEND else None
    if found is None:
        return ""
    try:
        smtp.check(found.server)
    except CannotSend as problem:
        return trouble_words(found, problem)
    return ""


class Backend(BaseEmailBackend):
    """A Django mail backend that uses the server that is set now. Raises `CannotSend`; sends nothing if no server is set."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        found = mailing()
        if found is None:
            return 0
        for message in email_messages:
            for recipient in message.recipients():
                smtp.send(found.server, message.message(), sender=found.sender, recipient=parseaddr(recipient)[1])
        return len(email_messages)


def seal() -> Seal:
    return _seal_for(tuple(settings.FIELD_KEYS))


@cache
def _seal_for(keys: tuple[str, ...]) -> Seal:
    return Seal(keys)


def _from_row(row: MailSettings) -> Mailing:
    password = seal().open(row.sealed_password) if row.sealed_password else ""
    server = Server(row.host, row.port, Security(row.security), row.username, password)
    return Mailing(server, row.sender, row.sender_name, is_fixed=False)


def from_environment() -> Mailing | None:
    """The settings that environment variables make. Raises `ImproperlyConfigured`, which names the variable; `apps.py`
    calls this at start, so that an error is noticed there."""
    given = os.environ
    if not given.get(VARIABLES["host"]):
        return None
    values = {name: given.get(variable, "").strip() for name, variable in VARIABLES.items()}
    if values["security"] not in {*Security, ""}:
        raise ImproperlyConfigured(f"{VARIABLES['security']} must be starttls, tls or none.")
    security = Security(values["security"] or Security.STARTTLS)
    if values["port"] and not (values["port"].isascii() and values["port"].isdigit() and 0 < int(values["port"]) < 65536):
        raise ImproperlyConfigured(f"{VARIABLES['port']} must be a number from 1 to 65535.")
    sender = values["sender"]
    if "@" not in sender:
        raise ImproperlyConfigured(f"{VARIABLES['sender']} must be an e-mail address; mail is sent from it.")
    if values["username"] and security is Security.NONE:
        raise ImproperlyConfigured(f"{VARIABLES['security']}=none would send the password unencrypted; use starttls or tls.")
    server = Server(
        values["host"], int(values["port"] or USUAL_PORTS[security]), security, values["username"], _password(given)
    )
    return Mailing(server, sender, values["sender_name"] or "Fairway", is_fixed=True)


def _password(given: Mapping[str, str]) -> str:
    if file := given.get("FAIRWAY_SMTP_PASSWORD_FILE"):
        try:
            return Path(file).read_text().rstrip("\n")
        except OSError as problem:
            log.error("FAIRWAY_SMTP_PASSWORD_FILE cannot be read: %s", problem)
            return ""
    return given.get("FAIRWAY_SMTP_PASSWORD", "")
