"""Freeze windows: when deployments are closed, or the only times at which they are open."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Schema, Status
from pydantic import Field

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Actor
from fairway.api.preconditions import AsOf
from fairway.api.routing import PermissionRouter
from fairway.api.schemas import Asked, Given, Moment, Number, Text
from fairway.applications.queries import get_application
from fairway.environments import freeze_commands as commands
from fairway.environments.freeze_queries import freeze_state, freezes_visible_to, get_freeze, visible_names
from fairway.environments.freeze_rules import Window, occurrences
from fairway.environments.models import FreezeWindow
from fairway.environments.queries import get_environment, get_environment_for
from fairway.shared.names import LONGEST_APPLICATION

router = PermissionRouter(tags=["freezes"])
PREVIEWED = 5
WallTime = Field(description="A wall time in `zone`, e.g. 2026-03-29T22:30.", max_length=25)
WallEnd = Field(description="A wall time in `zone`, or a duration: 8h, 2d12h, 90m.", max_length=25)


class OccurrenceShown(Schema):
    """Instants with the zone's offset at each, so that a change of the clock shows."""

    starts: datetime
    ends: datetime


class FreezeShown(Schema):
    """`environments` and `applications` are slugs; empty means all. `next` is the current or next occurrence."""

    id: int
    kind: str
    name: str
    reason: str
    starts: str
    ends: str
    zone: str
    rrule: str
    environments: list[str]
    applications: list[str]
    created_by: str
    created_at: datetime
    next: OccurrenceShown | None


class TimesGiven(Given):
    """`rrule` is an RRULE of RFC 5545 (daily to yearly); "" for a window that happens once."""

    starts: str = WallTime
    ends: str = WallEnd
    zone: str = Field(max_length=64)
    rrule: str = Field("", max_length=520)


class FreezeWanted(TimesGiven):
    kind: Literal["deny", "allow"] = "deny"
    name: str = Field(max_length=80)
    reason: str = Field(max_length=500)
    environments: list[str] = Field([], max_length=200)
    applications: list[str] = Field([], max_length=1000)


class FreezeChanges(Given):
    """What is left out stays."""

    kind: Literal["deny", "allow"] | None = None
    name: str | None = Field(None, max_length=80)
    reason: str | None = Field(None, max_length=500)
    starts: str | None = Field(None, max_length=25)
    ends: str | None = Field(None, max_length=25)
    zone: str | None = Field(None, max_length=64)
    rrule: str | None = Field(None, max_length=520)
    environments: list[str] | None = Field(None, max_length=200)
    applications: list[str] | None = Field(None, max_length=1000)


class StateAsked(Asked):
    """What is asked about; `at` left out means now."""

    environment: Text = Field(max_length=40)
    application: Text = Field("", max_length=LONGEST_APPLICATION)
    at: Moment | None = None


class FreezeStateShown(Schema):
    """`opens_at` is the next time it is open (null: never), `closes_at` the next time after that at which it closes."""

    is_closed: bool
    closed_by: list[str]
    reason: str
    opens_at: datetime | None
    closes_at: datetime | None


def _next(window: Window, count: int) -> list[OccurrenceShown]:
    found = occurrences(window, timezone.now(), count=count)
    return [OccurrenceShown(starts=window.local(one.starts), ends=window.local(one.ends)) for one in found]


def _shown(actor: Actor, row: FreezeWindow) -> FreezeShown:
    names = ("kind", "name", "reason", "starts", "zone", "rrule", "created_by", "created_at")
    following = _next(row.window, 1)
    environments, applications = visible_names(actor, row)
    return FreezeShown(
        id=row.pk,
        ends=row.ends.isoformat("T", "minutes"),
        next=following[0] if following else None,
        environments=environments,
        applications=applications,
        **{name: getattr(row, name) for name in names},
    )


@router.get("/freezes", response=list[FreezeShown])
@needs(Act.VIEW)
def list_freezes(request: HttpRequest) -> list[FreezeShown]:
    """Every freeze window that says something about what you may see, by name."""
    actor = actor_of(request)
    return [_shown(actor, row) for row in freezes_visible_to(actor)]


@router.post("/freezes", response={201: FreezeShown})
@needs(Act.FREEZE_ENVIRONMENT)
def make_freeze(request: HttpRequest, given: FreezeWanted) -> Status[FreezeShown]:
    """Create a freeze window."""
    actor = actor_of(request)
    return Status(201, _shown(actor, commands.create_freeze(actor=actor, **given.dict())))


@router.post("/freezes/preview", response=list[OccurrenceShown])
@needs(Act.FREEZE_ENVIRONMENT)
def preview_freeze(request: HttpRequest, given: TimesGiven) -> list[OccurrenceShown]:
    """The next five times that a window like this would happen. Nothing is stored."""
    return _next(FreezeWindow(kind="deny", **commands.parsed_times(**given.dict())).window, PREVIEWED)


@router.get("/freezes/state", response=FreezeStateShown)
@needs(Act.VIEW)
def show_freeze_state(request: HttpRequest, asked: Query[StateAsked]) -> FreezeStateShown:
    """Whether an environment is closed for deployments (of an application) at a time, and when that changes."""
    actor = actor_of(request)
    one = get_application(actor, asked.application) if asked.application else None
    where = get_environment_for(actor, one, asked.environment) if one else get_environment(actor, asked.environment)
    answer = freeze_state(where.slug, one.slug if one else "", asked.at or timezone.now())
    return FreezeStateShown(
        is_closed=answer.is_closed,
        closed_by=[one.name for one in answer.closed_by],
        reason=" ".join(one.reason for one in answer.closed_by),
        opens_at=answer.opens_at,
        closes_at=answer.closes_at,
    )


@router.get("/freezes/{number}", response=FreezeShown)
@needs(Act.VIEW)
def show_freeze(request: HttpRequest, number: Number) -> FreezeShown:
    """One freeze window."""
    actor = actor_of(request)
    return _shown(actor, get_freeze(actor, number))


@router.get("/freezes/{number}/occurrences", response=list[OccurrenceShown])
@needs(Act.VIEW)
def list_occurrences(request: HttpRequest, number: Number) -> list[OccurrenceShown]:
    """Its next five occurrences, one that lasts now included."""
    return _next(get_freeze(actor_of(request), number).window, PREVIEWED)


@router.patch("/freezes/{number}", response=FreezeShown)
@needs(Act.FREEZE_ENVIRONMENT)
def change_freeze(request: HttpRequest, number: Number, given: FreezeChanges, as_of: AsOf) -> FreezeShown:
    """Change a freeze window; fields that are left out do not change."""
    actor = actor_of(request)
    changes = {name: value for name, value in given.dict(exclude_unset=True).items() if value is not None}
    return _shown(actor, commands.edit_freeze(actor=actor, freeze=get_freeze(actor, number), as_of=as_of, **changes))


@router.delete("/freezes/{number}", response={204: None})
@needs(Act.FREEZE_ENVIRONMENT)
def remove_freeze(request: HttpRequest, number: Number) -> Status[None]:
    """Delete a freeze window; deployments that waited for its end continue."""
    actor = actor_of(request)
    commands.delete_freeze(actor=actor, freeze=get_freeze(actor, number))
    return Status(204, None)
