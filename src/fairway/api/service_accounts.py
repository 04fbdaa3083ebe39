"""Service accounts and their tokens. Their roles and whether they are active are set as people's are."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Schema, Status
from pydantic import Field

from fairway.accounts.models import User
from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.queries import get_service_account, service_accounts, tokens_of
from fairway.accounts.rules import Act, Actor, NotVisible
from fairway.accounts.service_accounts import create_service_account, create_service_token, revoke_service_token
from fairway.api.me import GrantShown
from fairway.api.people import GrantWanted, grants_shown, meant
from fairway.api.routing import PermissionRouter
from fairway.api.schemas import Given, Moment, Number, Slug
from fairway.api.tokens import TokenMade, TokenShown
from fairway.api.tokens import shown as token_shown
from fairway.applications.queries import get_application
from fairway.environments.queries import get_environment
from fairway.shared.names import LONGEST_APPLICATION, Invalid

router = PermissionRouter(tags=["people"])


class ServiceAccountShown(Schema):
    """`username` is what events call it; `purpose` says what it is for."""

    username: str
    purpose: str
    is_active: bool
    grants: list[GrantShown]
    tokens: list[TokenShown]


class ServiceAccountWanted(Given):
    username: str = Field(max_length=60)
    purpose: str = Field("", max_length=150)
    grants: list[GrantWanted] = Field([], max_length=500)


class ServiceTokenWanted(Given):
    """`role`, `application` and `environment` (slugs) narrow what it may do; empty means all that the account may do. It
    must end within a year."""

    name: str = Field(min_length=1, max_length=80)
    expires_at: Moment
    role: str = Field("", max_length=20)
    application: str = Field("", max_length=LONGEST_APPLICATION)
    environment: str = Field("", max_length=40)


def shown(account: User) -> ServiceAccountShown:
    return ServiceAccountShown(
        username=account.username,
        purpose=account.get_full_name(),
        is_active=account.is_active,
        grants=grants_shown(account),
        tokens=[token_shown(token) for token in tokens_of(account.pk)],
    )


@router.get("/service-accounts", response=list[ServiceAccountShown])
@needs(Act.MANAGE_PEOPLE)
def list_service_accounts(request: HttpRequest) -> list[ServiceAccountShown]:
    """Every service account, with its roles and its valid tokens."""
    return [shown(account) for account in service_accounts()]


@router.post("/service-accounts", response={201: ServiceAccountShown})
@needs(Act.MANAGE_PEOPLE)
def make_service_account(request: HttpRequest, given: ServiceAccountWanted) -> Status[ServiceAccountShown]:
    """Create a service account. It cannot sign in; make a token for it."""
    actor = actor_of(request)
    grants = meant(actor, given.grants)
    create_service_account(actor=actor, username=given.username, purpose=given.purpose, grants=grants)
    return Status(201, shown(get_service_account(given.username)))


@router.get("/service-accounts/{username}", response=ServiceAccountShown)
@needs(Act.MANAGE_PEOPLE)
def show_service_account(request: HttpRequest, username: Slug) -> ServiceAccountShown:
    """One service account."""
    return shown(get_service_account(username))


@router.post("/service-accounts/{username}/tokens", response={201: TokenMade})
@needs(Act.MANAGE_PEOPLE)
def make_service_token(request: HttpRequest, username: Slug, given: ServiceTokenWanted) -> Status[TokenMade]:
    """Create a token for a service account; its text is shown this once."""
    actor = actor_of(request)
    token, text = create_service_token(
        actor=actor,
        account=get_service_account(username),
        name=given.name,
        expires_at=given.expires_at,
        role=given.role,
        application=_named(get_application, actor, given.application, "application"),
        environment=_named(get_environment, actor, given.environment, "environment"),
    )
    return Status(201, TokenMade(**token_shown(token).dict(), token=text))


@router.delete("/service-accounts/{username}/tokens/{number}", response={204: None})
@needs(Act.MANAGE_PEOPLE)
def revoke_token_of_service_account(request: HttpRequest, username: Slug, number: Number) -> Status[None]:
    """Revoke one of its tokens and those made with it. No error if it does not exist any more."""
    revoke_service_token(actor=actor_of(request), account=get_service_account(username), token_id=number)
    return Status(204, None)


def _named(look_up: Any, actor: Actor, slug: str, field: str) -> Any:
    """The row of this slug; None for "". Raises `Invalid`: in a body, what does not exist is bad input, not a 404."""
    try:
        return look_up(actor, slug) if slug else None
    except NotVisible as error:
        raise Invalid(field, str(error)) from None
