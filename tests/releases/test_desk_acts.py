"""What the desk offers beside the usual way: targets, withdrawing, what is there already."""

from __future__ import annotations

import pytest

from fairway.accounts.rules import Blocked
from fairway.applications.commands import save_configuration
from fairway.deployments.models import Deployment
from fairway.releases.commands.releases import edit_release, release_from_environment
from fairway.releases.commands.rollouts import fall_back_release, roll_out
from fairway.releases.commands.targets import deploy_package, distribute, fall_back_package, withdraw
from fairway.releases.queries import status_of


def codes(blocked):
    return [one.code for one in blocked.value.blockers]


def rolled_out(desk, release, environment, **more):
    rollout = roll_out(actor=desk.deployer, release=release, environment=environment, **more)
    desk.work()
    rollout.refresh_from_db()
    assert rollout.status == "succeeded", rollout.sentence
    return rollout


def test_leaving_a_target_out_never_finishes_a_release(desk, staging, production):
    release = desk.release(packages="db")
    edit_release(actor=desk.manager, release=release, targets=[staging, production])
    rolled_out(desk, release, staging)
    with pytest.raises(Blocked) as blocked:
        edit_release(actor=desk.manager, release=release, targets=[staging])
    assert codes(blocked) == ["would_finish"]
    assert (release.targets.count(), status_of(release)) == (2, "in_progress")
    rolled_out(desk, release, production)
    assert status_of(release) == "released"
    edit_release(actor=desk.manager, release=release, targets=[staging])  # it is that already


def test_a_release_of_what_runs_goes_where_it_is_told(desk, staging, production):
    desk.runs("db", staging)
    asked = {"actor": desk.manager, "environment": staging, "name": "Autumn", "manager": desk.user(desk.manager)}
    usual = release_from_environment(**asked, version="1")
    assert [one.slug for one in usual.targets.all()] == ["production"]
    chosen = release_from_environment(**asked, version="2", targets=[staging])
    assert [one.slug for one in chosen.targets.all()] == ["staging"]


def test_what_is_distributed_can_be_withdrawn_and_distributed_again(desk, staging):
    release = desk.release(packages="db")
    db = desk.package(release, "db")
    with pytest.raises(Blocked) as blocked:
        withdraw(actor=desk.deployer, package=db, environment=staging)
    assert codes(blocked) == ["not_distributed"]
    distribute(actor=desk.deployer, package=db, environment=staging)
    desk.work()
    with pytest.raises(Blocked):
        withdraw(actor=desk.manager, package=db, environment=staging)
    withdraw(actor=desk.deployer, package=db, environment=staging)
    assert desk.shown(release, staging) == {"db": "absent"}
    assert "package.withdrawn" in desk.verbs("package")
    distribute(actor=desk.deployer, package=db, environment=staging)
    desk.work()
    deploy_package(actor=desk.deployer, package=db, environment=staging)
    desk.work()
    with pytest.raises(Blocked):
        withdraw(actor=desk.deployer, package=db, environment=staging)


def deployments(name):
    return Deployment.objects.filter(application__slug=name).count()


def test_what_serves_there_already_stays_unless_asked(desk, staging):
    ran = desk.runs("db", staging)
    release = desk.release(packages="api")
    desk.add(release, "db", artifact=ran.artifact)
    rollout = rolled_out(desk, release, staging)
    assert deployments("db") == 1
    assert desk.steps(rollout) == {"db": "deployed", "api": "deployed"}
    assert rollout.steps.get(package__name="db").sentence == "It was there already."
    assert desk.shown(release, staging) == {"db": "deployed", "api": "deployed"}
    with pytest.raises(Blocked) as blocked:
        fall_back_package(actor=desk.deployer, package=desk.package(release, "db"), environment=staging)
    assert codes(blocked) == ["was_there"]
    back = fall_back_release(actor=desk.deployer, release=release, environment=staging)
    desk.work()
    back.refresh_from_db()
    assert (back.status, desk.steps(back)) == ("fallen_back", {"api": "fallen_back"})
    assert desk.serving("db", staging) == ran.artifact.digest
    rolled_out(desk, release, staging, redeploy=True)
    assert deployments("db") == 2


def test_the_same_bytes_with_other_settings_are_deployed(desk, staging):
    ran = desk.runs("db", staging)
    release = desk.release()
    desk.add(release, "db", artifact=ran.artifact)
    save_configuration(actor=desk.deployer, application=desk.application("db"), environment=staging, variables={"A": "1"})
    rolled_out(desk, release, staging)
    assert deployments("db") == 2
