"""Applications: create, look, change, delete."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Query, Schema, Status
from pydantic import Field

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Actor
from fairway.api.placements_shown import PlacementShown, placement_shown
from fairway.api.preconditions import AsOf
from fairway.api.routing import DoorRouter
from fairway.api.schemas import Asked, Given, ShownFacts, Slug, Text
from fairway.applications.commands import create_application, edit_application
from fairway.applications.models import Application
from fairway.applications.queries import application, visible_to
from fairway.deployments.commands.placements import delete_application
from fairway.deployments.queries import placements_visible_to

router = DoorRouter(tags=["applications"])


class SourceGiven(Given):
    """Where the bytes come from.

    image: `image` · git: `url`, `ref`, `folder` · archive: `upload`, or `url` and `checksum`.
    """

    kind: Literal["image", "git", "archive"]
    image: str = Field("", max_length=400)
    url: str = Field("", max_length=500)
    ref: str = Field("", max_length=250)
    folder: str = Field("", max_length=400)
    upload: str = Field("", max_length=80)
    checksum: str = Field("", max_length=80)
    name: str = Field("", max_length=200)
    credential: str = Field("", max_length=80)

    def values(self) -> dict[str, Any]:
        """The source as the domain takes it."""
        return {name: value for name, value in self.dict(exclude={"kind"}).items() if value}


class ApplicationShown(Schema):
    """`spec` holds only what a person changed of what is detected."""

    slug: str
    name: str
    description: str
    source_kind: str
    source: ShownFacts
    spec: dict[str, Any] | None
    created_at: datetime
    created_by: str
    placements: list[PlacementShown]


class ApplicationWanted(Given):
    name: str = Field(max_length=80)
    source: SourceGiven
    slug: str = Field("", max_length=40)
    description: str = Field("", max_length=2000)
    spec: dict[str, Any] | None = None


class ApplicationChanges(Given):
    """What is left out stays. Takes effect with the next deployment."""

    name: str | None = Field(None, max_length=80)
    description: str | None = Field(None, max_length=2000)
    source: SourceGiven | None = None
    spec: dict[str, Any] | None = None


class Confirmation(Asked):
    """`confirmed` must be the application's slug; `volumes` also deletes what it stored."""

    confirmed: Text = Field("", max_length=80)
    volumes: bool = False


def _shown(one: Application, placements: list[PlacementShown]) -> ApplicationShown:
    names = ("slug", "name", "description", "source_kind", "source", "spec", "created_at", "created_by")
    return ApplicationShown(**{name: getattr(one, name) for name in names}, placements=placements)


def _placements(actor: Actor, one: Application) -> list[PlacementShown]:
    return [placement_shown(placement) for placement in placements_visible_to(actor).filter(application=one)]


@router.get("/applications", response=list[ApplicationShown])
@needs(Act.VIEW)
def list_applications(request: HttpRequest) -> list[ApplicationShown]:
    """Every application you may see, with what runs of it where."""
    actor = actor_of(request)
    by_application: dict[int, list[PlacementShown]] = {}
    for placement in placements_visible_to(actor):
        by_application.setdefault(placement.application_id, []).append(placement_shown(placement))
    return [_shown(one, by_application.get(one.pk, [])) for one in visible_to(actor)]


@router.post("/applications", response={201: ApplicationShown})
@needs(Act.CREATE_APPLICATION)
def make_application(request: HttpRequest, given: ApplicationWanted) -> Status[ApplicationShown]:
    """Create an application. Nothing runs until it is deployed."""
    one = create_application(
        actor=actor_of(request),
        name=given.name,
        slug=given.slug,
        description=given.description,
        source_kind=given.source.kind,
        source=given.source.values(),
        spec=given.spec,
    )
    return Status(201, _shown(one, []))


@router.get("/applications/{slug}", response=ApplicationShown)
@needs(Act.VIEW)
def show_application(request: HttpRequest, slug: Slug) -> ApplicationShown:
    """One application, with what runs of it where."""
    actor = actor_of(request)
    one = application(actor, slug)
    return _shown(one, _placements(actor, one))


@router.patch("/applications/{slug}", response=ApplicationShown)
@needs(Act.EDIT_APPLICATION)
def change_application(request: HttpRequest, slug: Slug, given: ApplicationChanges, as_of: AsOf) -> ApplicationShown:
    """Change an application; what is left out stays. An empty `spec` goes back to what is detected."""
    actor = actor_of(request)
    one = edit_application(
        actor=actor,
        application=application(actor, slug),
        name=given.name,
        description=given.description,
        source_kind=given.source.kind if given.source else None,
        source=given.source.values() if given.source else None,
        spec=given.spec,
        as_of=as_of,
    )
    return _shown(one, _placements(actor, one))


@router.delete("/applications/{slug}", response={204: None})
@needs(Act.DELETE_APPLICATION)
def remove_application(request: HttpRequest, slug: Slug, asked: Query[Confirmation]) -> Status[None]:
    """Take an application out of every environment and forget it. History stays; so do volumes, unless asked."""
    actor = actor_of(request)
    one = application(actor, slug)
    delete_application(actor=actor, application=one, confirmed=asked.confirmed, volumes=asked.volumes)
    return Status(204, None)
