"""Series and marks: gaps stay gaps, the newest part comes from finer rows, and nobody sees what is not theirs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fairway.accounts.rules import SYSTEM, NotVisible, Role
from fairway.activity.models import Event
from fairway.deployments.commands.placements import stop
from fairway.deployments.models import Deployment
from fairway.environments.models import FreezeWindow
from fairway.monitoring.commands import roll_up
from fairway.monitoring.marks import MarkKind
from fairway.monitoring.queries import current_usage, last_sample_at, series
from fairway.monitoring.rules import COARSE, FINE
from tests.conftest import make_person
from tests.monitoring.conftest import MB, NOW, place, served, used

HOUR, DAY = 3600, 86400


def moment(seconds):
    return datetime.fromtimestamp(seconds, UTC)


def test_a_gap_stays_a_gap(placed, viewer):
    used(placed, NOW - 3 * FINE)
    used(placed, NOW - FINE)
    found = series(viewer, placed, period=HOUR, now=NOW)
    assert (found.step, len(found.at), found.at[-1]) == (FINE, HOUR // FINE - 1, NOW - FINE)
    assert [one and one.cpu_seconds for one in found.usage["web"][-4:]] == [None, 2.0, None, 2.0]
    assert found.traffic == []


def test_a_long_period_has_its_newest_part_from_finer_rows_and_nothing_twice(placed, viewer):
    start = NOW - 2 * COARSE
    for slot in range(2 * COARSE // FINE):
        used(placed, start + slot * FINE)
    now = NOW + 200
    for slot in range(19):
        used(placed, NOW + slot * FINE)
    for _ in range(3):
        roll_up(now=now)
    for period in (HOUR, DAY, 7 * DAY, 30 * DAY):
        found = series(viewer, placed, period=period, now=now)
        total = sum(one.cpu_seconds for one in found.usage["web"] if one)
        assert total == 2.0 * (2 * COARSE // FINE + 19), period


def test_traffic_is_nothing_where_instances_were_read_and_unknown_elsewhere(placed, viewer):
    used(placed, NOW - 2 * FINE)
    used(placed, NOW - FINE)
    served(placed, NOW - FINE, deployment=1)
    served(placed, NOW - FINE, deployment=2)
    found = series(viewer, placed, period=HOUR, now=NOW)
    assert [one and one.requests for one in found.traffic[-3:]] == [None, 0, 40]


def test_the_main_service_comes_first(placed, viewer):
    for service in ("api", "web", "worker"):
        used(placed, NOW - FINE, service=service)
    assert list(series(viewer, placed, period=HOUR, now=NOW).usage) == ["web", "api", "worker"]


def test_an_interval_that_goes_on_is_as_long_as_it_has_lasted(placed, viewer):
    found = series(viewer, placed, period=DAY, now=NOW + 60)
    assert (found.step, found.length(0), found.length(len(found.at) - 1)) == (240, 240, 60)


def test_what_is_used_now_is_the_newest_sample_if_it_is_new(placed, viewer, hello, production):
    old = place(hello, production)
    used(old, NOW - HOUR)
    used(placed, NOW - 3 * FINE, memory_bytes=1)
    used(placed, NOW - 2 * FINE, memory_bytes=7 * MB)
    found = current_usage(viewer, now=NOW)
    assert [(one.placement, one.service, one.used.memory_bytes) for one in found] == [(placed, "web", 7 * MB)]
    assert last_sample_at(viewer, old) == NOW - HOUR
    assert last_sample_at(viewer, placed) == NOW - 2 * FINE


def test_nobody_sees_the_samples_of_what_they_may_not_see(placed, production, hello):
    used(placed, NOW - FINE)
    stranger = make_person("pia", Role.DEPLOYER, environment=production)
    assert current_usage(stranger, now=NOW) == []
    for ask in (lambda: series(stranger, placed, period=HOUR, now=NOW), lambda: last_sample_at(stranger, placed)):
        with pytest.raises(NotVisible):
            ask()


# -- marks


def marks(actor, placement, *, period=HOUR, now=NOW):
    return series(actor, placement, period=period, now=now).marks


def test_deployments_are_marked_with_who_and_how_they_ended(placed, viewer):
    Deployment.objects.filter(pk=placed.current_id).update(switched_at=moment(NOW - 60), finished_at=moment(NOW - 50))
    failed = place(
        placed.application, placed.environment.__class__.objects.create(slug="x", name="X", host="x.test")
    ).current
    Deployment.objects.filter(pk=failed.pk).update(
        environment=placed.environment, status="failed", finished_at=moment(NOW - 30), requested_by="max"
    )
    found = marks(viewer, placed)
    assert [(one.kind, one.at, one.who, one.outcome) for one in found] == [
        (MarkKind.DEPLOYMENT, NOW - 60, "dora", "succeeded"),
        (MarkKind.DEPLOYMENT, NOW - 30, "max", "failed"),
    ]
    assert found[0].number == placed.current_id
    assert marks(viewer, placed, now=NOW + DAY) == []


def test_restarts_are_marked_from_the_samples(placed, viewer):
    used(placed, NOW - 40, restarts=2)
    used(placed, NOW - 40, restarts=1, service="worker")
    used(placed, NOW - 20)
    assert [(one.kind, one.at, one.count) for one in marks(viewer, placed)] == [(MarkKind.RESTART, NOW - 40, 3)]


def test_a_stop_is_marked_with_who_asked_for_it(placed, viewer, deployer):
    stop(actor=deployer, placement=placed)
    now = int(Event.objects.latest("pk").at.timestamp()) + 1
    assert [(one.kind, one.who) for one in marks(viewer, placed, now=now)] == [(MarkKind.STOP, "dora")]


def window(created, deleted=None, **values):
    row = FreezeWindow.objects.create(
        kind="deny", name="Closing", reason="r", starts="2026-01-01T00:00", minutes=366 * 1440, zone="UTC",
        rrule="FREQ=YEARLY", created_by=SYSTEM.name, **values,
    )  # fmt: skip
    FreezeWindow.objects.filter(pk=row.pk).update(created_at=moment(created), deleted_at=deleted and moment(deleted))


def test_freezes_are_marked_from_when_their_window_was_made_until_it_was_deleted(placed, viewer):
    window(NOW - 1000, NOW - 500)
    window(NOW - 1000, environments=["elsewhere"])
    found = [(one.kind, one.at, one.until, one.name) for one in marks(viewer, placed)]
    assert found == [(MarkKind.FREEZE, NOW - 1000, NOW - 500, "Closing")]


def test_a_freeze_that_goes_on_is_one_mark(placed, viewer):
    window(NOW - 2 * HOUR)
    window(NOW - 30, NOW - 20, applications=["another"])
    found = series(viewer, placed, period=HOUR, now=NOW)
    assert [(one.at, one.until) for one in found.marks] == [(found.since, NOW + FINE)]
