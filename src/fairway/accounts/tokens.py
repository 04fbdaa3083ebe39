"""Creates and revokes API tokens. Nothing made with a token lasts longer or may do more than that token."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from fairway.accounts.access import locked_account
from fairway.accounts.commands import parse_role, require
from fairway.accounts.models import ApiToken
from fairway.accounts.queries import tokens_of, with_scope
from fairway.accounts.rules import Act, Actor, Blocked, Blocker, Grant, limited, roles_one_may_act_as
from fairway.accounts.secrets import new_token, token_digest
from fairway.activity.commands import record
from fairway.activity.rules import On
from fairway.shared.names import Invalid
from fairway.shared.translation import translate

LONGEST_NAME = 80
KEPT_EXPIRED = timedelta(days=30)


@transaction.atomic
def create_token(
    *,
    actor: Actor,
    name: str,
    role: str = "",
    application: Any = None,
    environment: Any = None,
    expires_at: datetime | None = None,
) -> tuple[ApiToken, str]:
    """Create a token for the actor; returns it and its text, which is not stored.

    With `application` and `environment` (rows of these rooms, which this one does not know) it may do only what concerns
    these. It never may do more than the actor may now; a token made with another token ends with that one and stays within
    its limits, whatever was requested. Raises `Blocked`
    or `Invalid`.
    """
    require(actor, Act.OWN_ACCOUNT)
    name = parse_name(name)
    user, text = locked_account(actor), new_token()
    application, environment = _limits(actor, application, environment)
    there = limited(actor.active_grants, application.slug if application else "", environment.slug if environment else "")
    if actor.active_grants and not there:
        raise Invalid("environment" if environment else "application", "you have no role there.")
    token = ApiToken.objects.create(
        user=user,
        name=name,
        prefix=text[:8],
        digest=token_digest(text),
        role=_role(actor, role, there) if role else actor.acting_as or "",
        application=application,
        environment=environment,
        generation=user.generation,
        made_with_id=actor.authentication.token,
        expires_at=end_of(actor, expires_at),
    )
    record(who=actor.who, verb="token.created", on=On("token", token.pk, token.name), after=token_facts(token))
    return token, text


def token_facts(token: ApiToken) -> dict[str, str]:
    """The token as events show it."""
    return {
        "role": token.role,
        "application": token.application.slug if token.application else "",
        "environment": token.environment.slug if token.environment else "",
        "expires_at": token.expires_at.isoformat() if token.expires_at else "",
    }


def parse_name(text: str) -> str:
    """A token's name. Raises `Invalid`."""
    if not text.strip() or len(text) > LONGEST_NAME:
        raise Invalid("name", "give the token a name of at most 80 characters, e.g. “ci-main”.")
    return text.strip()


@transaction.atomic
def revoke_token(*, actor: Actor, token_id: int) -> None:
    """Revoke one of the actor's tokens and those made with it. No error if it does not exist any more.

    With a token, only that token and those made with it can be revoked. Raises `Blocked`.
    """
    require(actor, Act.OWN_ACCOUNT)
    locked_account(actor)
    token = tokens_of(actor.id).filter(pk=token_id).first()
    if token is None:
        return
    if actor.authentication.token is not None and token.pk not in _with_children(actor.authentication.token):
        sentence = translate(
            "A token can revoke only itself and the tokens created with it; sign in to the web interface to revoke others."
        )
        raise Blocked([Blocker(code="token", sentence=sentence, who=translate("its owner, after signing in"))])
    after = {"tokens": end_token(token)}
    record(who=actor.who, verb="token.revoked", on=On("token", token.pk, token.name), after=after)


def end_token(token: ApiToken) -> int:
    """Revoke this token and those made with it; returns how many they are."""
    ended = _with_children(token.pk)
    ApiToken.objects.filter(pk__in=ended).update(revoked_at=timezone.now())
    return len(ended)


def _limits(actor: Actor, application: Any, environment: Any) -> tuple[Any, Any]:
    """What the new token is limited to: what was asked for, and what the token that is used is limited to. Raises `Invalid`
    if these contradict each other."""
    if actor.authentication.token is None:
        return application, environment
    used = with_scope(ApiToken.objects.filter(pk=actor.authentication.token)).get()
    if used.application is not None and application not in (None, used.application):
        raise Invalid(
            "application", "is another one than “{name}”, to which your token is limited.", name=used.application.slug
        )
    if used.environment is not None and environment not in (None, used.environment):
        raise Invalid(
            "environment", "is another one than “{name}”, to which your token is limited.", name=used.environment.slug
        )
    return application or used.application, environment or used.environment


def _role(actor: Actor, role: str, there: tuple[Grant, ...]) -> str:
    """The role to which the token is narrowed. Raises `Invalid` if that would be more than the actor may do `there`."""
    if parse_role(role) in roles_one_may_act_as(there):
        return role
    if actor.acting_as:
        raise Invalid("role", "“{role}” can do more than the role you act as; a token can only narrow it.", role=role)
    raise Invalid("role", "you do not hold “{role}”; a token can only narrow what you may do.", role=role)


def end_of(actor: Actor, wanted: datetime | None) -> datetime | None:
    """When a token that the actor makes ends, if it is to end at `wanted`: not after the token that they use. Raises
    `Invalid`."""
    if wanted is not None and wanted <= timezone.now():
        raise Invalid("expires_at", "is in the past; leave it empty or give a later time.")
    last = actor.authentication.until
    if wanted is not None and last is not None and wanted > last:
        end = last.isoformat(timespec="seconds")
        raise Invalid(
            "expires_at",
            "is after {end}, when the token you are using expires; a token cannot create one that lasts longer.",
            end=end,
        )
    return wanted or last


def forget_expired_tokens() -> int:
    """Delete tokens that expired more than `KEPT_EXPIRED` ago, and with them what was made with them and ended before them;
    returns how many rows. Events keep what was done with a token."""
    return ApiToken.objects.filter(expires_at__lt=timezone.now() - KEPT_EXPIRED).delete()[0]


def _with_children(number: int) -> set[int]:
    """The ids of this token and all tokens made with it, directly or indirectly."""
    found, fresh = {number}, [number]
    while fresh:
        fresh = list(ApiToken.objects.filter(made_with__in=fresh, revoked_at=None).values_list("pk", flat=True))
        found.update(fresh)
    return found
