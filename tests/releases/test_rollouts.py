"""A whole release on a target: in order, stopped by the first failure, and taken back to exactly what was."""

from __future__ import annotations

import pytest

from fairway.accounts.rules import Blocked
from fairway.deployments.models import Deployment, Placement
from fairway.engine.models import Run
from fairway.environments.commands import delete_environment, lock_environment, unlock_environment
from fairway.releases.commands.packages import delete_package
from fairway.releases.commands.releases import delete_release, edit_release
from fairway.releases.commands.rollouts import cancel_rollout, decide, fall_back_release, preview, roll_out
from fairway.releases.commands.targets import deploy_package
from fairway.releases.models import Rollout
from fairway.releases.queries import status_of
from fairway.shared.failures import Refused
from fairway.shared.names import Invalid
from tests.releases.desk import placements


def codes(blocked):
    return [one.code for one in blocked.value.blockers]


def go(desk, release, environment, **more):
    rollout = roll_out(actor=desk.deployer, release=release, environment=environment, **more)
    desk.work()
    rollout.refresh_from_db()
    return rollout


def order(rollout):
    """Package names in the order in which their deployments were asked for."""
    steps = rollout.steps.exclude(deployment=None).order_by("deployment")
    return [step.package.name for step in steps]


DIAMOND = {"packages": "db api web shop", "needs": "api>db web>db shop>api shop>web"}


def test_levels_are_deployed_in_order_and_everything_is_served(desk, production):
    release = desk.release(**DIAMOND)
    rollout = go(desk, release, production)
    assert rollout.status == "succeeded", rollout.sentence
    assert set(desk.steps(rollout).values()) == {"deployed"}
    assert order(rollout)[0] == "db"
    assert order(rollout)[-1] == "shop"
    for name in DIAMOND["packages"].split():
        assert desk.serving(name, production) == desk.digest(release, name)
    assert status_of(release) == "released"
    finished = {step.package.name: step for step in rollout.steps.select_related("deployment")}
    assert finished["db"].deployment.finished_at <= finished["api"].deployment.created_at


def test_no_more_than_the_cap_are_worked_on_at_a_time(desk, staging):
    release = desk.release(packages="a b c d e")
    roll_out(actor=desk.deployer, release=release, environment=staging, parallel=2)
    seen = []
    while (hold := desk.runner._take()) is not None:
        desk.runner._inline(hold)
        seen.append(Run.objects.live().filter(kind__in=["distribute", "deploy"]).count())
    assert max(seen) == 2
    assert Rollout.objects.get().status == "succeeded"


def test_a_failure_starts_nothing_new_blocks_what_needs_it_and_leaves_the_rest_whole(desk, staging):
    old = desk.runs("api", staging)
    release = desk.release(**DIAMOND)
    desk.breaks(release, "api")
    rollout = go(desk, release, staging)
    assert (rollout.status, "no-such-program" in rollout.sentence) == ("needs_decision", True)
    assert desk.steps(rollout) == {"db": "deployed", "api": "failed", "web": "deployed", "shop": "blocked"}
    assert desk.serving("api", staging) == old.artifact.digest
    assert status_of(release) == "in_progress"
    assert not Run.objects.live().filter(kind="deploy").exists()


def test_retry_goes_on_where_it_stopped(desk, staging):
    release = desk.release(**DIAMOND)
    desk.breaks(release, "api")
    rollout = go(desk, release, staging)
    desk.mends(release, "api")
    decide(actor=desk.deployer, rollout=rollout, choice="retry")
    desk.work()
    rollout.refresh_from_db()
    assert rollout.status == "succeeded", rollout.sentence
    assert set(desk.steps(rollout).values()) == {"deployed"}
    assert Deployment.objects.filter(application__slug="db").count() == 1
    with pytest.raises(Blocked) as blocked:
        decide(actor=desk.deployer, rollout=rollout, choice="retry")
    assert codes(blocked) == ["not_waiting"]


