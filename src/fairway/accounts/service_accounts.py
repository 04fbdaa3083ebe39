"""Service accounts: actors that are no person. An administrator creates them, gives them roles, and makes tokens for them.

They have the same rows as people (`User.is_service`), so grants, events and revoking access work alike. They cannot sign
in: the database refuses a password, `backend.Backend` finds nobody for a session, and no command makes a link for one. Every
token of theirs ends within a year. What people must decide they cannot (`rules.ONLY_BY_PEOPLE`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from fairway.accounts.access import refresh_actors
from fairway.accounts.commands import grant_words, new_account, on_person, parse_role, require, set_roles
from fairway.accounts.models import ApiToken, User
from fairway.accounts.queries import grants_of, tokens_of
from fairway.accounts.rules import Act, Actor, Blocked, Blocker, limited, roles_one_may_act_as
from fairway.accounts.secrets import new_token, token_digest
from fairway.accounts.tokens import end_of, end_token, parse_name, token_facts
from fairway.activity.commands import record
from fairway.shared.names import Invalid, parse_text
from fairway.shared.translation import translate

LONGEST_LIFE = timedelta(days=366)
Grants = Iterable[tuple[str, int | None, int | None]]


@transaction.atomic
def create_service_account(*, actor: Actor, username: str, purpose: str = "", grants: Grants = ()) -> User:
    """Create a service account with these roles: (role, environment id, application id). Raises `Blocked` or `Invalid`."""
    require(actor, Act.MANAGE_PEOPLE)
    account = new_account(username, is_service=True)
    account.first_name = parse_text(purpose, field="purpose", longest=150)
    account.save(update_fields=["first_name"])
    after = {"purpose": account.first_name, "roles": grant_words(account)}
    record(who=actor.who, verb="service_account.created", on=on_person(account), after=after)
    if wanted := list(grants):
        set_roles(actor=actor, user=account, grants=wanted)
    return account


@transaction.atomic
def create_service_token(
    *,
    actor: Actor,
    account: User,
    name: str,
    expires_at: datetime | None,
    role: str = "",
    application: Any = None,
    environment: Any = None,
) -> tuple[ApiToken, str]:
    """Create a token for a service account; returns it and its text, which is not stored.

    It may do what the account may, or less: `role`, `application` and `environment` (rows) narrow it. It must end within a
    year, and one that an administrator makes with a token of their own ends with that one. Raises `Blocked` or `Invalid`.
    """
    require(actor, Act.MANAGE_PEOPLE)
    row = _locked(actor, account)
    if not row.is_active:
        raise Invalid("username", "is deactivated; activate the service account first.")
    held = grants_of(row)
    there = limited(held, application.slug if application else "", environment.slug if environment else "")
    if held and not there:
        raise Invalid("environment" if environment else "application", "the service account has no role there.")
    if role and parse_role(role) not in roles_one_may_act_as(there):
        raise Invalid(
            "role", "the service account does not hold “{role}”; a token can only narrow what it may do.", role=role
        )
    text = new_token()
    token = ApiToken.objects.create(
        user=row,
        name=parse_name(name),
        prefix=text[:8],
        digest=token_digest(text),
        role=role,
        application=application,
        environment=environment,
        generation=row.generation,
        made_with_id=actor.authentication.token,
        expires_at=_end(actor, expires_at),
    )
    after = {"token": token.name, **token_facts(token)}
    record(who=actor.who, verb="service_account.token_created", on=on_person(row), after=after)
    return token, text


@transaction.atomic
def revoke_service_token(*, actor: Actor, account: User, token_id: int) -> None:
    """Revoke one of a service account's tokens, and those made with it. No error if it does not exist any more. Raises
    `Blocked`."""
    require(actor, Act.MANAGE_PEOPLE)
    row = _locked(actor, account)
    token = tokens_of(row.pk).filter(pk=token_id).first()
    if token is not None:
        after = {"token": token.name, "tokens": end_token(token)}
        record(who=actor.who, verb="service_account.token_revoked", on=on_person(row), after=after)


def _locked(actor: Actor, account: User) -> User:
    """The account, locked, so that a token is not made while access to it is revoked. Raises `Blocked` if the actor's own
    access has ended, or `Invalid` if this is no service account."""
    row = User.objects.select_for_update(no_key=True).get(pk=account.pk)
    if not row.is_service:
        raise Invalid("username", "is a person; only they can make tokens of their own.")
    if not actor.is_system and refresh_actors([actor])[0] is None:
        sentence = translate("You have been signed out, or the token has expired; sign in again.")
        raise Blocked([Blocker(code="ended", sentence=sentence)])
    return row


def _end(actor: Actor, wanted: datetime | None) -> datetime:
    found = end_of(actor, wanted)
    if found is None:
        raise Invalid("expires_at", "is missing; a token of a service account must end.")
    if found > timezone.now() + LONGEST_LIFE:
        raise Invalid("expires_at", "is more than a year away; a token of a service account ends within a year.")
    return found
