"""Commands on profiles, and on inviting a person together with their roles."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import IntegrityError, transaction

from fairway.accounts.access import replace_password
from fairway.accounts.commands import (
    create_first_administrator,
    create_person,
    on_person,
    refuse_service_account,
    require,
    set_roles,
)
from fairway.accounts.emails import confirmation_time, parse_email, taken
from fairway.accounts.models import User
from fairway.accounts.rules import Act, Actor
from fairway.activity.changes import refuse_stale
from fairway.activity.commands import record
from fairway.activity.rules import Door, Who
from fairway.shared.names import Invalid, parse_text

LANGUAGES = {"", "en", "fr"}
THEMES = {"", "light", "dark"}
Grants = Iterable[tuple[str, int | None, int | None]]


@transaction.atomic
def edit_profile(
    *, actor: Actor, name: str, email: str, language: str = "", theme: str = "", as_of: int | None = None
) -> User:
    """Change the actor's own profile. Raises `Blocked`, `Invalid`, or `Changed` if it was changed after event `as_of`."""
    require(actor, Act.CHANGE_ACCOUNT)
    user = User.objects.select_for_update(no_key=True).get(pk=actor.id or 0)
    refuse_stale(as_of, "person.edited", subject_kind="person", subject_id=str(user.pk))
    if language not in LANGUAGES:
        raise Invalid("language", "use en or fr, or leave it empty to follow the browser.")
    if theme not in THEMES:
        raise Invalid("theme", "use light or dark, or leave it empty to follow the system.")
    user.language, user.theme = language, theme
    _save(actor, user, name, email)
    return user


@transaction.atomic
def set_own_password(*, user: User, password: str, keeps_keys: bool = False, address: str = "") -> None:
    """Set a password that a person chose themselves, with their old one or through a mailed link; see
    `access.revoke_access`."""
    ended = replace_password(user, password, keeps_keys=keeps_keys)
    who = Who(id=user.pk, name=user.shown_name, door=Door.WEB, identified_by="password change", address=address)
    record(who=who, verb="person.password_set", on=on_person(user), after=ended)


@transaction.atomic
def edit_person(*, actor: Actor, user: User, name: str, email: str, grants: Grants, as_of: int | None = None) -> User:
    """Change a person's name, address and roles. Entering an address for somebody else confirms it.

    Raises `Blocked`, `Invalid`, or `Changed` if any of it was changed after event `as_of`.
    """
    require(actor, Act.MANAGE_PEOPLE)
    row = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if email.strip():
        refuse_service_account(row)
    refuse_stale(as_of, "person.edited", "person.roles_set", subject_kind="person", subject_id=str(row.pk))
    if (row.get_full_name(), row.email) != (name.strip(), email.strip()):
        _save(actor, row, name, email, is_confirmed=row.pk != actor.id)
    set_roles(actor=actor, user=row, grants=grants)
    return row


@transaction.atomic
def confirm_email(*, actor: Actor, user: User) -> User:
    """Confirm that the address is the person's: from then on they may sign in with it, and applications are told it.

    No error if it is confirmed already. Raises `Blocked`, or `Invalid` if there is no address or it is another person's.
    """
    require(actor, Act.MANAGE_PEOPLE)
    row = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if not row.email:
        raise Invalid("email", "is missing; enter the person's address first.")
    if row.email_confirmed_at is not None:
        return row
    row.email_confirmed_at = confirmation_time(row.email, row)
    _save_confirmed(row)
    record(who=actor.who, verb="person.email_confirmed", on=on_person(row), after={"email": row.email})
    return row


def _save_confirmed(user: User) -> None:
    """Save the person. Raises `Invalid` if two administrators confirm one address for two people at once: the database's
    constraint lets one win."""
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError:
        raise taken(user.email) from None


@transaction.atomic
def first_administrator(*, link: str, username: str, name: str, password: str, address: str = "") -> User:
    """Create the first administrator with a display name. Raises `Invalid`."""
    user = create_first_administrator(link=link, username=username, password=password, address=address)
    user.first_name = parse_text(name, field="name", longest=150)
    user.save(update_fields=["first_name"])
    return user


@transaction.atomic
def invite(*, actor: Actor, username: str, name: str, email: str, grants: Grants) -> tuple[User, str]:
    """Create a person with roles; returns them and the secret of their invitation link. Raises `Blocked` or `Invalid`."""
    user, secret = create_person(actor=actor, username=username, email=email)
    user.first_name = parse_text(name, field="name", longest=150)
    user.save(update_fields=["first_name"])
    if wanted := list(grants):
        set_roles(actor=actor, user=user, grants=wanted)
    return user, secret


def _save(actor: Actor, user: User, name: str, email: str, *, is_confirmed: bool = False) -> None:
    before = {"name": user.get_full_name(), "email": user.email, "email_confirmed": user.email_confirmed_at is not None}
    user.first_name, user.last_name = parse_text(name, field="name", longest=150), ""
    if (wanted := parse_email(email)) != user.email:  # the confirmation was for the old address
        user.email, user.email_confirmed_at = wanted, confirmation_time(wanted, user) if is_confirmed else None
    _save_confirmed(user)
    after = {"name": user.first_name, "email": user.email, "email_confirmed": user.email_confirmed_at is not None}
    record(who=actor.who, verb="person.edited", on=on_person(user), before=before, after=after)