def test_skip_leaves_out_what_failed_and_all_that_needs_it(desk, staging):
    release = desk.release(**DIAMOND)
    desk.breaks(release, "api")
    rollout = go(desk, release, staging)
    foreseen = {one.package.name: one.then for one in preview(rollout=rollout, choice="skip")}
    decide(actor=desk.deployer, rollout=rollout, choice="skip")
    desk.work()
    rollout.refresh_from_db()
    assert foreseen == {"api": "skipped", "shop": "skipped"}
    assert desk.steps(rollout) == {"db": "deployed", "api": "skipped", "web": "deployed", "shop": "skipped"}
    assert (rollout.status, rollout.sentence) == ("succeeded", "Left out: api, shop.")
    assert status_of(release) == "in_progress"


def test_falling_back_all_restores_every_placement_in_reverse_order(desk, staging):
    for name in ("db", "web"):
        desk.runs(name, staging)
    before = placements(staging)
    release = desk.release(**DIAMOND)
    desk.breaks(release, "shop")
    rollout = go(desk, release, staging)
    assert desk.steps(rollout) == {"db": "deployed", "api": "deployed", "web": "deployed", "shop": "failed"}
    decide(actor=desk.deployer, rollout=rollout, choice="fall_back_all")
    desk.work()
    rollout.refresh_from_db()
    assert rollout.status == "fallen_back", rollout.sentence
    assert placements(staging) == before
    assert {slug: facts["digest"] for slug, facts in rollout.before.items()} == {
        slug: desk.serving(slug, staging) for slug in before
    }
    undone = rollout.steps.exclude(fallback=None).order_by("fallback")
    assert [step.package.name for step in undone] == ["web", "db"]
    assert status_of(release) == "fallen_back"


def test_a_released_release_falls_back_as_one(desk, production):
    for name in ("db", "api", "shop"):
        desk.runs(name, production)
    before = placements(production)
    release = desk.release(**DIAMOND)
    go(desk, release, production)
    assert placements(production) != before
    back = fall_back_release(actor=desk.deployer, release=release, environment=production)
    desk.work()
    back.refresh_from_db()
    assert back.status == "fallen_back", back.sentence
    assert placements(production) == before
    assert desk.serving("web", production) is None
    with pytest.raises(Blocked) as blocked:
        fall_back_release(actor=desk.deployer, release=release, environment=production)
    assert codes(blocked) == ["nothing_deployed"]


def test_what_cannot_be_distributed_stops_it_before_anything_is_deployed(desk, staging):
    release = desk.release(**DIAMOND)
    desk.fake.fail("distribute", Refused("The registry is on fire."))
    rollout = go(desk, release, staging, parallel=1)
    assert rollout.status == "needs_decision"
    assert sorted(desk.steps(rollout).values())[0] == "blocked"
    assert not Deployment.objects.exists()
    decide(actor=desk.deployer, rollout=rollout, choice="stop")
    desk.work()
    rollout.refresh_from_db()
    assert rollout.status == "failed"
    assert status_of(release) == "failed"
    assert not Run.objects.live().filter(kind="rollout").exists()


def test_what_stands_there_already_is_left_alone_and_not_taken_back(desk, staging):
    release = desk.release(packages="db api", needs="api>db")
    go(desk, release, staging)
    desk.runs("api", staging)  # somebody replaces it
    before = placements(staging)
    desk.breaks(release, "api")
    rollout = go(desk, release, staging)
    assert desk.steps(rollout) == {"db": "deployed", "api": "failed"}
    assert Deployment.objects.filter(application__slug="db").count() == 1
    decide(actor=desk.deployer, rollout=rollout, choice="fall_back_all")
    desk.work()
    assert placements(staging) == before


