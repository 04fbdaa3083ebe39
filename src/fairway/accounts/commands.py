"""Commands on people: the first administrator, invitations, grants, access. One transaction and one event each."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import timedelta
from typing import NoReturn

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from fairway.accounts.access import locked_account, replace_password, revoke_access
from fairway.accounts.emails import confirmation_time, parse_email
from fairway.accounts.models import OneTimeLink, RoleGrant, SignInPolicy, SignInProvider, User
from fairway.accounts.origins import grant_in_words
from fairway.accounts.queries import administrators, get_person, may_use_password, usable_link, who_may_use_passwords
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
from fairway.activity.changes import refuse_stale
from fairway.activity.commands import record
from fairway.activity.rules import Door, On, Who
from fairway.shared.names import Invalid, parse_username
from fairway.shared.translation import translate

INVITATION_LIFETIME = timedelta(days=7)


def require(actor: Actor, act: Act, *, application: str = "", environment: str = "") -> None:
    """Raise `Blocked` unless the actor may do this. Every command begins with it, or with the gate, which calls it."""
    if not may(actor, act, application=application, environment=environment):
        raise Blocked([why_not(actor, act)])


def on_person(user: User) -> On:
    return On(kind="person", id=user.pk, label=user.username)


@transaction.atomic
def ensure_first_link() -> str | None:
    """Create the secret of a one-time link for the first administrator; None if any person exists. Revokes older links."""
    if User.objects.exists():
        return None
    OneTimeLink.objects.filter(purpose=OneTimeLink.FIRST_ADMINISTRATOR, used_at=None).delete()
    text = new_link_secret()
    OneTimeLink.objects.create(purpose=OneTimeLink.FIRST_ADMINISTRATOR, digest=token_digest(text))
    return text


@transaction.atomic
def create_first_administrator(*, link: str, username: str, password: str, email: str = "", address: str = "") -> User:
    """Create the first administrator with the first-start link. Raises `Invalid` for an unusable link, a bad name or a weak
    password."""
    found = usable_link(link, OneTimeLink.FIRST_ADMINISTRATOR)
    if found is None or User.objects.exists():
        raise Invalid("link", "has been used or replaced; start Fairway again to get a new one.")
    if not OneTimeLink.objects.filter(pk=found.pk, used_at=None).update(used_at=timezone.now()):
        raise Invalid("link", "has been used a moment ago.")
    user = new_account(username, email, password)
    RoleGrant.objects.create(user=user, role=Role.ADMIN)
    who = Who(id=user.pk, name=user.username, door=Door.WEB, identified_by="first-start link", address=address)
    record(who=who, verb="person.first_administrator_created", on=on_person(user), after={"roles": ["admin"]})
    return user


@transaction.atomic
def create_person(*, actor: Actor, username: str, email: str = "", roles: Iterable[str] = ()) -> tuple[User, str]:
    """Create a person; returns them and the secret of their invitation link, which is valid for `INVITATION_LIFETIME`.

    The administrator who enters a mail address thereby confirms it. Raises `Blocked` or `Invalid`.
    """
    require(actor, Act.MANAGE_PEOPLE)
    user = new_account(username, email, None, is_confirmed=True)
    wanted = sorted({parse_role(role) for role in roles})
    RoleGrant.objects.bulk_create(RoleGrant(user=user, role=role) for role in wanted)
    text = _invite(actor, user)
    record(who=actor.who, verb="person.created", on=on_person(user), after={"roles": wanted})
    return user, text


@transaction.atomic
def invite_again(*, actor: Actor, user: User) -> str:
    """Create a new invitation (or password reset) link and revoke older ones; returns its secret. Raises `Blocked`."""
    require(actor, Act.MANAGE_PEOPLE)
    refuse_own_token(actor, user)
    refuse_service_account(user)
    text = _invite(actor, user)
    record(who=actor.who, verb="person.invited", on=on_person(user))
    return text


@transaction.atomic
def accept_invitation(*, link: str, password: str, address: str = "") -> User:
    """Set the password of the person whom the link was made for. Raises `Invalid`."""
    found = usable_link(link, OneTimeLink.INVITATION)
    if found is None or found.user is None:
        raise Invalid("link", "has been used, replaced or has expired; ask an administrator for a new one.")
    if not may_use_password(found.user):
        raise Invalid("password", "is not used here; continue with a provider.")
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
    """Replace a person's password with a generated one, which is returned; this revokes all their access. Where only
    emergency accounts may use a password, theirs becomes one. Raises `Blocked` or `NotVisible`."""
    require(actor, Act.MANAGE_PEOPLE)
    user = get_person(username)
    refuse_service_account(user)
    password = secrets.token_urlsafe(12)
    ended = replace_password(user, password)
    if not may_use_password(user):
        User.objects.filter(pk=user.pk).update(is_emergency=True)
        ended = {**ended, "is_emergency": True}
    record(who=actor.who, verb="person.password_replaced", on=on_person(user), after=ended)
    return password


@transaction.atomic
def set_roles(
    *, actor: Actor, user: User, grants: Iterable[tuple[str, int | None, int | None]], as_of: int | None = None
) -> None:
    """Replace a person's grants: (role, environment id, application id). The last administrator keeps the role.

    Raises `Blocked`, `Invalid`, or `Changed` if they were replaced after event `as_of`.
    """
    require(actor, Act.MANAGE_PEOPLE)
    refuse_own_token(actor, user)
    User.objects.select_for_update(no_key=True).get(pk=user.pk)  # two people who set them do so one after the other
    refuse_stale(as_of, "person.roles_set", subject_kind="person", subject_id=str(user.pk))
    before = grant_words(user)
    rows = RoleGrant.objects.filter(user=user)
    given_by = {(one.role, one.environment_id, one.application_id): one.given_by_id for one in rows}
    rows.delete()
    for role, environment, application in dict.fromkeys(grants):
        RoleGrant.objects.create(
            user=user,
            role=parse_role(role),
            environment_id=environment,
            application_id=application,
            given_by_id=given_by.get((role, environment, application)),  # so that it still ends with the group
        )
    refuse_no_way_in()
    record(
        who=actor.who,
        verb="person.roles_set",
        on=on_person(user),
        before={"roles": before},
        after={"roles": grant_words(user)},
    )


@transaction.atomic
def set_active(*, actor: Actor, user: User, is_active: bool) -> None:
    """Activate a person, or deactivate them, which revokes all their access for good. Raises `Blocked` or `Invalid`."""
    require(actor, Act.MANAGE_PEOPLE)
    refuse_own_token(actor, user)
    User.objects.filter(pk=user.pk).update(is_active=is_active)
    refuse_no_way_in()
    verb, after = ("person.activated", {}) if is_active else ("person.deactivated", revoke_access(user))
    record(who=actor.who, verb=verb, on=on_person(user), after=after)


@transaction.atomic
def record_sign_in(*, who: Who, signed_in: bool) -> None:
    """Record the event of a sign-in or sign-out."""
    record(who=who, verb="person.signed_in" if signed_in else "person.signed_out", on=On("person", who.id or 0, who.name))


def parse_role(text: str) -> str:
    """The role of this name. Raises `Invalid`, which lists the roles."""
    if text not in set(Role):
        raise Invalid("role", "“{value}” is not a role; use one of {names}.", value=text[:40], names=", ".join(Role))
    return text


def new_account(
    username: str, email: str = "", password: str | None = None, *, is_confirmed: bool = False, is_service: bool = False
) -> User:
    """A new row; without a password nobody can sign in with one. Raises `Invalid`."""
    name = parse_username(username)
    if User.objects.filter(username__iexact=name).exists():
        raise Invalid("username", "“{name}” is taken.", name=name)
    user = User(username=name, email=parse_email(email), is_service=is_service)
    user.email_confirmed_at = confirmation_time(user.email, user) if is_confirmed else None
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


def refuse_own_token(actor: Actor, user: User) -> None:
    """Raise `Blocked` if a token is used to give its own owner, and so whoever has the token, another way to sign in."""
    if actor.authentication.token is not None and actor.id == user.pk:
        raise Blocked([token_blocker()])


def refuse_service_account(user: User) -> None:
    """Raise `Invalid` if this is a service account, which gets no way to sign in."""
    if user.is_service:
        raise Invalid("username", "is a service account, which cannot sign in; create a token for it instead.")


def _invite(actor: Actor, user: User) -> str:
    if not actor.is_system:
        locked_account(actor)
    OneTimeLink.objects.filter(user=user, used_at=None).delete()
    text = new_link_secret()
    OneTimeLink.objects.create(
        purpose=OneTimeLink.INVITATION,
        user=user,
        digest=token_digest(text),
        generation=user.generation,
        made_by_id=actor.id,
        made_with_id=actor.authentication.token,
        expires_at=timezone.now() + INVITATION_LIFETIME,
    )
    return text


def grant_words(user: User) -> list[str]:
    rows = RoleGrant.objects.filter(user=user).values_list("role", "environment__slug", "application__slug")
    return sorted(grant_in_words(*row) for row in rows)


def refuse_no_way_in() -> None:
    """Raise `Blocked` if nobody who is active is Admin everywhere, or as `refuse_lockout` does. Every command that takes
    roles or accounts away ends with it."""
    if not administrators().exists():
        _refuse("last_administrator", translate("At least one person must remain Admin everywhere."))
    refuse_lockout()


def refuse_lockout() -> None:
    """Where only emergency accounts may use a password, raise `Blocked` if none is left or no provider is offered."""
    if who_may_use_passwords() == SignInPolicy.EVERYBODY:
        return
    if not any(user.has_usable_password() for user in administrators().filter(is_emergency=True)):
        sentence = translate("Only emergency accounts may use a password, so one must remain Admin everywhere.")
        _refuse("last_emergency_account", sentence)
    if not SignInProvider.objects.filter(is_enabled=True).exists():
        sentence = translate("Only emergency accounts may use a password, so a sign-in provider must remain.")
        _refuse("last_provider", sentence)


def _refuse(code: str, sentence: str) -> NoReturn:
    raise Blocked([Blocker(code=code, sentence=sentence, who=translate("any Admin"))])


assert set(ROLES_FOR) == set(Act), "every act names its roles"
