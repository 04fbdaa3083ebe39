"""The event chain: who did what, when, on what, by which door; and whether it is whole."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Literal

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from ninja import Query, Schema, Status
from pydantic import Field

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.queries import usernames_of, visible_events
from fairway.accounts.record import acknowledge, request_verification
from fairway.accounts.rules import Act, NotVisible
from fairway.activity.checking import current_verification, head_file, last_check
from fairway.activity.commands import record
from fairway.activity.models import Event
from fairway.activity.queries import EventFilter, events
from fairway.activity.rules import On
from fairway.activity.verbs import VERBS, Severity, event_sentence, severity_of
from fairway.api.routing import PermissionRouter
from fairway.api.schemas import LARGEST, Asked, Given, Moment, Number, Page, Paged, ShownFacts, Text, page_of
from fairway.api.streaming import stream
from fairway.insights.events import subjects_about

router = PermissionRouter(tags=["events"])
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
    """Filters; left out they ask for everything.

    `verb` may be a first word: ``deployment``. `severity` asks for events this serious or more. `release`, `package` and
    `rollout` are numbers; what belongs to them counts, too. `text` is looked for word by word, in `sentence` as you read it.
    `hides_steps` is an older way to say ``severity=info``.
    """

    application: Text = Field("", max_length=80)
    environment: Text = Field("", max_length=80)
    person: Text = Field("", max_length=200)
    verb: Text = Field("", max_length=80)
    subject_kind: Text = Field("", max_length=40)
    subject_id: Text = Field("", max_length=80)
    since: Moment | None = None
    until: Moment | None = None
    text: Text = Field("", max_length=200)
    severity: Severity | None = None
    release: int = Field(0, ge=0, le=LARGEST)
    package: int = Field(0, ge=0, le=LARGEST)
    rollout: int = Field(0, ge=0, le=LARGEST)
    hides_steps: bool = False

    def filter(self) -> EventFilter:
        plain = {"application", "environment", "verb", "subject_kind", "subject_id", "since", "until", "text"}
        return EventFilter(
            **self.model_dump(include=plain),
            severity=self.severity or (Severity.INFO if self.hides_steps else None),
            about=subjects_about(release=self.release, package=self.package, rollout=self.rollout),
        )


class EventPageAsked(EventsAsked, Paged):
    """The same, page by page."""


class ExportAsked(EventsAsked):
    """`format` is ``jsonl`` (with the hashes, to be verified) or ``csv`` (for spreadsheets; formulas are disarmed)."""

    format: Literal["jsonl", "csv"] = "jsonl"


class VerificationShown(Schema):
    """`broken_at` is the number of the first event that does not fit, `checked` how many events the last whole walk saw;
    `whole_at` when that walk ended: null before the first, and while one is on its way that somebody asked for."""

    is_intact: bool
    checked: int
    broken_at: int | None
    sentence: str
    whole_at: datetime | None


class HeadShown(Schema):
    """A signed head: see docs/guides/audit.md for what is signed and how to check it."""

    number: int
    event: int
    hash: str
    count: int
    at: str
    acknowledges: int
    key: str
    signature: str


class AcknowledgementGiven(Given):
    """Why the newest events are gone: which backup was put back, and why."""

    reason: Text = Field(min_length=1, max_length=2000)


class HeadsAsked(Asked):
    """How many."""

    limit: int = Field(1, ge=1, le=10_000)


class EventWithPerson(EventShown):
    """As people read it: what happened as a sentence, and how serious it is.

    `actor_username` is the account behind it: `actor_name` of an old event is what it called itself then.
    """

    actor_username: str
    sentence: str
    severity: Severity


class VerbShown(Schema):
    """One thing that can happen. `sentence` is a template; `subjects` are the kinds of things that it can happen to."""

    verb: str
    group: str
    sentence: str
    severity: Severity
    subjects: list[str]


def _with_people(rows: Sequence[Event]) -> list[EventWithPerson]:
    usernames = usernames_of(one.actor_id for one in rows)
    return [_read(row, usernames.get(row.actor_id or 0, "")) for row in rows]


def _read(event: Event, username: str) -> EventWithPerson:
    sentence = event_sentence(event.verb, who=username or event.actor_name, what=event.subject_label)
    severity = severity_of(event.verb)
    return EventWithPerson(**_shown(event).dict(), actor_username=username, sentence=sentence, severity=severity)


def _shown(event: Event) -> EventShown:
    return EventShown(id=event.pk, **{name: getattr(event, name) for name in EventShown.model_fields if name != "id"})


@router.get("/events", response=Page[EventWithPerson])
@needs(Act.VIEW)
def list_events(request: HttpRequest, asked: Query[EventPageAsked]) -> object:
    """Every event you may see, newest first."""
    chosen = visible_events(actor_of(request), events(asked.filter()), person=asked.person)
    return page_of(chosen, asked, _with_people)


@router.get("/events/verbs", response=list[VerbShown])
@needs(Act.VIEW)
def list_verbs(request: HttpRequest) -> list[VerbShown]:
    """Everything that can happen: what `verb` of an event may be, in words, and how serious it is."""
    return [
        VerbShown(
            verb=one.key, group=one.group, sentence=str(one.sentence), severity=one.severity, subjects=list(one.subjects)
        )
        for one in VERBS.values()
    ]


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

    JSON lines hold exactly what the hashes cover, so that anybody can check the chain: docs/guides/audit.md.
    """
    actor = actor_of(request)
    chosen = visible_events(actor, events(asked.filter()), person=asked.person)
    given = {name: value for name, value in asked.model_dump(mode="json").items() if value}
    with transaction.atomic():
        record(who=actor.who, verb="events.exported", on=On("events", "export", f"events as {asked.format}"), after=given)
    is_csv = asked.format == "csv"
    media_type = "text/csv; charset=utf-8" if is_csv else "application/x-ndjson"
    response = stream(request, _csv_lines(chosen) if is_csv else _lines(chosen), content_type=media_type)
    response["Content-Disposition"] = f'attachment; filename="fairway-events.{asked.format}"'
    return response


