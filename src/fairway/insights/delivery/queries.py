"""Reads how well deployments go: DORA's figures and what stands beside them, in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import BooleanField, Case, Exists, OuterRef, QuerySet, Subquery, Value, When
from django.utils import timezone

from fairway.accounts.rules import Actor, NotVisible
from fairway.activity.models import Event
from fairway.applications.models import Application
from fairway.applications.queries import get_application
from fairway.deployments.models import Deployment
from fairway.deployments.queries import HistoryFilter, history
from fairway.deployments.rules import Status
from fairway.engine.models import RunStep
from fairway.environments.models import Environment
from fairway.environments.queries import get_environment
from fairway.insights.delivery.dora import AFTER, BEFORE, Dora, Failure, Place, Row, dora, ended_in, judged
from fairway.insights.delivery.outcomes import (
    Failed,
    Outcome,
    Outcomes,
    Part,
    Spread,
    Times,
    Trouble,
    Wait,
    by_part,
    outcomes,
    spread,
    times,
    troubles,
)
from fairway.insights.delivery.periods import Period
from fairway.monitoring.judging import WORSE
from fairway.shared.names import Invalid

MOST = 20_000  # deployments that are read; of more, the newest count, and it is said
MOST_TIMED = 500  # deployments of which the steps' times are read
MOST_TROUBLES = 10
SLACK = timedelta(hours=1)  # events are numbered in the order of their commits, which is nearly that of their times
IN_A_CANARY = "/8 of the requests"  # a wait for which `workflows.canary` gives its share as the reason


@dataclass(frozen=True)
class Asked:
    """What the figures are about. None: every application, or every environment, that the actor may see."""

    period: Period
    application: Application | None = None
    environment: Environment | None = None


@dataclass
class Names:
    """The names of applications and environments by their slugs."""

    applications: dict[str, str] = field(default_factory=dict)
    environments: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StepTime:
    step: str
    spread: Spread


@dataclass(frozen=True)
class Delivery:
    """How well deployments went. `places` has the same figures for each application and environment, `before` those of the
    period before. `is_cut`: there were more than `MOST` deployments, so that the oldest are missing."""

    asked: Asked
    now: datetime
    dora: Dora
    before: Dora
    outcomes: Outcomes
    outcomes_before: Outcomes
    failures: tuple[Failure, ...]
    places: dict[Place, tuple[Dora, Outcomes]]
    names: Names
    parts: list[Part]
    times: Times
    steps: list[StepTime]
    troubles: list[Trouble]
    is_cut: bool


def parse_asked(actor: Actor, *, application: str, environment: str, period: Period) -> Asked:
    """The application and environment of these slugs; "" for all. Raises `Invalid` for one that the actor cannot see."""
    try:
        one = get_application(actor, application) if application else None
    except NotVisible as error:
        raise Invalid("application", str(error)) from None
    try:
        place = get_environment(actor, environment) if environment else None
    except NotVisible as error:
        raise Invalid("environment", str(error)) from None
    return Asked(period, one, place)


def delivery(actor: Actor, asked: Asked, now: datetime | None = None) -> Delivery:
    """How well the deployments of a period went, compared with the period before."""
    period = asked.period
    read, names = _rows(actor, asked)
    failures, rework = judged(read)
    rows, earlier = ended_in(read, period), ended_in(read, period.before)
    figures = dora(rows, failures, rework)
    there: dict[Place, list[Row]] = {}
    for row in rows:
        there.setdefault(row.place, []).append(row)
    waits = _waits(rows)
    return Delivery(
        asked=asked,
        now=now or timezone.now(),
        dora=figures,
        before=dora(earlier, failures, rework),
        outcomes=outcomes(rows, failures),
        outcomes_before=outcomes(earlier, failures),
        failures=tuple(failures[number] for number in figures.failed),
        places={place: (dora(here, failures, rework), outcomes(here, failures)) for place, here in sorted(there.items())},
        names=names,
        parts=by_part(period, rows, failures, dict(zip(figures.shipped, figures.lead_seconds, strict=True))),
        times=times(rows, waits),
        steps=_step_times(actor, asked, {wait.number for wait in waits}),
        troubles=troubles(_failed(actor, asked), MOST_TROUBLES),
        is_cut=len(read) >= MOST,
    )


def _ended(actor: Actor, asked: Asked, begins: datetime, ends: datetime) -> QuerySet[Deployment]:
    wanted = HistoryFilter(
        application=asked.application.slug if asked.application else "",
        environment=asked.environment.slug if asked.environment else "",
    )
    return history(actor, wanted).filter(finished_at__gte=begins, finished_at__lt=ends)


def _rows(actor: Actor, asked: Asked) -> tuple[list[Row], Names]:
    """The deployments of both periods, and those around them that say how they fared."""
    begins, ends = asked.period.before.begins - BEFORE, asked.period.ends + AFTER
    earlier = Deployment.objects.filter(
        artifact=OuterRef("artifact"), environment=OuterRef("environment"), switched_at__isnull=False, pk__lt=OuterRef("pk")
    )
    chosen = _ended(actor, asked, begins, ends).annotate(
        was_there=Case(
            When(artifact__committed_at=None, then=Value(False)), default=Exists(earlier), output_field=BooleanField()
        )
    )
    found = chosen.order_by("-finished_at").values_list(
        "pk", "application__slug", "environment__slug", "kind", "status", "created_at", "started_at", "switched_at",
        "finished_at", "replaces_id", "artifact__committed_at", "was_there", "judgement__verdict", "application__name",
        "environment__name",
    )[:MOST]  # fmt: skip
    names = Names()
    rows = [_row(one, names) for one in found]
    return _with_holds(rows, begins, ends), names


def _row(values: tuple[Any, ...], names: Names) -> Row:
    *fields, was_there, verdict, application, environment = values
    names.applications[fields[1]], names.environments[fields[2]] = application, environment
    return Row._make([*fields, not was_there, verdict in WORSE, False])


def _with_holds(rows: list[Row], begins: datetime, ends: datetime) -> list[Row]:
    """Mark the deployments because of which Fairway held automatic deployments: what was live at that moment."""
    held = _events("placement.held", begins).filter(actor_id=None).order_by("pk")
    moments = [one for one in held.values_list("application", "environment", "at") if begins <= one[2] < ends]
    if not moments:
        return rows
    live: dict[Place, list[Row]] = {}
    for row in rows:
        if row.switched_at is not None:
            live.setdefault(row.place, []).append(row)
    bad = set()
    for application, environment, at in moments:
        before = [row for row in live.get((application, environment), ()) if row.switched_at and row.switched_at <= at]
        if before:
            bad.add(max(before, key=lambda row: row.switched_at or at).number)
    return [row._replace(is_held=True) if row.number in bad else row for row in rows]


def _events(verb: str, since: datetime) -> QuerySet[Event]:
    """The events of a verb since about a moment. They are found by verb and number: by verb and time, a database may choose
    to read every event of the period."""
    first = Event.objects.filter(at__gte=since - SLACK).order_by("at").values("pk")[:1]
    return Event.objects.filter(verb=verb, pk__gte=Subquery(first))


def _waits(rows: Sequence[Row]) -> list[Wait]:
    """The times for which these deployments waited for approvals or for the gate. The rows are of those the actor sees, so
    these are, too. A wait ends when a worker goes on, or with the deployment."""
    if not rows:
        return []
    ended = {row.number: row.finished_at for row in rows}
    since = min(row.created_at for row in rows)
    waiting = _events("deployment.waiting", since).order_by("pk")
    begun = [
        (int(number), at)
        for number, at in waiting.exclude(comment__contains=IN_A_CANARY).values_list("subject_id", "at")
        if int(number) in ended
    ]
    if not begun:
        return []
    numbers = {number for number, _at in begun}
    asked_for = Deployment.objects.filter(pk__in=numbers, approve_by__isnull=False)
    approved = dict(asked_for.values_list("pk", "approved_at"))
    started = Event.objects.filter(
        verb="deployment.started", subject_kind="deployment", subject_id__in=[str(number) for number in numbers]
    )
    resumed: dict[int, list[datetime]] = {}
    for subject, at in started.order_by("pk").values_list("subject_id", "at"):
        resumed.setdefault(int(subject), []).append(at)
    found = []
    for one, at in begun:
        end = next((moment for moment in resumed.get(one, ()) if moment > at), ended[one])
        given = approved.get(one)
        is_approval = one in approved and (given is None or at < given)
        found.append(Wait(one, is_approval, at, max(at, min(end, ended[one]))))
    return found


def _step_times(actor: Actor, asked: Asked, waited: Iterable[int]) -> list[StepTime]:
    """How long the steps of the newest deployments took, in the order of the steps. Those that waited are left out, as their
    first step contains the waiting. Times of steps are removed together with logs, so older ones have none."""
    period = asked.period
    newest = _ended(actor, asked, period.begins, period.ends).filter(
        status=Status.SUCCEEDED, log_collected_at=None, run__isnull=False
    )
    runs = list(newest.exclude(pk__in=list(waited)).values_list("run", flat=True)[:MOST_TIMED])
    done = RunStep.objects.filter(run__in=runs, status="succeeded", finished_at__isnull=False)
    seconds: dict[str, list[float]] = {}
    for step, begins, ends in done.order_by("pk").values_list("step", "started_at", "finished_at"):
        if ends is not None:
            seconds.setdefault(step, []).append((ends - begins).total_seconds())
    return [StepTime(step, found) for step, values in seconds.items() if (found := spread(values)) is not None]


def _failed(actor: Actor, asked: Asked) -> list[Failed]:
    period = asked.period
    bad = _ended(actor, asked, period.begins, period.ends).filter(status__in=[Status.FAILED, Status.ERRORED])
    found = bad.values_list("pk", "run__outcome_step", "step", "sentence")[:MOST]
    return [Failed(number, outcome or step, sentence) for number, outcome, step, sentence in found]


# -- which deployments are behind a figure

FIGURES: dict[str, Callable[[Delivery], Iterable[int]]] = {
    "new": lambda found: found.dora.new,
    "lead_time": lambda found: found.dora.shipped,
    "without_commit": lambda found: found.dora.without_commit,
    "failed": lambda found: found.dora.failed,
    "recovered": lambda found: found.dora.recovered,
    "not_recovered": lambda found: set(found.dora.failed) - set(found.dora.recovered),
    "rework": lambda found: found.dora.rework,
    "ended": lambda found: [number for numbers in found.outcomes.by_outcome.values() for number in numbers],
    **{
        f"outcome_{outcome.value}": lambda found, outcome=outcome: found.outcomes.by_outcome.get(outcome, ())  # type: ignore[misc]
        for outcome in Outcome
    },
}


def behind(found: Delivery, figure: str, *, like: int = 0) -> list[int]:
    """The numbers of the deployments behind a figure, newest first. With ``cause``, those that failed `like` this one.
    Raises `Invalid`."""
    if figure == "cause":
        return next((list(one.numbers) for one in found.troubles if like in one.numbers), [])
    if figure not in FIGURES:
        raise Invalid("figure", "is not one of {names}.", names=", ".join([*FIGURES, "cause"]))
    return sorted(FIGURES[figure](found), reverse=True)
