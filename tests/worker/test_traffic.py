"""What the proxy answered is stored for the version that answered, once, whichever worker reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairway.deployments.models import Placement
from fairway.drivers.proxy.contract import Route, RouteKind
from fairway.drivers.proxy.logs import TRAFFIC_LOG
from fairway.monitoring.models import TrafficSample
from fairway.monitoring.rules import FINE
from fairway.worker.traffic import TrafficReader
from fairway.workflows.outside import proxy, proxy_folder

NOW = 1_800_000_000


@pytest.fixture
def log() -> Iterator[Path]:
    path = proxy_folder() / TRAFFIC_LOG
    path.unlink(missing_ok=True)
    yield path
    path.unlink(missing_ok=True)


def answered(log: Path, at: float, placement: Placement, *, upstream: str | None = "", status: int = 200) -> None:
    """One line of the proxy; the placement's first replica answered, if nothing else is said."""
    if upstream == "":
        route = proxy().route(placement.host)
        assert route is not None
        upstream = route.addresses[0]
    line = {"ts": at, "size": 5, "status": status, "answered_ms": 3, "upstream": upstream, "host": placement.host}
    with log.open("a") as file:
        file.write(json.dumps(line) + "\n")


def stored() -> list[tuple[int, int, int]]:
    rows = TrafficSample.objects.filter(resolution=FINE).order_by("at", "deployment")
    return [(row.at - NOW, row.deployment, row.requests) for row in rows]


def test_answers_are_stored_for_the_deployment_that_gave_them(live: Placement, log: Path) -> None:
    number = live.current_id
    for at in (1, 5, 9.99):
        answered(log, NOW + at, live)
    answered(log, NOW + 2, live, status=503)
    answered(log, NOW + 2, live, upstream=None, status=503)  # a page of the proxy
    answered(log, NOW + 2, live, upstream="192.0.2.1:80", status=401)  # Fairway refused the visitor
    reader = TrafficReader()
    reader.take(NOW + 10.2)
    assert stored() == [], "requests of the interval may still come into the log"
    reader.take(NOW + 11.5)
    assert stored() == [(0, 0, 2), (0, number, 4)]
    row = TrafficSample.objects.get(deployment=number)
    assert (row.placement, row.successes, row.server_errors, row.bytes_sent) == (live, 3, 1, 20)
    assert sum(row.durations.values()) == 4


def test_the_version_that_was_replaced_keeps_its_answers(live: Placement, log: Path) -> None:
    before = live.current_id
    answered(log, NOW + 1, live)
    proxy().ensure_route(Route(live.host, RouteKind.OPEN, ("127.0.0.1:7",), f"d{before + 1000}"))
    TrafficReader().take(NOW + 12)
    assert stored() == [(0, before, 1)]


def test_another_worker_goes_on_where_the_last_one_ended(live: Placement, log: Path) -> None:
    answered(log, NOW + 1, live)
    answered(log, NOW + 12, live)
    first, second = TrafficReader(), TrafficReader()
    first.take(NOW + 11.5)
    assert stored() == [(0, live.current_id, 1)]
    answered(log, NOW + 13, live)
    second.take(NOW + 22)
    first.take(NOW + 22)  # it hung, and does not know that it is no leader any more
    assert stored() == [(0, live.current_id, 1), (10, live.current_id, 2)]
    first.forget()
    answered(log, NOW + 24, live)
    first.take(NOW + 31.5)
    assert stored()[2:] == [(20, live.current_id, 1)]


def test_a_clock_that_was_set_back_counts_nothing_twice(live: Placement, log: Path) -> None:
    answered(log, NOW + 1, live)
    reader = TrafficReader()
    reader.take(NOW + 12)
    answered(log, NOW + 2, live)
    reader.take(NOW + 5)
    reader.take(NOW + 12)
    assert stored() == [(0, live.current_id, 1)]


def test_what_belongs_to_nothing_is_left_out(live: Placement, log: Path) -> None:
    with log.open("a") as file:
        file.write(json.dumps({"ts": NOW, "size": 1, "status": 200, "host": "gone.localhost", "upstream": None}) + "\n")
        file.write("not json\n")
    answered(log, NOW + 3, live)
    TrafficReader().take(NOW + 12)
    assert stored() == [(0, live.current_id, 1)]


def test_nothing_was_answered(live: Placement, log: Path) -> None:
    reader = TrafficReader()
    reader.take(NOW)
    reader.take(NOW + 60)
    assert stored() == []
