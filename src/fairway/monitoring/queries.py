"""Reading samples of what an actor may see: series for charts, and the marks on their time axis."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db.models import Max, Q, QuerySet

from fairway.accounts.rules import Actor, NotVisible
from fairway.deployments.models import Placement
from fairway.deployments.queries import placements_visible_to
from fairway.monitoring.marks import Mark, marks_of
from fairway.monitoring.models import USED, TrafficSample, UsageSample, histogram_of
from fairway.monitoring.rules import COUNTS, FINE, RESOLUTIONS, Served, Used, rolled_up, served_together, start_of, step_of

CURRENT = 6 * FINE  # seconds for which the newest sample says what is used now


@dataclass(frozen=True)
class Series:
    """What is known of a placement in a period that ends now.

    `at` are the starts of intervals of `step` seconds; `usage` has a list of the same length for each service, `traffic`
    is one, None where nothing is known. `traffic` is empty if the proxy has counted nothing in the period.
    """

    since: int
    until: int
    step: int
    at: list[int]
    usage: Mapping[str, list[Used | None]]
    traffic: list[Served | None]
    marks: list[Mark] = field(default_factory=list)

    def length(self, index: int) -> int:
        """The seconds of an interval that have passed; the last interval may go on."""
        return max(FINE, min(self.step, self.until - self.at[index]))


def series(actor: Actor, placement: Placement, *, period: int, now: float) -> Series:
    """What is known of the last `period` seconds of a placement, at most `rules.LONGEST`. Raises `NotVisible`."""
    if not placements_visible_to(actor).filter(pk=placement.pk).exists():
        raise NotVisible("placement", placement.name)
    step, resolution = step_of(period)
    until = start_of(now, FINE)
    since = start_of(until - period, step) + step
    at = list(range(since, max(until, since + 1), step))
    usage = _usage(placement, since, step, resolution)
    traffic = _traffic(placement, since, step, resolution)
    read = {start for intervals in usage.values() for start in intervals}
    shown = {
        service: [intervals.get(start) for start in at] for service, intervals in sorted(usage.items(), key=_main_first)
    }
    answered = [traffic.get(start) or (Served() if start in read else None) for start in at] if traffic else []
    return Series(since, until, step, at, shown, answered, _marks(actor, placement, since, until, usage))


def _main_first(item: tuple[str, object]) -> tuple[bool, str]:
    return item[0] != "web", item[0]


def _usage(placement: Placement, since: int, step: int, resolution: int) -> dict[str, dict[int, Used]]:
    rows = _rows(UsageSample.objects.filter(placement=placement), since, resolution)
    grouped: dict[str, dict[int, list[Used]]] = defaultdict(lambda: defaultdict(list))
    for service, _, at, *values in _without_doubles(rows.values_list("service", "resolution", "at", *USED)):
        grouped[service][start_of(at, step)].append(Used(*values))
    return {service: {at: rolled_up(parts) for at, parts in found.items()} for service, found in grouped.items()}


def _traffic(placement: Placement, since: int, step: int, resolution: int) -> dict[int, Served]:
    rows = _rows(TrafficSample.objects.filter(placement=placement), since, resolution)
    grouped: dict[int, list[Served]] = defaultdict(list)
    columns = ("deployment", "resolution", "at", *COUNTS, "durations")
    for _, _, at, *counts, durations in _without_doubles(rows.values_list(*columns)):
        numbers = dict(zip(COUNTS, counts, strict=True))
        grouped[start_of(at, step)].append(Served(**numbers, durations=histogram_of(durations)))
    return {at: served_together(parts) for at, parts in grouped.items()}


def _rows(every: QuerySet[Any], since: int, resolution: int) -> QuerySet[Any]:
    """The rows of this resolution, and finer ones of what is not summed up yet."""
    done = every.filter(resolution=resolution).aggregate(newest=Max("at"))["newest"]
    finer = Q(resolution__lt=resolution, at__gte=since if done is None else max(since, done + resolution))
    return every.filter(Q(resolution=resolution, at__gte=since) | finer).order_by("at")


def _without_doubles(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """These rows (of a service or deployment, resolution, start, …) without those that a coarser one was made of."""
    every = list(rows)
    coarse = {row[:3] for row in every if row[1] > FINE}
    for row in every:
        key, resolution, at = row[:3]
        if not any((key, longer, start_of(at, longer)) in coarse for longer in RESOLUTIONS if longer > resolution):
            yield row


def _marks(
    actor: Actor, placement: Placement, since: int, until: int, usage: Mapping[str, Mapping[int, Used]]
) -> list[Mark]:
    restarts: dict[int, int] = defaultdict(int)
    for intervals in usage.values():
        for at, used in intervals.items():
            restarts[at] += used.restarts
    first, last = datetime.fromtimestamp(since, UTC), datetime.fromtimestamp(until + FINE, UTC)
    return marks_of(actor, placement, first, last, {at: count for at, count in restarts.items() if count})


@dataclass(frozen=True)
class Current:
    """What a service of a placement uses now, by its newest sample."""

    placement: Placement
    service: str
    used: Used
    at: int


def current_usage(actor: Actor, *, now: float, placement: Placement | None = None) -> list[Current]:
    """The newest sample of each service that this actor may see, without those that are too old to speak of now. Two
    queries."""
    there = placements_visible_to(actor)
    if placement is not None:
        there = there.filter(pk=placement.pk)
    placements = {one.pk: one for one in there}
    fine = UsageSample.objects.filter(resolution=FINE, at__gte=now - CURRENT - FINE, at__lte=now)
    newest: dict[tuple[int, str], UsageSample] = {}
    for row in fine.filter(placement__in=placements).order_by("at"):
        newest[row.placement_id, row.service] = row
    return [Current(placements[number], service, row.used, row.at) for (number, service), row in sorted(newest.items())]


def last_sample_at(actor: Actor, placement: Placement) -> int | None:
    """When the newest interval began of which anything is known; None if nothing is."""
    if not placements_visible_to(actor).filter(pk=placement.pk).exists():
        raise NotVisible("placement", placement.name)
    found = (
        model._default_manager.filter(placement=placement).aggregate(newest=Max("at"))["newest"]
        for model in (UsageSample, TrafficSample)
    )
    return max((at for at in found if at is not None), default=None)
