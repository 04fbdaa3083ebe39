"""Mail addresses of people. An address that was only entered is a claim; an administrator or a link must confirm it."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils import timezone

from fairway.accounts.models import User
from fairway.accounts.queries import confirmed_people
from fairway.shared.names import Invalid


def parse_email(text: str, *, field: str = "email") -> str:
    """A mail address, "" for none. Raises `Invalid`."""
    email = text.strip()
    if email:
        try:
            validate_email(email)
        except ValidationError:
            raise Invalid(field, "is not an e-mail address, e.g. “ada@example.com”.") from None
    return email


def confirmation_time(email: str, user: User) -> datetime | None:
    """The time to store when an address is confirmed as this person's: now; None without an address. Raises `Invalid` if
    it is another person's confirmed address."""
    if not email:
        return None
    if confirmed_people(email).exclude(pk=user.pk).exists():
        raise taken(email)
    return timezone.now()


def taken(email: str) -> Invalid:
    return Invalid(
        "email", "“{email}” already belongs to somebody else; an address can belong to one person only.", email=email
    )
