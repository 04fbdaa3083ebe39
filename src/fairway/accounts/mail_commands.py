"""Commands on mail: set the server, send. No mail is sent inside a transaction, because a server may be slow."""

from __future__ import annotations

from ipaddress import ip_address

from django.db import transaction
from django.utils.translation import gettext as _

from fairway.accounts.commands import on_person, require
from fairway.accounts.emails import parse_email
from fairway.accounts.mailing import USUAL_PORTS, mailing, seal, trouble_words
from fairway.accounts.mails import Mail, invitation_mail, post, test_mail
from fairway.accounts.models import MailSettings, User
from fairway.accounts.rules import SYSTEM, Act, Actor
from fairway.activity.changes import refuse_stale
from fairway.activity.commands import record
from fairway.activity.rules import On, Who
from fairway.drivers.messengers.smtp import CannotSend, Security
from fairway.shared.failures import Refused
from fairway.shared.names import Invalid, parse_hostname, parse_text

ON = On("mail", 1, "mail settings")


@transaction.atomic
def set_mail(
    *,
    actor: Actor,
    host: str,
    sender: str,
    port: int | None = None,
    security: str = Security.STARTTLS,
    username: str = "",
    password: str | None = None,
    sender_name: str = "",
    as_of: int | None = None,
) -> MailSettings:
    """Set the server that sends mail; without a `host`, no mail is sent. `password` None keeps the stored one, but it is
    never sent to another server: with a new host, port, user name or kind of encryption it must be given again.

    Raises `Blocked`, `Invalid`, `Refused`, or `Changed` when somebody changed them since event `as_of`.
    """
    require(actor, Act.MANAGE_SYSTEM)
    refuse_fixed()
    kept = MailSettings.objects.select_for_update(no_key=True).filter(pk=1).first() or MailSettings()
    refuse_stale(as_of, "mail.settings_changed")
    wanted = MailSettings()
    if host.strip():
        wanted = _parsed(host, port, security, username, sender, sender_name)
        wanted.sealed_password = _kept_or_new(kept, wanted, password)
    values = {field.name: getattr(wanted, field.name) for field in MailSettings._meta.fields if not field.primary_key}
    row, _is_new = MailSettings.objects.update_or_create(pk=1, defaults=values)
    record(who=actor.who, verb="mail.settings_changed", on=ON, before=facts(kept), after=facts(row))
    return row


def refuse_fixed() -> None:
    """Raise `Refused` if environment variables set how mail is sent."""
    found = mailing()
    if found is not None and found.is_fixed:
        why = _("Environment variables (FAIRWAY_SMTP_…) set how mail is sent here; change them where Fairway is started.")
        raise Refused(why)


def facts(row: MailSettings) -> dict[str, object]:
    """The settings as events show them; of the password only a mark that tells whether it changed."""
    if not row.host:
        return {}
    names = ("host", "port", "security", "username", "sender", "sender_name")
    mark = seal().mark(seal().open(row.sealed_password)) if row.sealed_password else ""
    return {**{name: getattr(row, name) for name in names}, "password": mark}


def send_test(*, actor: Actor, to: str) -> None:
    """Send a test mail. Raises `Blocked`, `Invalid`, or `Refused`, which says what is wrong."""
    require(actor, Act.MANAGE_SYSTEM)
    address = parse_email(to, field="to")
    if not address:
        raise Invalid("to", "must be an e-mail address.")
    _post(actor.who, on_person(User.objects.get(pk=actor.id or 0)), test_mail(), address)


def send_invitation(*, actor: Actor, user: User, link: str) -> None:
    """Send a person their link. Raises `Blocked`, `Invalid` if they have no address, or `Refused`, which says what is
    wrong."""
    require(actor, Act.MANAGE_PEOPLE)
    if not user.confirmed_email:
        raise Invalid("email", "is missing or not confirmed; nobody knows whose it is.")
    _post(actor.who, on_person(user), invitation_mail(user, link, by=actor.name), user.confirmed_email)


def send_for_system(*, user: User, mail: Mail) -> bool:
    """Send a person a mail that they requested without being signed in; returns whether a server accepted it. A failure
    is an event."""
    try:
        _post(SYSTEM.who, on_person(user), mail, user.confirmed_email)
    except Refused:
        return False
    return True


@transaction.atomic
def reseal_mail() -> int:
    """Seal the stored password with the newest key; returns 1, or 0 if none is stored."""
    for row in MailSettings.objects.exclude(sealed_password="").select_for_update(no_key=True):
        row.sealed_password = seal().reseal(row.sealed_password)
        row.save(update_fields=["sealed_password"])
        return 1
    return 0


def _post(who: Who, on: On, mail: Mail, address: str) -> None:
    found = mailing()
    try:
        is_sent = post(mail, address)
    except CannotSend as problem:
        sentence = trouble_words(found, problem, address) if found else str(problem)
        with transaction.atomic():
            record(
                who=who, verb="mail.failed", on=on, comment=sentence, after={"to": address, "trouble": problem.trouble.value}
            )
        raise Refused(sentence) from None
    if not is_sent:
        raise Refused(_("No mail server is set up, so no mail can be sent."))
    with transaction.atomic():
        record(who=who, verb="mail.sent", on=on, after={"to": address, "subject": mail.subject})


def _parse_server(host: str) -> str:
    """A host name or an IP address: a mail server in a private network often has no name. Raises `Invalid`."""
    try:
        return str(ip_address(host.strip().strip("[]")))
    except ValueError:
        return parse_hostname(host, field="host")


def _kept_or_new(row: MailSettings, wanted: MailSettings, password: str | None) -> str:
    if not wanted.username:
        if password:
            raise Invalid("username", "is missing; a password without a user name is of no use.")
        return ""
    if password is None and row.sealed_password:
        names = ("host", "port", "security", "username")
        if any(getattr(row, name) != getattr(wanted, name) for name in names):
            raise Invalid("password", "must be entered again: the stored one is not sent to another server or user.")
        return row.sealed_password
    if not password:
        raise Invalid("password", "is missing.")
    if not password.isprintable() or len(password) > 500:
        raise Invalid("password", "must be one line of at most 500 characters.")
    return seal().seal(password)


def _parsed(host: str, port: int | None, security: str, username: str, sender: str, sender_name: str) -> MailSettings:
    if security not in set(Security):
        raise Invalid("security", "must be starttls, tls or none.")
    wanted = MailSettings(
        host=_parse_server(host),
        port=USUAL_PORTS[Security(security)] if port is None else port,
        security=security,
        username=parse_text(username, field="username", longest=200),
        sender=parse_email(sender, field="sender"),
        sender_name=parse_text(sender_name, field="sender_name", longest=100) or "Fairway",
    )
    if not 0 < wanted.port < 65536:
        raise Invalid("port", "must be a number from 1 to 65535.")
    if not wanted.sender:
        raise Invalid("sender", "is missing; mail is sent from this address.")
    if not wanted.username.isprintable() or not wanted.sender_name.isprintable():
        raise Invalid("sender_name" if wanted.username.isprintable() else "username", "must be one line.")
    if wanted.username and security == Security.NONE:
        raise Invalid("security", "must be STARTTLS or TLS: a password is never sent unencrypted.")
    return wanted
