"""Writing samples: storing what was read, summing it up, deleting what is old. No events: nobody asked for any of it.

Everything may be done twice. A roll-up is made from all finer rows of its interval and replaces the one that is there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any

from django.db import models, transaction

from fairway.deployments.models import Placement
from fairway.monitoring.models import USED, TrafficSample, UsageSample, columns_of
from fairway.monitoring.rules import COUNTS, FINE, KEPT, MADE_OF, Served, Used, rolled_up, served_together, start_of

MOST_INTERVALS = 20  # that are rolled up in one transaction; the next round goes on
MOST_DELETED = 5000  # rows that one statement deletes, so that nobody waits long for the database
LATE = 120  # seconds after the end of an interval in which a finer row of it may still be written
AHEAD = 86400  # seconds that a row may be in the future before it counts as written while the clock was wrong

Model = type[UsageSample] | type[TrafficSample]


@transaction.atomic
def store_usage(*, at: int, resolution: int, samples: Mapping[tuple[int, str], Used]) -> int:
    """Store what services used in the interval that begins at `at`, by placement and service; returns how many rows there
    are for it now. A row that exists stays: the clock was set back. Placements that were removed meanwhile are left out."""
    there = set(Placement.objects.filter(pk__in={placement for placement, _ in samples}).values_list("pk", flat=True))
    rows = [
        UsageSample(placement_id=placement, service=service, resolution=resolution, at=at, **asdict(used))
        for (placement, service), used in samples.items()
        if placement in there
    ]
    UsageSample.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def roll_up(*, now: float) -> int:
    """Sum up every longer interval that has passed and is not summed up yet; returns how many intervals were. The newest one
    that is summed up already is made again if it ended less than `LATE` seconds ago, in case something arrived late."""
    total = 0
    for model, make in ((UsageSample, _usage_of), (TrafficSample, _traffic_of)):
        complete: float = now
        for coarse in sorted(MADE_OF):
            count, complete = _roll_up(model, coarse, complete, make)
            total += count
    return total


Make = Callable[[Iterable[Any], int, int], list[Any]]


@transaction.atomic
def _roll_up(model: Model, coarse: int, now: float, make: Make) -> tuple[int, float]:
    """How many intervals were summed up, and until when all are: what is longer must not be made before."""
    fine: models.QuerySet[Any] = model._default_manager.filter(resolution=MADE_OF[coarse])
    done = model._default_manager.filter(resolution=coarse, at__lte=now - coarse).aggregate(newest=models.Max("at"))
    at, count = done["newest"] or 0, 0
    if at + coarse + LATE <= now:
        at += coarse
    while count < MOST_INTERVALS:
        first = fine.filter(at__gte=at).order_by("at").values_list("at", flat=True).first()
        if first is None or (at := start_of(first, coarse)) + coarse > now:
            break
        _replace(model, make(fine.filter(at__gte=at, at__lt=at + coarse).order_by("at"), at, coarse))
        at, count = at + coarse, count + 1
    return count, now if count < MOST_INTERVALS else at


def _replace(model: Model, rows: list[Any]) -> None:
    key, values = ("service", USED) if model is UsageSample else ("deployment", (*COUNTS, "durations"))
    unique = ["placement", key, "resolution", "at"]
    model._default_manager.bulk_create(rows, update_conflicts=True, unique_fields=unique, update_fields=list(values))


def _usage_of(rows: Iterable[UsageSample], at: int, coarse: int) -> list[Any]:
    grouped: dict[tuple[int, str], list[Used]] = defaultdict(list)
    for row in rows:
        grouped[row.placement_id, row.service].append(row.used)
    return [
        UsageSample(placement_id=placement, service=service, resolution=coarse, at=at, **asdict(rolled_up(parts)))
        for (placement, service), parts in grouped.items()
    ]


def _traffic_of(rows: Iterable[TrafficSample], at: int, coarse: int) -> list[Any]:
    grouped = defaultdict(list)
    for row in rows:
        grouped[row.placement_id, row.deployment].append(row.served)
    return [
        TrafficSample(placement_id=placement, deployment=number, resolution=coarse, at=at, **columns_of(served))
        for (placement, number), served in ((group, served_together(parts)) for group, parts in grouped.items())
    ]


def forget_samples(*, now: float) -> int:
    """Delete the rows that are older than their resolution is kept, and those from a future that a wrong clock showed, a
    bounded number at a time; returns how many."""
    total = 0
    for resolution, seconds in KEPT.items():
        for model in (UsageSample, TrafficSample):
            total += _delete(model, resolution=resolution, at__lt=start_of(now - seconds, resolution))
            total += _delete(model, resolution=resolution, at__gt=now + AHEAD)
    return total


def _delete(model: Model, **old: float) -> int:
    total = 0
    while numbers := list(model._default_manager.filter(**old).values_list("pk", flat=True)[:MOST_DELETED]):
        total += model._default_manager.filter(pk__in=numbers).delete()[0]
    return total


@transaction.atomic
def store_traffic(*, at: int, served: Mapping[tuple[int, int], Served]) -> int:
    """Store what the proxy answered in the interval of `FINE` seconds that begins at `at`, by placement and number of the
    deployment; returns how many rows were given. A row that exists stays: another worker stored it."""
    rows = [
        TrafficSample(placement_id=placement, deployment=number, resolution=FINE, at=at, **columns_of(one))
        for (placement, number), one in served.items()
    ]
    TrafficSample.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)
