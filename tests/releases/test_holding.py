"""What a release counts on is not deleted under it; once it is over or let go, everything may go."""

from __future__ import annotations

import pytest

from fairway.accounts.rules import Blocked
from fairway.deployments.commands.placements import delete_application
from fairway.environments.commands import delete_environment
from fairway.releases.commands.approvals import seal, unseal
from fairway.releases.commands.releases import cancel_release, delete_release
from fairway.releases.commands.rollouts import roll_out
from fairway.releases.commands.schedule import cancel_schedule, schedule_release
from fairway.releases.queries import status_of


def planned(desk, release, environment):
    where = {"release": release, "environment": environment, "at": "2199-01-01T08:00", "zone": "UTC"}
    return schedule_release(actor=desk.manager, **where)


def reasons(desk, application):
    with pytest.raises(Blocked) as blocked:
        delete_application(actor=desk.admin, application=application, confirmed=application.slug)
    return [(one.code, one.sentence) for one in blocked.value.blockers]


@pytest.fixture
def release(desk, staging):
    return desk.release(packages="db")


def test_an_application_of_a_sealed_release_stays_until_it_is_let_go(desk, release):
    db = desk.application("db")
    seal(actor=desk.manager, release=release)
    assert reasons(desk, db) == [("in_release", "Spring 1 is sealed and contains it.")]
    unseal(actor=desk.manager, release=release)
    delete_application(actor=desk.admin, application=db, confirmed="db")


def test_an_application_of_a_planned_release_stays(desk, release, staging):
    db = desk.application("db")
    rollout = planned(desk, release, staging)
    assert reasons(desk, db) == [("in_release", "Spring 1 is scheduled and contains it.")]
    cancel_schedule(actor=desk.manager, rollout=rollout)
    delete_application(actor=desk.admin, application=db, confirmed="db")


@pytest.mark.parametrize("end", [cancel_release, delete_release])
def test_a_release_that_was_given_up_holds_nothing(desk, release, staging, end):
    seal(actor=desk.manager, release=release)
    more = {"reason": "No more"} if end is cancel_release else {"confirmed": str(release)}
    end(actor=desk.manager, release=release, **more)
    delete_application(actor=desk.admin, application=desk.application("db"), confirmed="db")


def test_a_release_that_is_over_holds_nothing(desk, release, staging, production):
    seal(actor=desk.manager, release=release)
    roll_out(actor=desk.deployer, release=release, environment=staging)
    desk.work()
    db = desk.application("db")
    assert reasons(desk, db) == [("in_release", "Spring 1 is under way and contains it.")]
    roll_out(actor=desk.deployer, release=release, environment=production)
    desk.work()
    assert status_of(release) == "released"
    delete_application(actor=desk.admin, application=db, confirmed="db")


def test_a_target_of_a_planned_release_stays(desk, release, staging):
    planned(desk, release, staging)
    with pytest.raises(Blocked) as blocked:
        delete_environment(actor=desk.admin, environment=staging)
    assert [one.code for one in blocked.value.blockers] == ["scheduled"]
