"""Verbs on what people tell about themselves, and on inviting somebody with their roles in one act."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import IntegrityError, transaction

from fairway.accounts.commands import create_first_administrator, create_person, on_person, require, set_roles
from fairway.accounts.emails import parse_email, taken, vouched_at
from fairway.accounts.models import User
from fairway.accounts.rules import Act, Actor
from fairway.accounts.standing import replace_password
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
    """Change one's own. Raises `Invalid`, or `Changed` when somebody changed it since event `as_of`."""
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
    """A person's own new password, by the old one or by a link sent to them; see `standing.end_standing`."""
    ended = replace_password(user, password, keeps_keys=keeps_keys)
    who = Who(id=user.pk, name=user.shown_name, door=Door.WEB, identified_by="password change", address=address)
    record(who=who, verb="person.password_set", on=on_person(user), after=ended)


@transaction.atomic
def edit_person(*, actor: Actor, user: User, name: str, email: str, grants: Grants, as_of: int | None = None) -> User:
    """Change somebody's name, address and roles. An address entered for somebody else is vouched for by who enters it.

    Raises `Blocked`, `Invalid`, or `Changed` when somebody changed any of it since event `as_of`.
    """
    require(actor, Act.MANAGE_PEOPLE)
    row = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    refuse_stale(as_of, "person.edited", "person.roles_set", subject_kind="person", subject_id=str(row.pk))
    if (row.get_full_name(), row.email) != (name.strip(), email.strip()):
        _save(actor, row, name, email, is_vouched=row.pk != actor.id)
    set_roles(actor=actor, user=row, grants=grants)
    return row


@transaction.atomic
def confirm_email(*, actor: Actor, user: User) -> User:
    """Vouch that the address is the person's: from then on they may sign in with it, and applications are told it.

    No error when it is confirmed already. Raises `Blocked`, or `Invalid` without an address or when it is somebody else's.
    """
    require(actor, Act.MANAGE_PEOPLE)
    row = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if not row.email:
        raise Invalid("email", "is missing; enter the person's address first.")
    if row.email_confirmed_at is not None:
        return row
    row.email_confirmed_at = vouched_at(row.email, row)
    _save_vouched(row)
    record(who=actor.who, verb="person.email_confirmed", on=on_person(row), after={"email": row.email})
    return row


def _save_vouched(user: User) -> None:
    """Two administrators may vouch for one address of two people at once; the database knows who was first."""
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError:
        raise taken(user.email) from None


@transaction.atomic
def first_administrator(*, link: str, username: str, name: str, password: str, address: str = "") -> User:
    """The first administrator, with the name people shall see. Raises `Invalid`."""
    user = create_first_administrator(link=link, username=username, password=password, address=address)
    user.first_name = parse_text(name, field="name", longest=150)
    user.save(update_fields=["first_name"])
    return user


@transaction.atomic
def invite(*, actor: Actor, username: str, name: str, email: str, grants: Grants) -> tuple[User, str]:
    """Somebody new, with their roles, and the secret of their invitation link."""
    user, secret = create_person(actor=actor, username=username, email=email)
    user.first_name = parse_text(name, field="name", longest=150)
    user.save(update_fields=["first_name"])
    if wanted := list(grants):
        set_roles(actor=actor, user=user, grants=wanted)
    return user, secret


def _save(actor: Actor, user: User, name: str, email: str, *, is_vouched: bool = False) -> None:
    before = {"name": user.get_full_name(), "email": user.email}
    user.first_name, user.last_name = parse_text(name, field="name", longest=150), ""
    if (wanted := parse_email(email)) != user.email:  # what was vouched for is not this address
        user.email, user.email_confirmed_at = wanted, vouched_at(wanted, user) if is_vouched else None
    _save_vouched(user)
    after = {"name": user.first_name, "email": user.email, "email_confirmed": user.email_confirmed_at is not None}
    record(who=actor.who, verb="person.edited", on=on_person(user), before=before, after=after)
