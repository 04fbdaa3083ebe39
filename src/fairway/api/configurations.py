"""Versioned settings and secrets of an application in an environment. Secrets are write-only."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from ninja import Query, Schema
from pydantic import Field, SecretStr

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act
from fairway.api.preconditions import AsOf
from fairway.api.routing import DoorRouter
from fairway.api.schemas import LARGEST, Asked, Given, Number, Page, Paged, Slug, page_of
from fairway.applications.commands import restore_configuration, save_configuration
from fairway.applications.models import Application, Configuration
from fairway.applications.queries import (
    application,
    changes_between,
    configuration,
    configurations_of,
    latest_configuration,
)
from fairway.environments.models import Environment
from fairway.environments.queries import place

router = DoorRouter(tags=["configurations"])
HERE = "/applications/{app}/environments/{env}/configuration"


class ConfigurationShown(Schema):
    """One version; 0 means nothing was ever set. `secrets` are names only."""

    version: int
    variables: dict[str, str]
    secrets: list[str]
    comment: str
    created_at: datetime | None
    created_by: str


class ChangeShown(Schema):
    """One line of a diff. `kind`: added, changed, removed. The values of a secret never appear."""

    name: str
    kind: str
    is_secret: bool
    before: str
    after: str


class ConfigurationWanted(Given):
    """`variables` replace all plain ones (left out: they stay); `secrets` are added to, or replace, those kept.

    `based_on` is the version you looked at; when somebody saved a newer one meanwhile, nothing is lost: it is refused.
    """

    variables: dict[str, str | int | float] | None = None
    secrets: dict[str, SecretStr] = {}
    removed_secrets: list[str] = Field([], max_length=500)
    comment: str = Field("", max_length=500)
    based_on: int | None = Field(None, ge=0, le=LARGEST)


class Since(Asked):
    """Compare with this version; left out: the one before."""

    since: int | None = Field(None, ge=0, le=LARGEST)


def _shown(one: Configuration | None) -> ConfigurationShown:
    if one is None:
        return ConfigurationShown(version=0, variables={}, secrets=[], comment="", created_at=None, created_by="")
    names = ("version", "variables", "comment", "created_at", "created_by")
    return ConfigurationShown(**{name: getattr(one, name) for name in names}, secrets=sorted(one.marks))


def _place(request: HttpRequest, app: str, env: str) -> tuple[Application, Environment]:
    actor = actor_of(request)
    one = application(actor, app)
    return one, place(actor, one, env)


@router.get(HERE, response=ConfigurationShown)
@needs(Act.VIEW)
def show_configuration(request: HttpRequest, app: Slug, env: Slug) -> ConfigurationShown:
    """The latest version: what the next deployment gets."""
    return _shown(latest_configuration(*_place(request, app, env)))


@router.put(HERE, response=ConfigurationShown)
@needs(Act.CONFIGURE)
def put_configuration(
    request: HttpRequest, app: Slug, env: Slug, given: ConfigurationWanted, as_of: AsOf
) -> ConfigurationShown:
    """Save a new version. Takes effect with the next deployment."""
    one, where = _place(request, app, env)
    saved = save_configuration(
        actor=actor_of(request),
        application=one,
        environment=where,
        variables=given.variables,
        secrets={name: value.get_secret_value() for name, value in given.secrets.items()},
        removed_secrets=given.removed_secrets,
        comment=given.comment,
        based_on=given.based_on,
        as_of=as_of,
    )
    return _shown(saved)


@router.get(f"{HERE}/versions", response=Page[ConfigurationShown])
@needs(Act.VIEW)
def list_configuration_versions(request: HttpRequest, app: Slug, env: Slug, asked: Query[Paged]) -> object:
    """Every version, newest first."""
    chosen = configurations_of(*_place(request, app, env))
    return page_of(chosen, asked, lambda rows: [_shown(one) for one in rows], by="version")


@router.get(f"{HERE}/versions/{{version}}", response=ConfigurationShown)
@needs(Act.VIEW)
def show_configuration_version(request: HttpRequest, app: Slug, env: Slug, version: Number) -> ConfigurationShown:
    """One version."""
    return _shown(configuration(*_place(request, app, env), version))


@router.get(f"{HERE}/versions/{{version}}/changes", response=list[ChangeShown])
@needs(Act.VIEW)
def show_configuration_changes(
    request: HttpRequest, app: Slug, env: Slug, version: Number, asked: Query[Since]
) -> list[ChangeShown]:
    """What changed in this version."""
    one, where = _place(request, app, env)
    after = configuration(one, where, version)
    since = version - 1 if asked.since is None else asked.since
    before = configuration(one, where, since) if since else None
    return [ChangeShown(**vars(change)) for change in changes_between(before, after)]


@router.post(f"{HERE}/versions/{{version}}/restoration", response=ConfigurationShown)
@needs(Act.CONFIGURE)
def restore_configuration_version(request: HttpRequest, app: Slug, env: Slug, version: Number) -> ConfigurationShown:
    """The content of an earlier version, secrets included, as a new version."""
    one, where = _place(request, app, env)
    old = configuration(one, where, version)
    return _shown(restore_configuration(actor=actor_of(request), application=one, environment=where, old=old))
