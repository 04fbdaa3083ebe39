"""The ledger of what placements held and used: made of samples of ten seconds, by hour and day, kept for years.

Everything may be done twice, and by two workers at once. A row is replaced by what all samples of its hour say, as long as
they are kept; it never shrinks. So samples that were deleted early, because a clock was wrong, take nothing away, and
neither does a worker that read less than another one.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict
from typing import NamedTuple

from django.db import transaction

from fairway.monitoring.commands import AHEAD, MOST_DELETED
from fairway.monitoring.metering_rules import DAY, HOUR, METERS_KEPT, NAMES, Metered, metered
from fairway.monitoring.models import USED, Meter, UsageSample
from fairway.monitoring.rules import FINE, Used, start_of


class Where(NamedTuple):
    """A placement by its id, which no later placement gets, and whose it was."""

    placement: int
    application: int
    environment: int


@transaction.atomic
def meter(*, now: float, since: float = 0) -> None:
    """Bring the rows of every hour up to date that ended after `since` and has samples of ten seconds, and those of its
    day."""
    samples = UsageSample.objects.filter(resolution=FINE, at__gte=max(0, start_of(since, HOUR)), at__lt=now)
    first = samples.order_by("at").values_list("at", flat=True).first()
    if first is None:
        return
    days = set()
    for hour in range(start_of(first, HOUR), math.ceil(now), HOUR):
        if found := _metered(hour):
            _write(hour, HOUR, found)
            days.add(start_of(hour, DAY))
    for day in sorted(days):
        _write(day, DAY, _sum_of_hours(day))


def _metered(hour: int) -> dict[Where, Metered]:
    rows = UsageSample.objects.filter(resolution=FINE, at__gte=hour, at__lt=hour + HOUR)
    samples: dict[tuple[Where, str], list[Used]] = defaultdict(list)
    whose = ("placement", "placement__application", "placement__environment")
    for placement, application, environment, service, *values in rows.values_list(*whose, "service", *USED):
        samples[Where(placement, application, environment), service].append(Used(*values))
    total: dict[Where, Metered] = {}
    for (where, _), used in samples.items():
        total[where] = total.get(where, Metered()).together_with(metered(used, HOUR))
    return total


def _sum_of_hours(day: int) -> dict[Where, Metered]:
    total: dict[Where, Metered] = defaultdict(Metered)
    for row in Meter.objects.filter(length=HOUR, at__gte=day, at__lt=day + DAY):
        total[Where(row.placement, row.application_id, row.environment_id)] += row.metered
    return total


def _write(at: int, length: int, found: Mapping[Where, Metered]) -> None:
    """The rows are there before they are locked, so two workers wait for each other, in the same order."""
    nothing = asdict(Metered())
    Meter.objects.bulk_create(
        [
            Meter(placement=one.placement, application_id=one.application, environment_id=one.environment, length=length,
                  at=at, **nothing)
            for one in sorted(found)
        ],
        ignore_conflicts=True,
    )  # fmt: skip
    values = {where.placement: one for where, one in found.items()}
    changed = []
    for row in (
        Meter.objects.select_for_update(no_key=True).filter(length=length, at=at, placement__in=values).order_by("placement")
    ):
        one = values[row.placement]
        if (row.seconds, row.replica_seconds) < (one.seconds, one.replica_seconds):
            for name in NAMES:
                setattr(row, name, getattr(one, name))
            changed.append(row)
    if changed:
        Meter.objects.bulk_update(changed, NAMES, batch_size=50)


def forget_meters(*, now: float) -> int:
    """Delete the rows that are older than their length is kept, and those from a future that a wrong clock showed."""
    total = 0
    for length, seconds in METERS_KEPT.items():
        for old in ({"at__lt": start_of(now - seconds, length)}, {"at__gt": now + AHEAD}):
            chosen = Meter.objects.filter(length=length, **old)
            while numbers := list(chosen.values_list("pk", flat=True)[:MOST_DELETED]):
                total += Meter.objects.filter(pk__in=numbers).delete()[0]
    return total
