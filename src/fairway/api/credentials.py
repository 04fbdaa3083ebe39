"""Credentials for private registries and repositories. Secrets are write-only."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from django.http import HttpRequest
from ninja import Query, Schema
from ninja import Status as Answer
from pydantic import Field, SecretStr

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act
from fairway.api.routing import PermissionRouter
from fairway.api.schemas import Asked, Given, Slug, Text
from fairway.applications.credential_commands import delete_credential, save_credential, scope_credential
from fairway.applications.models import Credential
from fairway.applications.queries import credentials, scope_of
from fairway.pipelines.repositories import LONGEST_SEARCH, repositories_of
from fairway.shared.names import LONGEST_APPLICATION

router = PermissionRouter(tags=["credentials"])


class Scope(Given):
    """A pair of slugs for which it may be used; empty for every application, or every environment."""

    application: str = Field("", max_length=LONGEST_APPLICATION)
    environment: str = Field("", max_length=40)


class ScopesWanted(Given):
    scopes: list[Scope] = Field(max_length=500)


class CredentialShown(Schema):
    """A credential without its secret."""

    name: str
    kind: str
    host: str
    username: str
    known_hosts: str
    public_key: str
    created_at: datetime
    created_by: str
    scopes: list[Scope]


class CredentialWanted(Given):
    """`secret` is a registry's password or token, a private deploy key, or a token for Git over HTTPS.

    Without `scopes`, a new credential may be used wherever you manage credentials; a replaced one keeps its scopes."""

    kind: Literal["registry", "deploy_key", "https"]
    host: str = Field(max_length=253)
    secret: SecretStr = Field(max_length=64 * 1024)
    username: str = Field("", max_length=200)
    known_hosts: str = Field("", max_length=20_000)
    public_key: str = Field("", max_length=20_000)
    scopes: list[Scope] | None = Field(None, max_length=500)


class RepositoryShown(Schema):
    """A repository: its path, the address to clone from, and its default branch, empty if it has no commit."""

    path: str
    url: str
    branch: str
    is_private: bool
    description: str
    moved_at: datetime | None


class RepositoriesShown(Schema):
    """`is_all`: there are no others that match."""

    is_all: bool
    repositories: list[RepositoryShown]


class RepositoriesAsked(Asked):
    """Only those whose path or description contains it."""

    search: Text = Field("", max_length=LONGEST_SEARCH)


def _shown(credential: Credential) -> CredentialShown:
    scopes = [Scope(application=application, environment=place) for application, place in sorted(scope_of(credential).pairs)]
    names = [name for name in CredentialShown.model_fields if name != "scopes"]
    return CredentialShown(**{name: getattr(credential, name) for name in names}, scopes=scopes)


def _pairs(scopes: list[Scope] | None) -> list[tuple[str, str]] | None:
    return None if scopes is None else [(scope.application, scope.environment) for scope in scopes]


@router.get("/credentials", response=list[CredentialShown])
@needs(Act.MANAGE_CREDENTIALS)
def list_credentials(request: HttpRequest) -> list[CredentialShown]:
    """Every stored credential you may use somewhere, without its secret."""
    return [_shown(credential) for credential in credentials(actor_of(request))]


@router.get("/credentials/{name}/repositories", response=RepositoriesShown)
@needs(Act.CREATE_APPLICATION)
def list_repositories(request: HttpRequest, name: Slug, asked: Query[RepositoriesAsked]) -> RepositoriesShown:
    """The repositories that a credential for Git over HTTPS may read at GitHub, GitLab, Gitea or Forgejo, those that changed
    last first: 50 at most. It must be one for every application in every environment."""
    found = repositories_of(actor_of(request), name, asked.search)
    shown = [
        RepositoryShown(**{part: getattr(one, part) for part in RepositoryShown.model_fields}) for one in found.repositories
    ]
    return RepositoriesShown(is_all=found.is_all, repositories=shown)


@router.put("/credentials/{name}", response=CredentialShown)
@needs(Act.MANAGE_CREDENTIALS)
def put_credential(request: HttpRequest, name: Slug, given: CredentialWanted) -> CredentialShown:
    """Store a credential, or replace the one of this name."""
    values = given.dict(exclude={"secret", "scopes"}) | {"scopes": _pairs(given.scopes)}
    return _shown(save_credential(actor=actor_of(request), name=name, secret=given.secret.get_secret_value(), **values))


@router.put("/credentials/{name}/scopes", response=CredentialShown)
@needs(Act.MANAGE_CREDENTIALS)
def put_credential_scopes(request: HttpRequest, name: Slug, given: ScopesWanted) -> CredentialShown:
    """Replace the scopes of a credential; its secret does not change."""
    scopes = _pairs(given.scopes) or []
    return _shown(scope_credential(actor=actor_of(request), name=name, scopes=scopes))


@router.delete("/credentials/{name}", response={204: None})
@needs(Act.MANAGE_CREDENTIALS)
def remove_credential(request: HttpRequest, name: Slug) -> Answer[None]:
    """Delete a credential that no application uses."""
    delete_credential(actor=actor_of(request), name=name)
    return Answer(204, None)
