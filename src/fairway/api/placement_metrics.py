"""What a placement uses and how it answers: series for charts and programs."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from django.http import HttpRequest
from ninja import Query, Schema
from pydantic import Field

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act
from fairway.api.routing import PermissionRouter
from fairway.api.schemas import Asked, Slug, Text
from fairway.applications.queries import get_application
from fairway.deployments.queries import get_placement
from fairway.environments.queries import get_environment_for
from fairway.monitoring.columns import traffic_columns, usage_columns
from fairway.monitoring.marks import Mark
from fairway.monitoring.queries import series
from fairway.monitoring.rules import parse_period

router = PermissionRouter(tags=["placements"])


class MetricsAsked(Asked):
    """`since` is how far back to look: ``1h``, ``24h``, ``7d``, at most ``90d``."""

    since: Text = Field("1h", max_length=12)


class UsageShown(Schema):
    """What one service used in each interval; null where nothing was read. `cpu` is in cores, the limit that of all
    instances together, null if there is none. `memory_bytes` is the mean, `memory_peak_bytes` the highest."""

    service: str
    instances: list[int | None]
    cpu: list[float | None]
    memory_bytes: list[int | None]
    memory_peak_bytes: list[int | None]
    memory_limit_bytes: list[int | None]
    restarts: list[int | None]


class TrafficShown(Schema):
    """What the proxy answered in each interval. `requests`, `statuses` (by class: ``2xx``) and `bytes` are per second,
    `error_rate` is the share of answers 5xx, `durations` are seconds by percentile (``p95``)."""

    requests: list[float | None]
    statuses: dict[str, list[float | None]]
    error_rate: list[float | None]
    durations: dict[str, list[float | None]]
    bytes: list[float | None]


class MarkShown(Schema):
    """Something that happened: a ``deployment`` with its number, version and outcome, a ``restart``, ``stop``, ``start``,
    ``scale``, or a ``freeze`` with its end."""

    kind: str
    at: datetime
    until: datetime | None
    who: str
    number: int | None
    version: str
    outcome: str
    count: int
    name: str


class MetricsShown(Schema):
    """`at` are the starts of intervals of `step` seconds, in seconds since 1970; every list has one value for each.
    `traffic` is null if the proxy counted nothing."""

    application: str
    environment: str
    since: datetime
    until: datetime
    step: int
    at: list[int]
    services: list[UsageShown]
    traffic: TrafficShown | None
    marks: list[MarkShown]


@router.get("/applications/{app}/environments/{env}/placement/metrics", response=MetricsShown)
@needs(Act.VIEW)
def show_placement_metrics(request: HttpRequest, app: Slug, env: Slug, asked: Query[MetricsAsked]) -> MetricsShown:
    """What its services used, how it answered, and what happened to it meanwhile."""
    actor = actor_of(request)
    application = get_application(actor, app)
    placement = get_placement(actor, application, get_environment_for(actor, application, env))
    found = series(actor, placement, period=parse_period(asked.since), now=time.time())
    traffic = traffic_columns(found)
    return MetricsShown(
        application=application.slug,
        environment=placement.environment.slug,
        since=_moment(found.since),
        until=_moment(found.until),
        step=found.step,
        at=found.at,
        services=[UsageShown(**one) for one in usage_columns(found)],
        traffic=TrafficShown(**traffic) if traffic else None,
        marks=[_mark(one) for one in found.marks],
    )


def _mark(mark: Mark) -> MarkShown:
    return MarkShown(
        kind=mark.kind,
        at=_moment(mark.at),
        until=None if mark.until is None else _moment(mark.until),
        who=mark.who,
        number=mark.number,
        version=mark.version,
        outcome=mark.outcome,
        count=mark.count,
        name=mark.name,
    )


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
