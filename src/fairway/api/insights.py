"""How well deployments go: DORA's figures, how deployments ended, how long they took, and what fails most."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Query, Schema
from pydantic import Field

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Actor
from fairway.api.routing import PermissionRouter
from fairway.api.schemas import Asked, Text
from fairway.environments.freeze_rules import parse_zone
from fairway.insights.delivery.figures import DEFINED_BY, Figure, csv_text, figures, place_rows
from fairway.insights.delivery.outcomes import Outcomes, Spread
from fairway.insights.delivery.periods import parse_period
from fairway.insights.delivery.queries import Delivery, behind, delivery, parse_asked

router = PermissionRouter(tags=["insights"])
MOST_LISTED = 200  # deployments behind a figure


class InsightsAsked(Asked):
    """Only this application, only this environment (slugs). The period is the last so many `days` (30 if nothing is given),
    or from the day `since` to the day `until`, both included (``2026-11-01``). Days are those of `zone`."""

    application: Text = Field("", max_length=80)
    environment: Text = Field("", max_length=80)
    days: int | None = Field(None, ge=1, le=366)
    since: Text = Field("", max_length=10)
    until: Text = Field("", max_length=10)
    zone: Text = Field("UTC", max_length=80)


class FigureShown(Schema):
    """One of DORA's figures. `unit` is ``per_day``, ``seconds`` or ``share`` (0 to 1). `sample` is how many deployments it
    is taken of; `value` is null if there are none. `deployments` are the newest 200 numbers behind it; `count` is of all."""

    key: str
    title: str
    formula: str
    unit: str
    value: float | None
    sample: int
    value_before: float | None
    sample_before: int
    count: int
    deployments: list[int]


class OutcomesShown(Schema):
    """How many deployments ended how. `good` went well, `failed_later` went live and failed then, `failed` failed before.
    `success_rate` is the share of `good` in all but the cancelled ones."""

    good: int
    failed_later: int
    failed: int
    errored: int
    cancelled: int
    success_rate: float | None


class FailedVersionShown(Schema):
    """A new version that failed after going live. `seconds` is the time until a good version was live again."""

    deployment: int
    application: str
    environment: str
    cause: str
    recovered_at: datetime | None
    seconds: float | None


class SpreadShown(Schema):
    """Durations in seconds: how many, their median, and what 95 % of them did not exceed."""

    count: int
    median: float
    p95: float


class TimesShown(Schema):
    """`queue`: until a worker took them; `approval` and `gate`: waiting for people, and for freezes and locks; `work`: what
    successful ones took without that. Null without any."""

    queue: SpreadShown | None
    approval: SpreadShown | None
    gate: SpreadShown | None
    work: SpreadShown | None


class StepTimesShown(SpreadShown):
    step: str


class FrequentFailureShown(Schema):
    """Failures at the same step with the same cause; `sentence` is that of the newest."""

    step: str
    sentence: str
    count: int
    deployments: list[int]


class PartShown(Schema):
    """A day, or a week of a long period."""

    since: date
    until: date
    good: int
    failed_later: int
    failed: int
    errored: int
    cancelled: int
    lead_time: float | None


class PlaceFiguresShown(Schema):
    """The figures of one application in one environment; times in seconds, shares from 0 to 1."""

    application: str
    environment: str
    new_versions: int
    deployment_frequency: float | None
    lead_time: float | None
    change_fail_rate: float | None
    recovery_time: float | None
    rework_rate: float | None
    with_commit: int
    without_commit: int
    failed: int
    recovered: int
    rework: int
    went_live: int
    ended: int
    success_rate: float | None


class InsightsShown(Schema):
    """`is_cut`: there were so many deployments that the oldest are not counted; choose a shorter period."""

    application: str
    environment: str
    since: date
    until: date
    zone: str
    is_cut: bool
    defined_by: str
    figures: list[FigureShown]
    without_commit: int
    not_recovered: int
    outcomes: OutcomesShown
    outcomes_before: OutcomesShown
    failures: list[FailedVersionShown]
    times: TimesShown
    steps: list[StepTimesShown]
    troubles: list[FrequentFailureShown]
    parts: list[PartShown]
    places: list[PlaceFiguresShown]


@router.get("/insights", response=InsightsShown)
@needs(Act.VIEW)
def show_insights(request: HttpRequest, asked: Query[InsightsAsked]) -> InsightsShown:
    """How well deployments went in a period, compared with the period of the same length before."""
    found = _found(actor_of(request), asked)
    return InsightsShown(
        application=asked.application,
        environment=asked.environment,
        since=found.asked.period.since,
        until=found.asked.period.until,
        zone=asked.zone.strip(),
        is_cut=found.is_cut,
        defined_by=DEFINED_BY,
        figures=[_figure(found, one) for one in figures(found)],
        without_commit=len(found.dora.without_commit),
        not_recovered=len(found.dora.failed) - len(found.dora.recovered),
        outcomes=_outcomes(found.outcomes),
        outcomes_before=_outcomes(found.outcomes_before),
        failures=[
            FailedVersionShown(
                deployment=one.row.number,
                application=one.row.application,
                environment=one.row.environment,
                cause=one.cause,
                recovered_at=one.recovered_at,
                seconds=one.seconds,
            )
            for one in sorted(found.failures, key=lambda one: -one.row.number)[:MOST_LISTED]
        ],
        times=TimesShown(
            queue=_spread(found.times.queue),
            approval=_spread(found.times.approval),
            gate=_spread(found.times.gate),
            work=_spread(found.times.work),
        ),
        steps=[StepTimesShown(step=one.step, **vars(one.spread)) for one in found.steps],
        troubles=[
            FrequentFailureShown(
                step=one.step, sentence=one.sentence, count=len(one.numbers), deployments=list(one.numbers[:MOST_LISTED])
            )
            for one in found.troubles
        ],
        parts=_parts(found),
        places=[PlaceFiguresShown(**row) for row in place_rows(found)],
    )


@router.get(
    "/insights/csv",
    openapi_extra={
        "responses": {
            200: {
                "description": "One line for each application and environment, after a line of names.",
                "content": {"text/csv": {"schema": {"type": "string"}}},
            }
        }
    },
)
@needs(Act.VIEW)
def show_insights_csv(request: HttpRequest, asked: Query[InsightsAsked]) -> HttpResponse:
    """The figures of every application and environment as CSV; times in seconds, shares from 0 to 1."""
    found = _found(actor_of(request), asked)
    response = HttpResponse(csv_text(found), content_type="text/csv; charset=utf-8")
    name = f"fairway-insights-{found.asked.period.since}-{found.asked.period.until}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _found(actor: Actor, asked: InsightsAsked) -> Delivery:
    now, zone = timezone.now(), ZoneInfo(parse_zone(asked.zone))
    period = parse_period(days=asked.days, since=asked.since, until=asked.until, now=now, zone=zone)
    wanted = parse_asked(actor, application=asked.application, environment=asked.environment, period=period)
    return delivery(actor, wanted, now)


def _figure(found: Delivery, one: Figure) -> FigureShown:
    known = one.known
    numbers = behind(found, known.behind)
    return FigureShown(
        key=known.key,
        title=str(known.title),
        formula=str(known.formula),
        unit=known.unit,
        value=one.value,
        sample=one.sample,
        value_before=one.before,
        sample_before=one.sample_before,
        count=len(numbers),
        deployments=numbers[:MOST_LISTED],
    )


def _outcomes(found: Outcomes) -> OutcomesShown:
    return OutcomesShown(**found.counts, success_rate=found.success_rate)


def _spread(found: Spread | None) -> SpreadShown | None:
    return SpreadShown(**vars(found)) if found else None


def _parts(found: Delivery) -> list[PartShown]:
    return [
        PartShown(since=one.period.since, until=one.period.until, lead_time=one.lead_time, **one.outcomes.counts)
        for one in found.parts
    ]