def test_what_cannot_be_taken_back_waits_for_a_person(desk, staging, settings):
    desk.runs("api", staging)
    before = placements(staging)
    release = desk.release(packages="api")
    go(desk, release, staging)
    desk.fake.fail("ensure_started", Refused("No room."))
    back = fall_back_release(actor=desk.deployer, release=release, environment=staging)
    desk.work()
    back.refresh_from_db()
    assert (back.status, desk.steps(back)) == ("needs_decision", {"api": "stuck"})
    assert desk.serving("api", staging) == desk.digest(release, "api")
    decide(actor=desk.deployer, rollout=back, choice="retry")
    desk.work()
    back.refresh_from_db()
    assert back.status == "fallen_back", back.sentence
    assert placements(staging) == before


def test_nothing_else_touches_a_release_while_it_is_rolled_out(desk, staging):
    release = desk.release(packages="api web")
    desk.breaks(release, "api")
    rollout = go(desk, release, staging)
    api = desk.package(release, "api")
    for refused in (
        lambda: roll_out(actor=desk.deployer, release=release, environment=staging),
        lambda: deploy_package(actor=desk.deployer, package=api, environment=staging),
        lambda: delete_package(actor=desk.deployer, package=api),
        lambda: delete_release(actor=desk.manager, release=release, confirmed=str(release)),
    ):
        with pytest.raises(Blocked) as blocked:
            refused()
        assert "rollout_running" in codes(blocked)
    with pytest.raises(Blocked):
        delete_environment(actor=desk.admin, environment=staging)
    with pytest.raises(Invalid, match="choice"):
        decide(actor=desk.deployer, rollout=rollout, choice="hope")


def test_cancelling_ends_it_and_what_is_in_flight(desk, staging):
    release = desk.release(**DIAMOND)
    rollout = roll_out(actor=desk.deployer, release=release, environment=staging)
    desk.runner._inline(desk.runner._take())
    cancel_rollout(actor=desk.deployer, rollout=rollout, reason="Wrong day")
    desk.work()
    rollout.refresh_from_db()
    assert (rollout.status, rollout.sentence) == ("cancelled", "Cancelled by dora: Wrong day")
    assert not Run.objects.live().exclude(kind="watch").exists()
    assert not set(desk.steps(rollout).values()) & {"distributing", "deploying"}
    assert set(desk.shown(release, staging).values()) <= {"absent", "distributed"}
    assert status_of(release) == "draft"


def test_a_lock_that_comes_in_the_middle_stops_the_next_level(desk, staging):
    release = desk.release(packages="db api", needs="api>db")
    roll_out(actor=desk.deployer, release=release, environment=staging)
    while not Placement.objects.exclude(current=None).exists():
        desk.runner._inline(desk.runner._take())
    lock_environment(actor=desk.manager, environment=staging, reason="Stocktaking")
    desk.work()
    rollout = Rollout.objects.get()
    assert desk.steps(rollout) == {"db": "deployed", "api": "failed"}
    assert "Stocktaking" in rollout.sentence
    unlock_environment(actor=desk.manager, environment=staging)
    decide(actor=desk.deployer, rollout=rollout, choice="retry")
    desk.work()
    rollout.refresh_from_db()
    assert rollout.status == "succeeded", rollout.sentence


def test_an_empty_release_goes_nowhere(desk, staging):
    with pytest.raises(Blocked) as blocked:
        roll_out(actor=desk.deployer, release=desk.release(), environment=staging)
    assert codes(blocked) == ["empty"]


def test_who_may_not_deploy_one_of_its_applications_may_not_roll_it_out(desk, staging):
    release = desk.release(packages="api")
    with pytest.raises(Blocked) as blocked:
        roll_out(actor=desk.manager, release=release, environment=staging)
    assert codes(blocked) == ["role"]


def test_a_target_that_the_release_is_not_meant_for_is_refused(desk, staging, production):
    """Its configuration is not part of the fingerprint, so nobody could have approved it."""
    release = desk.release(packages="api")
    edit_release(actor=desk.manager, release=release, targets=[production])
    with pytest.raises(Blocked) as blocked:
        roll_out(actor=desk.deployer, release=release, environment=staging)
    assert codes(blocked) == ["not_a_target"]
    edit_release(actor=desk.manager, release=release, targets=[staging, production])
    assert go(desk, release, staging).status == "succeeded"
