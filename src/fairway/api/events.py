"""The event chain: who did what, when, on what, by which door; and whether it is whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from ninja import Query, Schema
from pydantic import AwareDatetime, Field

from fairway.accounts.doors import actor_of, needs
from fairway.accounts.queries import visible_events
from fairway.accounts.rules import Act, NotVisible
from fairway.activity.models import Event
from fairway.activity.queries import EventFilter, events, verify
from fairway.api.routing import DoorRouter
from fairway.api.schemas import Asked, Number, Page, Paged, Text, page_of
from fairway.api.streaming import stream

router = DoorRouter(tags=["events"])
AT_ONCE = 1000


class EventShown(Schema):
    """One thing that happened. `hash` covers its content and the event before it."""

    id: int
    at: datetime
    actor_id: int | None
    actor_name: str
    acting_role: str
    door: str
    identified_by: str
    address: str
    client: str
    verb: str
    subject_kind: str
    subject_id: str
    subject_label: str
    application: str
    environment: str
    comment: str
    before: dict[str, Any]
    after: dict[str, Any]
    previous_hash: str
    hash: str


class EventsAsked(Asked):
    """Filters; left out they ask for everything. `verb` may be a first word: ``deployment``."""

    application: Text = Field("", max_length=80)
    environment: Text = Field("", max_length=80)
    person: Text = Field("", max_length=200)
    verb: Text = Field("", max_length=80)
    subject_kind: Text = Field("", max_length=40)
    subject_id: Text = Field("", max_length=80)
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None

    def filter(self) -> EventFilter:
        return EventFilter(**self.model_dump(exclude={"cursor", "limit"}))


class EventPageAsked(EventsAsked, Paged):
    """The same, page by page."""


class VerificationShown(Schema):
    """`broken_at` is the number of the first event that does not fit."""

    is_intact: bool
    checked: int
    broken_at: int | None
    sentence: str


def _shown(one: Event) -> EventShown:
    return EventShown(id=one.pk, **{name: getattr(one, name) for name in EventShown.model_fields if name != "id"})


@router.get("/events", response=Page[EventShown])
@needs(Act.VIEW)
def list_events(request: HttpRequest, asked: Query[EventPageAsked]) -> object:
    """Every event you may see, newest first."""
    chosen = visible_events(actor_of(request), events(asked.filter()))
    return page_of(chosen, asked, lambda rows: [_shown(one) for one in rows])


@router.get(
    "/events/export",
    openapi_extra={
        "responses": {
            200: {
                "description": "One event per line, oldest first.",
                "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
            }
        }
    },
)
@needs(Act.VIEW)
def export_events(request: HttpRequest, asked: Query[EventsAsked]) -> HttpResponseBase:
    """Every event you may see as JSON lines, oldest first; hashes included, so that anybody can check the chain."""
    chosen = visible_events(actor_of(request), events(asked.filter()))
    response = stream(request, _lines(chosen), content_type="application/x-ndjson")
    response["Content-Disposition"] = 'attachment; filename="fairway-events.jsonl"'
    return response


@router.get("/events/{number}", response=EventShown)
@needs(Act.VIEW)
def show_event(request: HttpRequest, number: Number) -> EventShown:
    """One event."""
    found = visible_events(actor_of(request), events()).filter(pk=number).first()
    if found is None:
        raise NotVisible("event", number)
    return _shown(found)


@router.get("/audit/verification", response=VerificationShown)
@needs(Act.VIEW)
def verify_audit(request: HttpRequest) -> VerificationShown:
    """Walk the whole chain and say whether an event was changed or is missing."""
    return VerificationShown(**vars(verify()))


def _lines(chosen: QuerySet[Event]) -> Iterator[str]:
    """Piece by piece by number, so that a million events never lie in memory and no transaction stays open."""
    after = 0
    while rows := list(chosen.filter(pk__gt=after).order_by("pk")[:AT_ONCE]):
        yield "".join(json.dumps(_shown(one).model_dump(mode="json"), ensure_ascii=False) + "\n" for one in rows)
        after = rows[-1].pk
