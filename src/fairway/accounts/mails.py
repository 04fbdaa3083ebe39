"""The content of Fairway's mails: a subject, paragraphs and at most one button, as text and HTML, in the recipient's
language."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import make_msgid
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from fairway.accounts.mailing import mailing
from fairway.accounts.models import User


@dataclass(frozen=True)
class Mail:
    """One mail. `language` is the language of its words; `reason` says at the end, in small type, why the person received
    it."""

    subject: str
    paragraphs: tuple[str, ...]
    reason: str
    language: str
    button: str = ""
    url: str = ""


def test_mail() -> Mail:
    """The mail that tests the settings, in the language of the person who sends it."""
    return Mail(
        _("Test mail from Fairway"),
        (_("Fairway can send mail: this message went through the mail server that is set up."),),
        _("You receive this mail because an administrator pressed “Send a test mail”."),
        translation.get_language() or settings.LANGUAGE_CODE,
    )


def invitation_mail(user: User, link: str, *, by: str) -> Mail:
    """The mail with the link to sign in for the first time, or to choose a new password. `by` is who sent it."""
    words = {"by": by, "username": user.username, "place": settings.PUBLIC_URL}
    with _language_of(user) as language:
        return Mail(
            _("Your access to Fairway"),
            (
                _("%(by)s has created this link for you to sign in to Fairway at %(place)s.") % words,
                _("Your user name is %(username)s. Open the link to choose your password.") % words,
                _("The link works once, for seven days. Do not pass it on: whoever opens it gets your account."),
            ),
            _("You receive this mail because %(by)s manages people in this Fairway.") % words,
            language,
            _("Choose your password"),
            link,
        )


def reset_mail(user: User, link: str) -> Mail:
    """The mail with the link to choose a new password, requested by somebody who entered this address."""
    words = {"username": user.username, "place": settings.PUBLIC_URL}
    with _language_of(user) as language:
        return Mail(
            _("Choose a new password for Fairway"),
            (
                _("Someone asked for a new password for your account %(username)s at %(place)s.") % words,
                _("If that was you, open the link to choose one. It works once. A new password signs you out everywhere."),
                _("If it was not you, ignore this mail: your password stays as it is."),
            ),
            _("You receive this mail because this address is confirmed for an account in this Fairway."),
            language,
            _("Choose a new password"),
            link,
        )


def post(mail: Mail, address: str) -> bool:
    """Send the mail now; False if mail is not set up. Raises `CannotSend`."""
    found = mailing()
    with translation.override(mail.language):
        text, html = (render_to_string(f"mail/message.{form}", {"mail": mail}) for form in ("txt", "html"))
    headers = {
        "Message-ID": make_msgid(domain=urlsplit(settings.PUBLIC_URL).hostname or "localhost"),
        "Auto-Submitted": "auto-generated",
        "Content-Language": mail.language,
    }
    sender = found.sender_line if found else None
    message = EmailMultiAlternatives(mail.subject, text, sender, [address], headers=headers)
    message.attach_alternative(html, "text/html")
    return bool(message.send())


@contextmanager
def _language_of(user: User) -> Iterator[str]:
    """Use the language that the person chose, else the present one."""
    language = user.language or translation.get_language() or settings.LANGUAGE_CODE
    with translation.override(language):
        yield language
