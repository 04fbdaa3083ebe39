"""Later: at a wall time in a zone, asked about again when it comes, and missed where it stays blocked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from fairway.accounts.rules import Blocked
from fairway.engine.models import Run
from fairway.environments.commands import lock_environment, unlock_environment
from fairway.releases.commands.releases import cancel_release, delete_release
from fairway.releases.commands.rollouts import roll_out
from fairway.releases.commands.schedule import Planned, cancel_schedule, reschedule, schedule_release
from fairway.releases.models import Rollout
from fairway.releases.queries import readiness, status_of
from fairway.shared.names import Invalid

NEXT_YEAR = timezone.now().year + 1


def plan(desk, release, environment, **more):
    asked = {"at": f"{NEXT_YEAR}-03-01T10:00", "zone": "Europe/Paris", **more}
    return schedule_release(actor=desk.manager, release=release, environment=environment, **asked)


def comes(rollout, *, start_by=timedelta(hours=1)):
    """The clock reaches the time it is planned for."""
    now = timezone.now()
    Run.objects.filter(pk=rollout.run_id).update(run_at=now)
    Rollout.objects.filter(pk=rollout.pk).update(planned_at=now, start_by=now + start_by)


def test_it_starts_by_itself_for_a_manager_who_may_not_deploy_by_hand(desk, production):
    release = desk.release(packages="db api", needs="api>db")
    rollout = plan(desk, release, production)
    desk.work()
    assert status_of(release) == "scheduled"
    comes(rollout)
    desk.work()
    rollout.refresh_from_db()
    assert rollout.status == "succeeded", rollout.sentence
    assert status_of(release) == "released"
    assert desk.serving("api", production) == desk.digest(release, "api")


def test_blocked_when_its_time_comes_it_waits_and_starts_when_the_lock_goes(desk, production):
    release = desk.release(packages="api")
    rollout = plan(desk, release, production)
    lock_environment(actor=desk.manager, environment=production, reason="Stocktaking")
    comes(rollout)
    desk.work()
    rollout.refresh_from_db()
    assert (rollout.status, "Stocktaking" in rollout.sentence) == ("held", True)
    assert status_of(release) == "scheduled"
    unlock_environment(actor=desk.manager, environment=production)
    desk.work()
    rollout.refresh_from_db()
    assert rollout.status == "succeeded", rollout.sentence


def test_blocked_beyond_its_limit_it_is_cancelled_and_says_why(desk, production):
    release = desk.release(packages="api")
    rollout = plan(desk, release, production)
    lock_environment(actor=desk.manager, environment=production, reason="Stocktaking")
    comes(rollout, start_by=timedelta(0))
    desk.work()
    rollout.refresh_from_db()
    assert rollout.status == "cancelled"
    assert rollout.sentence.startswith("It missed its start-by limit because: Production is locked by max: Stocktaking")
    assert status_of(release) == "draft"
    assert desk.serving("api", production) is None


def test_readiness_says_ahead_of_time_what_will_be_in_the_way_then(desk, production):
    release = desk.release(packages="api")
    rollout = plan(desk, release, production)
    until = rollout.planned_at + timedelta(hours=2)
    lock_environment(actor=desk.manager, environment=production, reason="Stocktaking", until=until)
    found = {one.environment.slug: one for one in readiness(release, desk.manager)}
    (blocker,) = found["production"].blockers
    assert (blocker.code, blocker.clears_at) == ("locked", until)
    assert (found["production"].at, found["production"].planned) == (rollout.planned_at, rollout)
    unlock_environment(actor=desk.manager, environment=production)
    lock_environment(actor=desk.manager, environment=production, reason="Lunch", until=timezone.now() + timedelta(hours=1))
    assert next(one for one in readiness(release, desk.manager) if one.environment == production).is_ready


def test_another_time_moves_the_run_and_leaves_one(desk, production):
    release = desk.release(packages="api")
    rollout = plan(desk, release, production)
    first = rollout.run_id
    moved = reschedule(actor=desk.manager, rollout=rollout, at=f"{NEXT_YEAR}-03-02T10:00", zone="America/New_York")
    assert (moved.sequence, moved.zone, moved.status) == (1, "America/New_York", "scheduled")
    assert moved.planned_at == datetime(NEXT_YEAR, 3, 2, 15, 0, tzinfo=UTC)
    desk.work()
    moved.refresh_from_db()
    assert (moved.status, Run.objects.get(pk=first).status) == ("scheduled", "cancelled")
    assert Run.objects.get(pk=moved.run_id).run_at == moved.planned_at


def test_what_is_planned_can_be_taken_off_again(desk, production):
    release = desk.release(packages="api")
    rollout = plan(desk, release, production)
    with pytest.raises(Blocked, match="scheduled"):
        delete_release(actor=desk.manager, release=release)
    with pytest.raises(Blocked, match="scheduled"):
        roll_out(actor=desk.deployer, release=release, environment=production)
    with pytest.raises(Blocked, match="scheduled"):
        plan(desk, release, production)
    cancel_schedule(actor=desk.manager, rollout=rollout, reason="Wrong day")
    rollout.refresh_from_db()
    assert rollout.status == "cancelled"
    assert Run.objects.get(pk=rollout.run_id).status == "cancelled"
    with pytest.raises(Blocked):
        reschedule(actor=desk.manager, rollout=rollout, at=f"{NEXT_YEAR}-03-02T10:00", zone="UTC")
    delete_release(actor=desk.manager, release=release)


def test_a_cancelled_release_starts_nothing(desk, production):
    release = desk.release(packages="api")
    rollout = plan(desk, release, production)
    cancel_release(actor=desk.manager, release=release, reason="Not this year")
    desk.work()
    rollout.refresh_from_db()
    assert rollout.status == "cancelled"
    assert status_of(release) == "cancelled"
    with pytest.raises(Blocked, match="cancelled"):
        plan(desk, release, production)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"at": "2020-01-01T00:00"}, "at"),
        ({"at": "soon"}, "at"),
        ({"at": f"{NEXT_YEAR}-03-01T10:00+01:00"}, "at"),
        ({"zone": "Europe/Nowhere"}, "zone"),
        ({"zone": "../../etc/passwd"}, "zone"),
        ({"start_by_minutes": 0}, "start_by_minutes"),
        ({"parallel": 17}, "parallel"),
    ],
)
def test_what_cannot_be_meant_is_refused_naming_the_field(desk, production, asked, field):
    with pytest.raises(Invalid) as invalid:
        plan(desk, desk.release(packages="api"), production, **asked)
    assert invalid.value.field == field
    assert not Rollout.objects.exists()


@pytest.mark.parametrize(
    ("wall", "zone", "utc"),
    [
        ("2027-03-28T01:59", "Europe/Paris", "2027-03-28T00:59"),
        ("2027-03-28T02:30", "Europe/Paris", "2027-03-28T01:00"),  # skipped: the change itself
        ("2027-03-28T03:00", "Europe/Paris", "2027-03-28T01:00"),
        ("2027-10-31T02:30", "Europe/Paris", "2027-10-31T00:30"),  # twice: the first time
        ("2027-10-31T03:00", "Europe/Paris", "2027-10-31T02:00"),
        ("2027-03-14T02:30", "America/New_York", "2027-03-14T07:00"),
        ("2027-11-07T01:30", "America/New_York", "2027-11-07T05:30"),
        ("2027-11-07T02:00", "America/New_York", "2027-11-07T07:00"),
    ],
)
def test_wall_times_across_both_changes_are_right_to_the_minute(wall, zone, utc):
    assert Planned.of(wall, zone, 60).planned_at == datetime.fromisoformat(utc).replace(tzinfo=UTC)
