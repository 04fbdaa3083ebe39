"""Garbage collection removes what nobody could need, and nothing else."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from fairway.applications.models import Artifact
from fairway.deployments import keeping
from fairway.deployments.models import Placement
from fairway.deployments.rules import Status
from fairway.drivers.runtimes.contract import NullProgress, Volume
from fairway.worker.collecting import GOOD_KEPT, collect
from fairway.workflows.specs import instance_spec, ref_of
from tests.conftest import make_artifact


def _aged():
    Artifact.objects.update(created_at=timezone.now() - timedelta(hours=2))


def _kept(fake):
    return {artifact.digest for artifact in fake.artifacts()}


def _placed(deployment, **values):
    return Placement.objects.create(
        application=deployment.application, environment=deployment.environment, current=deployment, **values
    )


def test_the_last_good_versions_stay_and_older_ones_go(fake, deployed):
    deployments = [deployed() for _ in range(GOOD_KEPT + 3)]
    _placed(deployments[-1])
    _aged()
    gone = [one.artifact.digest for one in deployments[:-GOOD_KEPT]]
    assert {name: sorted(digests) for name, digests in collect().items()} == {"staging": sorted(gone)}
    assert _kept(fake) == {one.artifact.digest for one in deployments[-GOOD_KEPT:]}
    marked = Artifact.objects.exclude(collected_at=None).values_list("digest", flat=True)
    assert sorted(marked) == sorted(gone)


def test_failed_versions_do_not_crowd_out_good_ones(fake, deployed):
    good = deployed()
    _placed(good)
    for _ in range(GOOD_KEPT + 1):
        deployed(status=Status.FAILED)
    _aged()
    collect()
    assert _kept(fake) == {good.artifact.digest}


def test_what_serves_what_a_rollback_leads_to_and_what_is_on_its_way_stays(fake, deployed):
    serving, earlier, waiting = deployed(), deployed(), deployed(status=Status.QUEUED)
    newer = [deployed() for _ in range(GOOD_KEPT)]
    _placed(serving, previous_good=earlier)
    _aged()
    assert collect() == {}
    assert _kept(fake) == {one.artifact.digest for one in (serving, earlier, waiting, *newer)}


def test_what_an_instance_runs_stays_whoever_started_it(fake, deployed):
    runs = deployed(status=Status.FAILED)
    fake.ensure_started(instance_spec(runs, 0), NullProgress())
    _aged()
    assert collect() == {}
    assert _kept(fake) == {runs.artifact.digest}


def test_what_was_made_just_now_stays(fake, hello):
    artifact = make_artifact(hello)
    fake.distribute(artifact.ref, None, NullProgress())
    assert collect() == {}
    assert _kept(fake) == {artifact.digest}


def test_volumes_are_never_touched(fake, deployed):
    gone = deployed(make_artifact(deployed().application, volumes=(("data", "/data"),)), status=Status.FAILED)
    spec = instance_spec(gone, 0)
    assert spec.volumes == (Volume("hello.staging.data", "/data"),)
    with fake.world.open() as world:
        world["volumes"][spec.volumes[0].name] = {"notes": "precious"}  # as an instance of it would have left it
    before = _volumes(fake)
    _aged()
    assert collect() != {}
    assert _volumes(fake) == before
    assert "ensure_volume_removed" not in [verb for verb, _ in fake.calls]


def _volumes(fake):
    with fake.world.open() as world:
        return dict(world["volumes"])


def test_an_environment_that_cannot_be_used_is_left_alone(fake, deployed, staging):
    digest = deployed(status=Status.FAILED).artifact.digest
    _aged()
    staging.options = {"available": False}
    staging.save()
    assert collect() == {}
    assert _kept(fake) == {digest}


def test_the_same_version_again_and_again_does_not_crowd_out_others(fake, deployed):
    """Five restarts of one version leave four others to go back to."""
    older = [deployed() for _ in range(GOOD_KEPT - 1)]
    again = [deployed()]
    again += [deployed(again[0].artifact) for _ in range(GOOD_KEPT)]
    _placed(again[-1])
    _aged()
    assert collect() == {}
    assert _kept(fake) == {one.artifact.digest for one in (*older, again[0])}


def test_what_a_room_above_pins_stays(fake, deployed, monkeypatch):
    planned = deployed(status=Status.FAILED).artifact.digest
    gone = deployed(status=Status.FAILED).artifact.digest
    _aged()
    monkeypatch.setattr(keeping, "_pins", [])
    keeping.pin(lambda: [planned])
    assert collect() == {"staging": [gone]}
    assert _kept(fake) == {planned}


def test_images_of_services_stay_with_the_version_that_names_them(fake, deployed):
    one = deployed()
    used, unused = (ref_of(f"example.com/db@sha256:{letter * 64}") for letter in "ab")
    one.artifact.spec = {**one.artifact.spec, "services": {"db": {"image": used.reference}}}
    one.artifact.save()
    for ref in (used, unused):
        fake.distribute(ref, None, NullProgress())
    _placed(one)
    _aged()
    assert collect() == {"staging": [unused.digest]}
    assert _kept(fake) == {one.artifact.digest, used.digest}
