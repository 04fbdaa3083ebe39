"""What happened to a placement in a period: the marks on the time axis of its charts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from django.db.models import Q

from fairway.accounts.queries import visible_events
from fairway.accounts.rules import Actor
from fairway.activity.queries import EventFilter, events
from fairway.deployments.models import Placement
from fairway.deployments.queries import visible_to as deployments_visible_to
from fairway.deployments.rules import ENDED
from fairway.environments.freeze_rules import state_at
from fairway.environments.models import FreezeWindow

MOST_OF_A_KIND = 100  # more could not be told apart
ASKED = ("placement.start_requested", "placement.stop_requested", "placement.scale_requested")


class MarkKind(StrEnum):
    DEPLOYMENT = "deployment"
    RESTART = "restart"  # an instance ended and was started again by its runtime
    STOP = "stop"
    START = "start"
    SCALE = "scale"
    FREEZE = "freeze"


@dataclass(frozen=True)
class Mark:
    """One thing that happened at `at` (seconds since 1970), a freeze until `until`.

    A deployment has its `number`, its `version` and its status as `outcome`; restarts have their `count`; a freeze has the
    names of its windows as `name`. `who` is whoever asked for it, "" where nobody did.
    """

    kind: MarkKind
    at: int
    until: int | None = None
    who: str = ""
    number: int | None = None
    version: str = ""
    outcome: str = ""
    count: int = 0
    name: str = ""


def marks_of(
    actor: Actor, placement: Placement, since: datetime, until: datetime, restarts: Mapping[int, int]
) -> list[Mark]:
    """The marks of a placement that this actor may see, in order of time. `restarts` counts those of each interval."""
    found = [
        *_deployments(actor, placement, since, until),
        *_acts(actor, placement, since, until),
        *_freezes(placement, since, until),
        *(Mark(MarkKind.RESTART, at, count=count) for at, count in sorted(restarts.items())[-MOST_OF_A_KIND:]),
    ]
    return sorted(found, key=lambda mark: (mark.at, mark.kind))


def _deployments(actor: Actor, placement: Placement, since: datetime, until: datetime) -> Iterator[Mark]:
    """Deployments that ended, at the moment at which visitors got the new version, or at which they failed."""
    of_it = deployments_visible_to(actor).filter(application=placement.application_id, environment=placement.environment_id)
    inside = Q(switched_at__gte=since, switched_at__lt=until) | Q(finished_at__gte=since, finished_at__lt=until)
    for one in of_it.filter(inside, status__in=ENDED)[:MOST_OF_A_KIND]:
        at = one.switched_at or one.finished_at
        if at and since <= at < until:
            yield Mark(
                MarkKind.DEPLOYMENT, int(at.timestamp()), who=one.requested_by, number=one.pk, version=one.version,
                outcome=one.status,
            )  # fmt: skip


def _acts(actor: Actor, placement: Placement, since: datetime, until: datetime) -> Iterator[Mark]:
    wanted = EventFilter(subject_kind="placement", subject_id=str(placement.pk), since=since, until=until)
    for event in visible_events(actor, events(wanted)).filter(verb__in=ASKED)[:MOST_OF_A_KIND]:
        kind = MarkKind(event.verb.removeprefix("placement.").removesuffix("_requested"))
        yield Mark(kind, int(event.at.timestamp()), who=event.actor_name)


def _freezes(placement: Placement, since: datetime, until: datetime) -> Iterator[Mark]:
    """The times at which freeze windows closed it. A window counts from when it was made until it was deleted; one that
    was changed counts as it is now."""
    every = FreezeWindow.objects.filter(created_at__lt=until).exclude(deleted_at__lt=since)
    rows = [row for row in every if row.window.selects(placement.environment.slug, placement.application.slug)]
    cuts = {since, until, *(moment for row in rows for moment in (row.created_at, row.deleted_at) if moment)}
    edges = sorted(cut for cut in cuts if since <= cut <= until)
    marks: list[Mark] = []
    for first, last in pairwise(edges):
        known = [row for row in rows if row.created_at <= first and (row.deleted_at is None or row.deleted_at >= last)]
        marks += _closed(known, first, last)
    yield from _joined(marks[:MOST_OF_A_KIND])


def _closed(rows: list[FreezeWindow], first: datetime, last: datetime) -> Iterator[Mark]:
    at: datetime | None = first
    for _ in range(MOST_OF_A_KIND):
        if not rows or at is None or at >= last:
            return
        answer = state_at([row.window for row in rows], at)
        if answer.is_closed:
            end = min(answer.opens_at or last, last)
            names = ", ".join(dict.fromkeys(window.name for window in answer.closed_by))
            yield Mark(MarkKind.FREEZE, int(at.timestamp()), until=int(end.timestamp()), name=names)
        at = answer.closes_at


def _joined(marks: list[Mark]) -> Iterator[Mark]:
    """The same freezes, without the cuts in between."""
    last: Mark | None = None
    for mark in marks:
        if last and last.until == mark.at and last.name == mark.name:
            last = Mark(MarkKind.FREEZE, last.at, until=mark.until, name=mark.name)
            continue
        if last:
            yield last
        last = mark
    if last:
        yield last
