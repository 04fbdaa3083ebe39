"""What the workflow writes down: what a rollback would lead to, what later wishes keep, and that nothing is doubled."""

from __future__ import annotations

import pytest
from django.db import IntegrityError

from fairway.accounts.rules import SYSTEM
from fairway.activity.models import Event
from fairway.applications.commands import save_configuration
from fairway.deployments.commands import placements, progress, requests
from fairway.deployments.models import Deployment
from fairway.deployments.rules import Status, Wanted
from fairway.deployments.subjects import placement_of
from fairway.engine.models import Run
from tests.conftest import make_artifact


@pytest.fixture
def go_live(hello, staging):
    """Makes a request's deployment live, as its workflow would."""

    def make(deployment):
        placement = placement_of(hello, staging)
        progress.started(deployment)
        digest = deployment.artifact.digest
        progress.switched(deployment=deployment, placement=placement, served_digest=digest)
        progress.ended(deployment, Status.SUCCEEDED, "", "")
        Run.objects.filter(pk=deployment.run_id).update(status="succeeded", finished_at=deployment.created_at)
        return deployment

    return make


@pytest.fixture
def deploy(hello, staging, go_live):
    """A new version, live."""

    def make(version):
        artifact = make_artifact(hello, version)
        return go_live(requests.request_deployment(actor=SYSTEM, application=hello, environment=staging, artifact=artifact))

    return make


@pytest.fixture
def roll_back(hello, staging, go_live):
    return lambda: go_live(requests.roll_back(actor=SYSTEM, application=hello, environment=staging))


def test_rolling_back_twice_walks_further_back_and_then_there_is_no_more(deploy, roll_back, hello, staging):
    first, second, _third = deploy("1"), deploy("2"), deploy("3")
    assert roll_back().artifact == second.artifact
    assert roll_back().artifact == first.artifact
    assert placement_of(hello, staging).previous_good is None


def test_going_on_after_a_rollback_leads_back_to_what_the_rollback_restored(deploy, roll_back, hello, staging):
    deploy("1")
    deploy("2")
    undo = roll_back()
    deploy("3")
    assert placement_of(hello, staging).previous_good == undo


def test_a_rollback_skips_versions_marked_bad_and_the_same_version_again(deploy, roll_back, hello, staging, go_live):
    first = deploy("1")
    bad = deploy("2")
    third = deploy("3")
    go_live(requests.restart(actor=SYSTEM, application=hello, environment=staging))
    deploy("4")
    bad.artifact.bad_at = bad.created_at
    bad.artifact.save()
    assert roll_back().artifact == third.artifact
    assert placement_of(hello, staging).previous_good == first


def test_a_rollback_brings_the_configuration_along(deploy, roll_back, hello, staging):
    save_configuration(actor=SYSTEM, application=hello, environment=staging, variables={"A": "1"})
    first = deploy("1")
    save_configuration(actor=SYSTEM, application=hello, environment=staging, variables={"A": "2"})
    second = deploy("2")
    assert (first.configuration.version, second.configuration.version) == (1, 2)
    assert roll_back().configuration == first.configuration


def test_a_switch_written_twice_is_one_event(deploy, hello, staging):
    deployment = deploy("1")
    before = Event.objects.count()
    progress.switched(deployment=deployment, placement=placement_of(hello, staging), served_digest="sha256:x")
    assert Event.objects.count() == before
    deployment.refresh_from_db()
    assert deployment.served_digest == deployment.artifact.digest


def _underway(hello, staging):
    deployment = requests.request_deployment(
        actor=SYSTEM, application=hello, environment=staging, artifact=make_artifact(hello, "next")
    )
    progress.started(deployment)
    return deployment


@pytest.mark.parametrize("act", ["stop", "remove", "scale"])
def test_a_later_wish_outlives_the_switch_of_an_earlier_deployment(deploy, hello, staging, act):
    deploy("1")
    deployment = _underway(hello, staging)
    placement = placement_of(hello, staging)
    more = {"replicas": 3} if act == "scale" else {}
    getattr(placements, act)(actor=SYSTEM, placement=placement, **more)
    progress.switched(deployment=deployment, placement=placement, served_digest="")
    row = placement_of(hello, staging)
    wanted = {"stop": Wanted.STOPPED, "remove": Wanted.REMOVED, "scale": Wanted.RUNNING}[act]
    assert (row.current, row.wanted, row.replicas) == (deployment, wanted, 3 if act == "scale" else 1)


def test_a_wish_waits_behind_what_was_asked_earlier_of_the_same_placement(deploy, hello, staging):
    deploy("1")
    placements.stop(actor=SYSTEM, placement=placement_of(hello, staging))
    assert Run.objects.filter(kind="adjust").get().priority > 0
    Run.objects.filter(kind="adjust").delete()
    placements.start(actor=SYSTEM, placement=placement_of(hello, staging))
    Run.objects.filter(kind="adjust").delete()
    _underway(hello, staging)
    placements.stop(actor=SYSTEM, placement=placement_of(hello, staging))
    assert Run.objects.filter(kind="adjust").get().priority == 0


def test_giving_back_restores_the_placement(deploy, hello, staging):
    first = deploy("1")
    second = deploy("2")
    placement = placement_of(hello, staging)
    placement.wanted, placement.replicas = Wanted.STOPPED, 3
    placement.save()
    deployment = _underway(hello, staging)
    progress.switched(deployment=deployment, placement=placement, served_digest="")
    before = {"previous_good": first.pk, "wanted": "stopped", "replicas": 3}
    progress.switched_back(deployment=deployment, placement=placement, to=second, before=before)
    row = placement_of(hello, staging)
    assert (row.current, row.previous_good, row.wanted, row.replicas) == (second, first, "stopped", 3)
    progress.switched_back(deployment=deployment, placement=placement, to=first, before=before)
    assert placement_of(hello, staging).current == second, "what is not current has nothing to give back"


def test_log_lines_have_one_writer(deploy):
    deployment = deploy("1")
    lines = [(1, 0.0, "prepare", "stdout", "one"), (2, 0.0, "prepare", "stdout", "two")]
    progress.append_log(deployment_id=deployment.pk, lines=lines)
    progress.append_log(deployment_id=deployment.pk, lines=[])
    assert Deployment.objects.get(pk=deployment.pk).log_lines == 2
    with pytest.raises(IntegrityError):
        progress.append_log(deployment_id=deployment.pk, lines=lines)
