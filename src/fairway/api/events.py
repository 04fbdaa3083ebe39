"""The event chain: who did what, when, on what, by which door; and whether it is whole."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from ninja import Query, Schema
from pydantic import AwareDatetime, Field

from fairway.accounts.doors import actor_of, needs
from fairway.accounts.queries import visible_events
from fairway.accounts.rules import Act, NotVisible
from fairway.activity.commands import record
from fairway.activity.models import Event
from fairway.activity.queries import EventFilter, events, verify
from fairway.activity.rules import On
from fairway.api.routing import DoorRouter
from fairway.api.schemas import Asked, Number, Page, Paged, ShownFacts, Text, page_of
from fairway.api.streaming import stream

router = DoorRouter(tags=["events"])
AT_ONCE = 1000
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n")


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
    before: ShownFacts
    after: ShownFacts
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
    text: Text = Field("", max_length=200)
    hides_steps: bool = False

    def filter(self) -> EventFilter:
        return EventFilter(**self.model_dump(exclude={"cursor", "limit", "format"}))


class EventPageAsked(EventsAsked, Paged):
    """The same, page by page."""


class ExportAsked(EventsAsked):
    """`format` is ``jsonl`` (with the hashes, to be verified) or ``csv`` (for spreadsheets; formulas are disarmed)."""

    format: Literal["jsonl", "csv"] = "jsonl"


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
                "content": {name: {"schema": {"type": "string"}} for name in ("application/x-ndjson", "text/csv")},
            }
        }
    },
)
@needs(Act.VIEW)
def export_events(request: HttpRequest, asked: Query[ExportAsked]) -> HttpResponseBase:
    """Every event you may see as JSON lines or CSV, oldest first. That it was exported is an event too.

    JSON lines hold the hashes, so that anybody can check the chain: docs/guides/audit.md.
    """
    actor = actor_of(request)
    chosen = visible_events(actor, events(asked.filter()))
    given = {name: value for name, value in asked.model_dump(mode="json").items() if value}
    with transaction.atomic():
        record(who=actor.who, verb="events.exported", on=On("events", "export", f"events as {asked.format}"), after=given)
    is_csv = asked.format == "csv"
    media_type = "text/csv; charset=utf-8" if is_csv else "application/x-ndjson"
    response = stream(request, _csv_lines(chosen) if is_csv else _lines(chosen), content_type=media_type)
    response["Content-Disposition"] = f'attachment; filename="fairway-events.{asked.format}"'
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
    for rows in _pieces(chosen):
        yield "".join(json.dumps(_shown(one).model_dump(mode="json"), ensure_ascii=False) + "\n" for one in rows)


def _csv_lines(chosen: QuerySet[Event]) -> Iterator[str]:
    names = list(EventShown.model_fields)
    yield ",".join(names) + "\r\n"
    for rows in _pieces(chosen):
        text = io.StringIO()
        writer = csv.writer(text)
        for one in rows:
            values = _shown(one).model_dump(mode="json")
            writer.writerow([_cell(values[name]) for name in names])
        yield text.getvalue()


def _cell(value: Any) -> Any:
    """What a spreadsheet shows and never calculates: text that begins like a formula gets an apostrophe before it."""
    if isinstance(value, dict):
        value = json.dumps(value, ensure_ascii=False, sort_keys=True)
    if isinstance(value, str) and value.lstrip(" ")[:1] in FORMULA_SIGNS:
        return f"'{value}"
    return value


def _pieces(chosen: QuerySet[Event]) -> Iterator[list[Event]]:
    """Piece by piece by number, so that a million events never lie in memory and no transaction stays open."""
    after = 0
    while rows := list(chosen.filter(pk__gt=after).order_by("pk")[:AT_ONCE]):
        yield rows
        after = rows[-1].pk
