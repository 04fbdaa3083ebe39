"""How to get at private registries and repositories. Secrets go in and never come out."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from django.http import HttpRequest
from ninja import Schema
from ninja import Status as Answer
from pydantic import Field, SecretStr

from fairway.accounts.doors import actor_of, needs
from fairway.accounts.rules import Act
from fairway.api.routing import DoorRouter
from fairway.api.schemas import Given, Slug
from fairway.applications.commands import delete_credential, save_credential
from fairway.applications.models import Credential
from fairway.applications.queries import credentials

router = DoorRouter(tags=["credentials"])


class CredentialShown(Schema):
    """Everything but the secret."""

    name: str
    kind: str
    host: str
    username: str
    known_hosts: str
    public_key: str
    created_at: datetime
    created_by: str


class CredentialWanted(Given):
    """`secret` is a registry's password or token, or a private deploy key."""

    kind: Literal["registry", "deploy_key"]
    host: str = Field(max_length=253)
    secret: SecretStr = Field(max_length=64 * 1024)
    username: str = Field("", max_length=200)
    known_hosts: str = Field("", max_length=20_000)
    public_key: str = Field("", max_length=20_000)


def _shown(one: Credential) -> CredentialShown:
    return CredentialShown(**{name: getattr(one, name) for name in CredentialShown.model_fields})


@router.get("/credentials", response=list[CredentialShown])
@needs(Act.MANAGE_CREDENTIALS)
def list_credentials(request: HttpRequest) -> list[CredentialShown]:
    """Every stored credential, without its secret."""
    return [_shown(one) for one in credentials()]


@router.put("/credentials/{name}", response=CredentialShown)
@needs(Act.MANAGE_CREDENTIALS)
def put_credential(request: HttpRequest, name: Slug, given: CredentialWanted) -> CredentialShown:
    """Store a credential, or replace the one of this name."""
    values = given.dict(exclude={"secret"})
    return _shown(save_credential(actor=actor_of(request), name=name, secret=given.secret.get_secret_value(), **values))


@router.delete("/credentials/{name}", response={204: None})
@needs(Act.MANAGE_CREDENTIALS)
def remove_credential(request: HttpRequest, name: Slug) -> Answer[None]:
    """Delete a credential no application uses."""
    delete_credential(actor=actor_of(request), name=name)
    return Answer(204, None)