@router.get("/events/{number}", response=EventWithPerson)
@needs(Act.VIEW)
def show_event(request: HttpRequest, number: Number) -> EventWithPerson:
    """One event."""
    found = visible_events(actor_of(request), events()).filter(pk=number).first()
    if found is None:
        raise NotVisible("event", number)
    return _with_people([found])[0]


@router.get("/audit/verification", response=VerificationShown)
@needs(Act.VIEW)
def show_verification(request: HttpRequest) -> VerificationShown:
    """What the worker found on its last walks along the chain, and whether the newest events fit."""
    return _verification()


@router.post("/audit/verification", response={202: VerificationShown})
@needs(Act.MANAGE_SYSTEM)
def verify_audit(request: HttpRequest) -> Status[VerificationShown]:
    """Have the worker walk the whole chain; ask for what it found until `whole_at` says that it is through.

    A walk that is on its way already is not begun again.
    """
    request_verification(actor=actor_of(request))
    return Status(202, _verification())


@router.post("/audit/acknowledgement", response={201: HeadShown})
@needs(Act.MANAGE_SYSTEM)
def acknowledge_audit(request: HttpRequest, asked: AcknowledgementGiven) -> Status[HeadShown]:
    """Say that an older backup was put back on purpose. It is an event, and the chain is compared from here on."""
    return Status(201, HeadShown(**vars(acknowledge(actor=actor_of(request), reason=asked.reason))))


@router.get("/audit/heads", response=list[HeadShown])
@needs(Act.VIEW)
def list_heads(request: HttpRequest, asked: Query[HeadsAsked]) -> list[HeadShown]:
    """The newest signed heads, oldest first. Keep one somewhere else: the chain can be compared with it later."""
    heads = [one] if asked.limit == 1 and (one := head_file().last()) else head_file().all()[-asked.limit :]
    return [HeadShown(**vars(head)) for head in heads]


def _verification() -> VerificationShown:
    return VerificationShown(**vars(current_verification()), whole_at=last_check().whole_at)


def _lines(chosen: QuerySet[Event]) -> Iterator[str]:
    for rows in _pieces(chosen):
        yield "".join(json.dumps(_shown(row).model_dump(mode="json"), ensure_ascii=False) + "\n" for row in rows)


def _csv_lines(chosen: QuerySet[Event]) -> Iterator[str]:
    names = list(EventWithPerson.model_fields)
    yield ",".join(names) + "\r\n"
    for rows in _pieces(chosen):
        text = io.StringIO()
        writer = csv.writer(text)
        for one in _with_people(rows):
            values = one.model_dump(mode="json")
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
