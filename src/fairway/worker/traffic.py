"""Stores what the proxy answered for each version, from the log that it writes. Of several workers, only the leader does.

The log stays when a worker ends, so the next one also counts what was answered meanwhile: everything after the newest
interval that is stored. An interval is stored once, whole, after it has passed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import chain

from django.db.models import Max

from fairway.deployments.models import Deployment, Placement
from fairway.drivers.proxy.traffic import TrafficLog
from fairway.insights.hosts import placement_at
from fairway.monitoring.commands import store_traffic
from fairway.monitoring.counting import Answerer, Counter
from fairway.monitoring.models import TrafficSample
from fairway.monitoring.rules import FINE, KEPT, Served, served_together, start_of
from fairway.workflows.canary import wake_worse
from fairway.workflows.outside import proxy, proxy_folder

SETTLES = 0.5  # seconds after which every request of an interval that has passed is in the log
_LABEL = re.compile(r"d([0-9]{1,18})")


class TrafficReader:
    """Reads the log of this installation's proxy."""

    def __init__(self) -> None:
        self._log = TrafficLog(proxy_folder())
        self._labels: Mapping[tuple[str, str], str] = {}  # as they were at the last call
        self._counter: Counter | None = None

    def take(self, now: float) -> None:
        """Count what was logged since the last call, and store the intervals that have passed."""
        if self._counter is None:
            self._counter = Counter(since=_first_to_store(now))
        requests = self._log.read()
        if (first := next(requests, None)) is not None:
            labels = proxy().labels()
            self._counter.add(chain([first], requests), {**self._labels, **labels})
            self._labels = labels
        passed = self._counter.take(start_of(now - SETTLES, FINE))
        for at, sums in passed.items():
            store_traffic(at=at, served=_by_placement(sums))
        if passed:
            wake_worse()

    def forget(self) -> None:
        """Begin anew at the next call: another worker has been the leader meanwhile."""
        self._log, self._counter = TrafficLog(proxy_folder()), None


def _first_to_store(now: float) -> int:
    """The start of the first interval that is not stored yet."""
    stored = TrafficSample.objects.filter(resolution=FINE, at__lte=now).aggregate(newest=Max("at"))["newest"]
    return start_of(now - KEPT[FINE], FINE) if stored is None else max(stored + FINE, start_of(now - KEPT[FINE], FINE))


def _by_placement(sums: Mapping[Answerer, Served]) -> dict[tuple[int, int], Served]:
    """The sums by placement and number of the deployment, 0 for answers that no deployment gave. What belongs to no
    placement any more is left out."""
    numbers = {label: int(found[1]) for _, label in sums if (found := _LABEL.fullmatch(label))}
    placements = _placements_of(numbers.values())
    grouped: dict[tuple[int, int], list[Served]] = defaultdict(list)
    for (host, label), served in sums.items():
        number = numbers.get(label, 0)
        if number in placements:
            grouped[placements[number], number].append(served)
        elif (placement := placement_at(host)) is not None:
            grouped[placement.pk, 0].append(served)
    return {key: served_together(parts) for key, parts in grouped.items()}


def _placements_of(numbers: Iterable[int]) -> dict[int, int]:
    """The placements of these deployments, as numbers."""
    rows = Deployment.objects.filter(pk__in=numbers).values_list("pk", "application", "environment")
    where = {number: (application, environment) for number, application, environment in rows}
    placed = Placement.objects.filter(application__in={application for application, _ in where.values()})
    known = {(row[0], row[1]): row[2] for row in placed.values_list("application", "environment", "pk")}
    return {number: known[place] for number, place in where.items() if place in known}
