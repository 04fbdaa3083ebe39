"""Two releases that have an application in common: one after the other on a target, and *Released* is what is served."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.utils import timezone

from fairway.accounts.rules import Blocked, Role
from fairway.deployments.commands.placements import stop
from fairway.deployments.models import Placement
from fairway.environments.models import Environment
from fairway.releases.commands.rollouts import cancel_rollout, decide, fall_back_release, roll_out
from fairway.releases.commands.schedule import schedule_release
from fairway.releases.commands.targets import deploy_package, distribute
from fairway.releases.models import Rollout, RolloutClaim
from fairway.releases.queries import readiness, status_of


@pytest.fixture
def both(desk, staging, production):
    Environment.objects.exclude(pk=staging.pk).update(deleted_at=timezone.now())
    return desk.release("1", packages="db api"), desk.release("2", packages="api web")


def codes(blocked):
    return [one.code for one in blocked.value.blockers]


def done(desk, rollout):
    desk.work()
    rollout.refresh_from_db()
    return rollout.status


def test_the_second_is_refused_while_the_first_is_under_way_and_told_which_it_is(desk, both, staging):
    one, two = both
    first = roll_out(actor=desk.deployer, release=one, environment=staging)
    with pytest.raises(Blocked) as blocked:
        roll_out(actor=desk.deployer, release=two, environment=staging)
    assert codes(blocked) == ["other_rollout"]
    (blocker,) = blocked.value.blockers
    assert blocker.sentence == "Spring 1 is being rolled out to Staging, with api in it."
    assert blocker.details == {"release": one.pk, "rollout": first.pk}
    assert [each.code for each in readiness(two, desk.deployer)[0].blockers] == ["other_rollout"]
    assert done(desk, first) == "succeeded"
    assert not RolloutClaim.objects.exists()
    second = roll_out(actor=desk.deployer, release=two, environment=staging)
    assert done(desk, second) == "succeeded"
    assert desk.serving("api", staging) == desk.digest(two, "api")


def test_what_has_nothing_in_common_goes_beside_it(desk, both, staging):
    roll_out(actor=desk.deployer, release=both[0], environment=staging)
    other = roll_out(actor=desk.deployer, release=desk.release("3", packages="shop"), environment=staging)
    assert done(desk, other) == "succeeded"


def test_a_single_package_and_a_fallback_wait_too_while_distributing_does_not(desk, both, staging):
    one, two = both
    assert done(desk, roll_out(actor=desk.deployer, release=two, environment=staging)) == "succeeded"
    desk.breaks(one, "api")
    first = roll_out(actor=desk.deployer, release=one, environment=staging)
    assert done(desk, first) == "needs_decision"
    with pytest.raises(Blocked) as blocked:
        fall_back_release(actor=desk.deployer, release=two, environment=staging)
    assert codes(blocked) == ["other_rollout"]
    third = desk.release("3", packages="api")
    distribute(actor=desk.deployer, package=desk.package(third, "api"), environment=staging)
    desk.work()
    with pytest.raises(Blocked) as blocked:
        deploy_package(actor=desk.deployer, package=desk.package(third, "api"), environment=staging)
    assert codes(blocked) == ["other_rollout"]
    decide(actor=desk.deployer, rollout=first, choice="stop")
    deploy_package(actor=desk.deployer, package=desk.package(third, "api"), environment=staging)


@pytest.mark.parametrize("ends", ["cancelled", "stopped"])
def test_every_end_lets_go(desk, both, staging, ends):
    one, _ = both
    desk.breaks(one, "db")
    first = roll_out(actor=desk.deployer, release=one, environment=staging)
    if ends == "stopped":
        assert done(desk, first) == "needs_decision"
        decide(actor=desk.deployer, rollout=first, choice="stop")
    else:
        cancel_rollout(actor=desk.deployer, rollout=first)
        desk.work()
    assert not RolloutClaim.objects.exists()


def test_a_planned_one_claims_nothing_until_it_begins_and_waits_for_the_other(desk, both, staging):
    one, two = both
    later = {"at": f"{timezone.now().year + 1}-05-01T10:00", "zone": "UTC"}
    planned = schedule_release(actor=desk.manager, release=two, environment=staging, **later)
    first = roll_out(actor=desk.deployer, release=one, environment=staging)
    due = timezone.now() - timedelta(minutes=1)
    Rollout.objects.filter(pk=planned.pk).update(planned_at=due)
    planned.run.__class__.objects.filter(pk=planned.run_id).update(run_at=due)
    while (hold := desk.runner._take()) is not None:
        desk.runner._inline(hold)
        planned.refresh_from_db()
        if planned.status == "held":
            break
    assert (planned.status, "Spring 1 is being rolled out" in planned.sentence) == ("held", True)
    assert done(desk, first) == "succeeded"


def test_the_database_keeps_a_second_claim_out(desk, both, staging):
    first = roll_out(actor=desk.deployer, release=both[0], environment=staging)
    same = {"environment": staging, "application": desk.application("api")}
    with pytest.raises(IntegrityError), transaction.atomic():
        RolloutClaim.objects.create(rollout=first, **same)


@pytest.mark.django_db(transaction=True)
def test_of_two_grants_at_once_one_is_refused(desk, both, staging):
    if connection.vendor != "postgresql":
        pytest.skip("runs on PostgreSQL; see tests/postgres/test_release_desk.py")
    actors = [desk.person(name, Role.ADMIN) for name in ("one", "two")]
    start, answers = threading.Barrier(2), []

    def try_it(actor, release):
        start.wait()
        try:
            roll_out(actor=actor, release=release, environment=staging)
            answers.append("begun")
        except Blocked as blocked:
            answers.append(blocked.blockers[0].code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=try_it, args=pair, daemon=True) for pair in zip(actors, both, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(answers) == ["begun", "other_rollout"]


def test_released_is_said_of_what_is_served_and_falls_when_it_no_longer_is(desk, both, staging):
    one, two = both
    assert done(desk, roll_out(actor=desk.deployer, release=one, environment=staging)) == "succeeded"
    assert status_of(one) == "released"
    assert done(desk, roll_out(actor=desk.deployer, release=two, environment=staging)) == "succeeded"
    assert (status_of(one), status_of(two)) == ("partly_served", "released")
    assert desk.shown(one, staging) == {"db": "deployed", "api": "replaced"}
    desk.runs("db", staging)
    assert status_of(one) == "no_longer_served"
    assert done(desk, roll_out(actor=desk.deployer, release=one, environment=staging)) == "succeeded"
    assert (status_of(one), status_of(two)) == ("released", "partly_served")


def test_what_is_stopped_is_not_served(desk, staging):
    Environment.objects.exclude(pk=staging.pk).update(deleted_at=timezone.now())
    release = desk.release(packages="db")
    assert done(desk, roll_out(actor=desk.deployer, release=release, environment=staging)) == "succeeded"
    stop(actor=desk.deployer, placement=Placement.objects.get(application__slug="db", environment=staging))
    assert status_of(release) == "no_longer_served"
