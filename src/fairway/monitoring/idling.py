"""Which applications nobody visits any more, by what the proxy answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.db.models import Q

from fairway.deployments.models import Placement
from fairway.deployments.rules import Health, Wanted
from fairway.monitoring.models import TrafficSample
from fairway.monitoring.rules import COARSE, FINE, KEPT, MIDDLE

MOST_MISSED = 600  # seconds of a period that may already be deleted in a finer resolution


def idle_placements(*, now: float, awake_since: float, in_flight: Mapping[str, int]) -> list[Placement]:
    """The placements that may fall asleep by themselves now.

    `awake_since` is when this worker began to look: what was answered before may not be counted yet. `in_flight` has the
    requests that have not ended, by address.
    """
    there = Placement.objects.filter(
        wanted=Wanted.RUNNING, health=Health.HEALTHY, sleeps_after__isnull=False, asleep_since=None
    ).exclude(current=None)
    return [
        one
        for one in there.select_related("application", "environment", "current")
        if one.sleeps_after is not None
        and now - max(awake_since, _awake_since(one)) >= 60 * one.sleeps_after
        and not _has_visitors(one, in_flight)
        and not _is_job_due(one, now)
        and not _was_visited(one, now)
    ]


def _awake_since(one: Placement) -> float:
    switched = one.current.switched_at if one.current else None
    return max((at.timestamp() for at in (switched, one.woken_at) if at is not None), default=0.0)


def _has_visitors(one: Placement, in_flight: Mapping[str, int]) -> bool:
    return any(in_flight.get(seen.get("address", ""), 0) for seen in one.observed)


def _is_job_due(one: Placement, now: float) -> bool:
    """Whether a scheduled command comes due so soon that falling asleep is not worth it."""
    soon = datetime.fromtimestamp(now).astimezone() + timedelta(minutes=one.sleeps_after or 0)
    return one.application.scheduled_jobs.filter(environment=one.environment, next_at__lte=soon).exists()


def _was_visited(one: Placement, now: float) -> bool:
    since = now - 60 * (one.sleeps_after or 0)
    found = Q(pk__in=())
    for resolution in resolutions_of(now - since):
        found |= Q(resolution=resolution, at__gt=since - resolution)
    return TrafficSample.objects.filter(found, placement=one, deployment__gt=0, requests__gt=0).exists()


def resolutions_of(seconds: float) -> Iterable[int]:
    """The resolutions that together know what was answered in the last `seconds`; the finest alone, as long as it does."""
    for resolution in (FINE, MIDDLE, COARSE):
        yield resolution
        if seconds <= KEPT[resolution] - MOST_MISSED:
            return
