"""Verbs on people: the first administrator, invitations, grants, access. One transaction, one event each."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import timedelta

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from fairway.accounts.emails import parse_email, vouched_at
from fairway.accounts.models import OneTimeLink, RoleGrant, User
from fairway.accounts.queries import person, usable_link
from fairway.accounts.rules import (
    ROLES_FOR,
    Act,
    Actor,
    Blocked,
    Blocker,
    Role,
    may,
    token_blocker,
    why_not,
)
from fairway.accounts.secrets import new_link_secret, token_digest
from fairway.accounts.standing import end_standing, replace_password, standing_person
from fairway.activity.changes import refuse_stale
from fairway.activity.commands import record
from fairway.activity.rules import Door, On, Who
from fairway.shared.names import Invalid, parse_username
from fairway.shared.words import translate

INVITATION_LIFETIME = timedelta(days=7)


def require(actor: Actor, act: Act, *, application: str = "", environment: str = "") -> None:
    """Raise `Blocked` unless the actor may. Every command of every room begins with it (or with the gate, which asks it)."""
    if not may(actor, act, application=application, environment=environment):
        raise Blocked([why_not(actor, act)])


def on_person(user: User) -> On:
    return On(kind="person", id=user.pk, label=user.username)


@transaction.atomic
def ensure_first_link() -> str | None:
    """A fresh one-time link secret for the first administrator, None once anybody exists. Older ones die."""
    if User.objects.exists():
        return None
    OneTimeLink.objects.filter(purpose=OneTimeLink.FIRST_ADMINISTRATOR, used_at=None).delete()
    text = new_link_secret()
    OneTimeLink.objects.create(purpose=OneTimeLink.FIRST_ADMINISTRATOR, digest=token_digest(text))
    return text


@transaction.atomic
def create_first_administrator(*, link: str, username: str, password: str, email: str = "", address: str = "") -> User:
    """Use the first-start link. Raises `Invalid` for a dead link, a bad name or a weak password."""
    found = usable_link(link, OneTimeLink.FIRST_ADMINISTRATOR)
    if found is None or User.objects.exists():
        raise Invalid("link", "has been used or replaced; start Fairway again to get a new one.")
    if not OneTimeLink.objects.filter(pk=found.pk, used_at=None).update(used_at=timezone.now()):
        raise Invalid("link", "has been used a moment ago.")
    user = _new_person(username, email, password)
    RoleGrant.objects.create(user=user, role=Role.ADMIN)
    who = Who(id=user.pk, name=user.username, door=Door.WEB, identified_by="first-start link", address=address)
    record(who=who, verb="person.first_administrator_created", on=on_person(user), after={"roles": ["admin"]})
    return user


@transaction.atomic
def create_person(*, actor: Actor, username: str, email: str = "", roles: Iterable[str] = ()) -> tuple[User, str]:
    """A person and the secret of their invitation link, bound to them and good for seven days.

    An address that is given is vouched for by who gives it: an administrator, about somebody else.
    """
    require(actor, Act.MANAGE_PEOPLE)
    user = _new_person(username, email, None, is_vouched=True)
    wanted = sorted({parse_role(role) for role in roles})
    RoleGrant.objects.bulk_create(RoleGrant(user=user, role=role) for role in wanted)
    text = _invite(actor, user)
    record(who=actor.who, verb="person.created", on=on_person(user), after={"roles": wanted})
    return user, text


@transaction.atomic
def invite_again(*, actor: Actor, user: User) -> str:
    """A new invitation (or password reset) link; older ones die."""
    require(actor, Act.MANAGE_PEOPLE)
    _refuse_own_token(actor, user)
    text = _invite(actor, user)
    record(who=actor.who, verb="person.invited", on=on_person(user))
    return text


@transaction.atomic
def accept_invitation(*, link: str, password: str, address: str = "") -> User:
    """Set the password of the person the link was made for. Raises `Invalid`."""
    found = usable_link(link, OneTimeLink.INVITATION)
    if found is None or found.user is None:
        raise Invalid("link", "has been used, replaced or has expired; ask an administrator for a new one.")
    _check_password(password, found.user)
    if not OneTimeLink.objects.filter(pk=found.pk, used_at=None).update(used_at=timezone.now()):
        raise Invalid("link", "has been used a moment ago.")
    is_first = not found.user.has_usable_password()
    ended = replace_password(found.user, password)
    who = Who(id=found.user.pk, name=found.user.username, door=Door.WEB, identified_by="invitation", address=address)
    record(who=who, verb="person.invitation_accepted", on=on_person(found.user), after={} if is_first else ended)
    return found.user


@transaction.atomic
def give_new_password(*, actor: Actor, username: str) -> str:
    """A generated password in place of the one a person had, which ends all their ways in. Raises `NotVisible`."""
    require(actor, Act.MANAGE_PEOPLE)
    user = person(username)
    password = secrets.token_urlsafe(12)
    ended = replace_password(user, password)
    record(who=actor.who, verb="person.password_replaced", on=on_person(user), after=ended)
    return password


@transaction.atomic
def set_roles(
    *, actor: Actor, user: User, grants: Iterable[tuple[str, int | None, int | None]], as_of: int | None = None
) -> None:
    """Replace a person's grants: (role, environment id, application id). The last administrator cannot be unmade.

    Raises `Blocked`, `Invalid`, or `Changed` when somebody replaced them since event `as_of`.
    """
    require(actor, Act.MANAGE_PEOPLE)
    _refuse_own_token(actor, user)
    User.objects.select_for_update(no_key=True).get(pk=user.pk)  # two people who set them do so one after the other
    refuse_stale(as_of, "person.roles_set", subject_kind="person", subject_id=str(user.pk))
    before = _grant_words(user)
    RoleGrant.objects.filter(user=user).delete()
    for role, environment, application in dict.fromkeys(grants):
        RoleGrant.objects.create(user=user, role=parse_role(role), environment_id=environment, application_id=application)
    _refuse_no_administrator()
    record(
        who=actor.who,
        verb="person.roles_set",
        on=on_person(user),
        before={"roles": before},
        after={"roles": _grant_words(user)},
    )


@transaction.atomic
def set_active(*, actor: Actor, user: User, is_active: bool) -> None:
    """Let a person in, or keep them out, which ends all their ways in: whoever is let in again makes new ones."""
    require(actor, Act.MANAGE_PEOPLE)
    _refuse_own_token(actor, user)
    User.objects.filter(pk=user.pk).update(is_active=is_active)
    _refuse_no_administrator()
    verb, after = ("person.activated", {}) if is_active else ("person.deactivated", end_standing(user))
    record(who=actor.who, verb=verb, on=on_person(user), after=after)


@transaction.atomic
def record_sign_in(*, who: Who, signed_in: bool) -> None:
    """Sign-in and sign-out are events too."""
    record(who=who, verb="person.signed_in" if signed_in else "person.signed_out", on=On("person", who.id or 0, who.name))


def parse_role(text: str) -> str:
    """Raises `Invalid` naming the roles there are."""
    if text not in set(Role):
        raise Invalid("role", "“{value}” is not a role; use one of {names}.", value=text[:40], names=", ".join(Role))
    return text


def _new_person(username: str, email: str, password: str | None, *, is_vouched: bool = False) -> User:
    name = parse_username(username)
    if User.objects.filter(username__iexact=name).exists():
        raise Invalid("username", "“{name}” is taken.", name=name)
    user = User(username=name, email=parse_email(email))
    user.email_confirmed_at = vouched_at(user.email, user) if is_vouched else None
    if password is None:
        user.set_unusable_password()
    else:
        _check_password(password, user)
        user.set_password(password)
    user.save()
    return user


def _check_password(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid("password", " ".join(error.messages)) from None


def _refuse_own_token(actor: Actor, user: User) -> None:
    """A token must not give its owner, and so whoever holds it, another way in."""
    if actor.standing.token is not None and actor.id == user.pk:
        raise Blocked([token_blocker()])


def _invite(actor: Actor, user: User) -> str:
    if not actor.is_system:
        standing_person(actor)
    OneTimeLink.objects.filter(user=user, used_at=None).delete()
    text = new_link_secret()
    OneTimeLink.objects.create(
        purpose=OneTimeLink.INVITATION,
        user=user,
        digest=token_digest(text),
        generation=user.generation,
        made_by_id=actor.id,
        made_with_id=actor.standing.token,
        expires_at=timezone.now() + INVITATION_LIFETIME,
    )
    return text


def _grant_words(user: User) -> list[str]:
    rows = RoleGrant.objects.filter(user=user).values_list("role", "environment__slug", "application__slug")
    return sorted(
        " ".join(filter(None, [role, environment and f"in {environment}", application and f"of {application}"]))
        for role, environment, application in rows
    )


def _refuse_no_administrator() -> None:
    grants = RoleGrant.objects.filter(role=Role.ADMIN, environment=None, application=None, user__is_active=True)
    if not grants.exists():
        raise Blocked(
            [
                Blocker(
                    code="last_administrator",
                    sentence=translate("At least one person must remain Admin everywhere."),
                    who=translate("any Admin"),
                )
            ]
        )


assert set(ROLES_FOR) == set(Act), "every act names its roles"
