from datetime import timedelta

import pytest
from django.utils import timezone

from fairway.accounts.rules import SYSTEM, Act, Blocked, Role
from fairway.activity.models import Event
from fairway.applications.commands import mark_bad, save_configuration
from fairway.deployments.commands.requests import promote, request_deployment, roll_back
from fairway.deployments.gate import Subject, blockers
from fairway.deployments.models import Deployment, Placement
from fairway.deployments.rules import Health
from fairway.environments.commands import lock_environment
from tests.conftest import make_artifact, make_environment, make_person


def codes(act: Act, actor, application, environment, **known) -> list[str]:
    return [blocker.code for blocker in blockers(act, Subject(application, environment, **known), actor)]


def test_an_open_gate_has_no_blockers(deployer, hello, staging):
    assert codes(Act.DEPLOY, deployer, hello, staging) == []


def test_a_role_that_may_not_is_told_which_may(viewer, hello, staging):
    (blocker,) = blockers(Act.DEPLOY, Subject(hello, staging), viewer)
    assert blocker.code == "role"
    assert "Deployer" in blocker.sentence


def test_a_grant_for_one_environment_does_not_open_another(hello, staging, production):
    narrowed = make_person("nora", Role.DEPLOYER, environment=staging)
    assert codes(Act.DEPLOY, narrowed, hello, staging) == []
    assert codes(Act.DEPLOY, narrowed, hello, production) == ["role"]


def test_a_lock_stops_deploying_and_says_by_whom_why_and_until_when(manager, deployer, hello, staging):
    until = timezone.now() + timedelta(hours=2)
    locked = lock_environment(actor=manager, environment=staging, reason="Stocktaking", until=until)
    (blocker,) = blockers(Act.DEPLOY, Subject(hello, locked), deployer)
    assert (blocker.code, blocker.clears_at) == ("locked", until)
    assert "max" in blocker.sentence
    assert "Stocktaking" in blocker.sentence
    assert not blockers(Act.DEPLOY, Subject(hello, locked), deployer, at=until)


def test_breaking_glass_needs_an_admin_and_leaves_an_event_of_its_own(admin, deployer, hello, staging):
    lock_environment(actor=admin, environment=staging, reason="x")
    staging.refresh_from_db()
    artifact = make_artifact(hello)
    with pytest.raises(Blocked):
        request_deployment(actor=deployer, application=hello, environment=staging, artifact=artifact, break_glass="Fire")
    request_deployment(actor=admin, application=hello, environment=staging, artifact=artifact, break_glass="Fire")
    event = Event.objects.get(verb="gate.glass_broken")
    assert (event.comment, event.actor_name) == ("Fire", "ada")


def test_a_required_setting_that_nobody_gave_is_named(deployer, hello, staging):
    artifact = make_artifact(hello, requires=("DATABASE_URL", "TOKEN"))
    (blocker,) = blockers(Act.DEPLOY, Subject(hello, staging, artifact=artifact), deployer)
    assert (blocker.code, blocker.details["names"]) == ("missing_configuration", ["DATABASE_URL", "TOKEN"])
    given = save_configuration(
        actor=deployer, application=hello, environment=staging, variables={"DATABASE_URL": "x"}, secrets={"TOKEN": "y"}
    )
    assert not blockers(Act.DEPLOY, Subject(hello, staging, artifact=artifact, configuration=given), deployer)


def test_a_version_marked_bad_is_refused_everywhere_until_it_is_unmarked(deployer, hello, staging, production):
    artifact = make_artifact(hello)
    mark_bad(actor=deployer, artifact=artifact, reason="Loses orders")
    for environment in (staging, production):
        assert codes(Act.DEPLOY, deployer, hello, environment, artifact=artifact) == ["bad_version"]
    mark_bad(actor=deployer, artifact=artifact, reason="", is_bad=False)
    assert codes(Act.DEPLOY, deployer, hello, staging, artifact=artifact) == []


def test_an_image_does_not_fit_a_runtime_without_images(deployer, hello, db):
    processes = make_environment("processes", runtime="process", position=5)
    assert codes(Act.DEPLOY, deployer, hello, processes, artifact=make_artifact(hello)) == ["artifact_kind"]


def test_a_runtime_that_is_not_there_is_a_blocker_and_not_a_crash(deployer, hello, db):
    nowhere = make_environment("nowhere", runtime="rocket", position=5)
    (blocker,) = blockers(Act.DEPLOY, Subject(hello, nowhere), deployer)
    assert blocker.code == "runtime"
    assert "rocket" in blocker.sentence


def test_promoting_what_runs_there_already_is_refused(deployer, hello, staging, production):
    artifact = make_artifact(hello)
    live(hello, staging, artifact)
    there = live(hello, production, artifact)
    with pytest.raises(Blocked) as refused:
        promote(actor=deployer, application=hello, environment=production, from_environment=staging)
    assert [blocker.code for blocker in refused.value.blockers] == ["already_live"]
    Placement.objects.filter(pk=there.pk).update(health=Health.DOWN)
    assert promote(actor=deployer, application=hello, environment=production, from_environment=staging).artifact == artifact


def test_there_is_nothing_to_promote_or_to_roll_back_to_before_a_first_deployment(deployer, hello, staging, production):
    with pytest.raises(Blocked, match="Nothing runs in Staging"):
        promote(actor=deployer, application=hello, environment=production, from_environment=staging)
    with pytest.raises(Blocked, match="no earlier version"):
        roll_back(actor=deployer, application=hello, environment=staging)


def test_a_refused_request_leaves_no_row_and_no_event(viewer, hello, staging):
    events = Event.objects.count()
    with pytest.raises(Blocked):
        request_deployment(actor=viewer, application=hello, environment=staging, artifact=make_artifact(hello))
    assert not Deployment.objects.exists()
    assert Event.objects.count() == events


def live(application, environment, artifact) -> Placement:
    """A placement that serves this artifact, as a finished deployment leaves it."""
    deployment = Deployment.objects.create(
        application=application, environment=environment, artifact=artifact, kind="deploy", status="succeeded",
        requested_by=SYSTEM.name, door="worker",
    )  # fmt: skip
    return Placement.objects.create(
        application=application, environment=environment, current=deployment, health=Health.HEALTHY
    )
