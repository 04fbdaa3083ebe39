"""The requester's own API tokens. A token's text is shown once, when it is created."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from ninja import Schema, Status
from pydantic import Field

from fairway.accounts.models import ApiToken
from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.queries import tokens_of
from fairway.accounts.rules import Act
from fairway.accounts.tokens import create_token, revoke_token
from fairway.api.routing import PermissionRouter
from fairway.api.schemas import Given, Moment, Number
from fairway.applications.queries import get_application
from fairway.environments.queries import get_environment
from fairway.shared.names import LONGEST_APPLICATION

router = PermissionRouter(tags=["tokens"])


class TokenShown(Schema):
    id: int
    name: str
    prefix: str
    role: str
    application: str
    environment: str
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None


class TokenMade(TokenShown):
    """`token` is the text to send; it is never shown again."""

    token: str


class TokenWanted(Given):
    """`role`, `application` and `environment` (slugs) narrow what it may do; empty means all that its owner may do."""

    name: str = Field(min_length=1, max_length=80)
    role: str = Field("", max_length=20)
    application: str = Field("", max_length=LONGEST_APPLICATION)
    environment: str = Field("", max_length=40)
    expires_at: Moment | None = None


def shown(token: ApiToken) -> TokenShown:
    return TokenShown(
        id=token.pk,
        name=token.name,
        prefix=token.prefix,
        role=token.role,
        application=token.application.slug if token.application else "",
        environment=token.environment.slug if token.environment else "",
        created_at=token.created_at,
        last_used_at=token.last_used_at,
        expires_at=token.expires_at,
    )


@router.get("/tokens", response=list[TokenShown])
@needs(Act.OWN_ACCOUNT)
def list_tokens(request: HttpRequest) -> list[TokenShown]:
    """Your valid tokens."""
    return [shown(token) for token in tokens_of(actor_of(request).id)]


@router.post("/tokens", response={201: TokenMade})
@needs(Act.OWN_ACCOUNT)
def make_token(request: HttpRequest, given: TokenWanted) -> Status[TokenMade]:
    """Create a token. One made with another token may not do more, or be valid for longer, than that one."""
    actor = actor_of(request)
    token, text = create_token(
        actor=actor,
        name=given.name,
        role=given.role,
        application=get_application(actor, given.application) if given.application else None,
        environment=get_environment(actor, given.environment) if given.environment else None,
        expires_at=given.expires_at,
    )
    return Status(201, TokenMade(**shown(token).dict(), token=text))


@router.delete("/tokens/{number}", response={204: None})
@needs(Act.OWN_ACCOUNT)
def revoke_own_token(request: HttpRequest, number: Number) -> Status[None]:
    """Revoke one of your tokens and those made with it. A token can revoke no others. No error if it does not exist any
    more."""
    revoke_token(actor=actor_of(request), token_id=number)
    return Status(204, None)
