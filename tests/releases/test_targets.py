"""One package on one target: distributed, deployed, fallen back, each for real."""

from __future__ import annotations

import pytest

from fairway.accounts.rules import Blocked
from fairway.applications.commands import save_configuration
from fairway.deployments.commands.placements import scale, stop
from fairway.deployments.models import Placement
from fairway.environments.commands import delete_environment, lock_environment
from fairway.releases.commands.targets import deploy_package, distribute, distribute_all, fall_back_package
from fairway.releases.queries import logs_of
from fairway.shared.failures import Refused
from tests.releases.desk import placements


def codes(blocked):
    return [one.code for one in blocked.value.blockers]


def test_distribute_then_deploy_then_fall_back_to_nothing(desk, staging):
    release = desk.release(packages="api")
    api = desk.package(release, "api")
    with pytest.raises(Blocked) as blocked:
        deploy_package(actor=desk.deployer, package=api, environment=staging)
    assert codes(blocked) == ["not_distributed"]
    distribute(actor=desk.deployer, package=api, environment=staging)
    assert desk.shown(release, staging) == {"api": "distributing"}
    desk.work()
    row = desk.on_target(release, "api", staging)
    assert (row.status, row.digest) == ("distributed", api.artifact.digest)
    assert "Digest verified" in str(logs_of(api, staging)[0].lines)
    assert desk.serving("api", staging) is None
    deploy_package(actor=desk.deployer, package=api, environment=staging)
    desk.work()
    assert desk.shown(release, staging) == {"api": "deployed"}
    assert desk.serving("api", staging) == api.artifact.digest
    fall_back_package(actor=desk.deployer, package=api, environment=staging)
    desk.work()
    assert desk.shown(release, staging) == {"api": "distributed"}
    assert desk.serving("api", staging) is None
    assert not Placement.objects.filter(application=api.application).exists()


def test_a_fallback_returns_to_the_version_and_configuration_of_before(desk, staging):
    application = desk.application("api")
    save_configuration(actor=desk.deployer, application=application, environment=staging, variables={"A": "1"})
    old = desk.runs("api", staging)
    save_configuration(actor=desk.deployer, application=application, environment=staging, variables={"A": "2"})
    before = placements(staging)
    release = desk.release(packages="api")
    api = desk.package(release, "api")
    distribute(actor=desk.deployer, package=api, environment=staging)
    desk.work()
    deploy_package(actor=desk.deployer, package=api, environment=staging)
    desk.work()
    assert desk.on_target(release, "api", staging).before == old
    assert placements(staging) != before
    fall_back_package(actor=desk.deployer, package=api, environment=staging)
    desk.work()
    assert placements(staging) == before
    assert desk.serving("api", staging) == old.artifact.digest
    assert desk.shown(release, staging) == {"api": "distributed"}


def test_a_fallback_returns_to_replicas_and_to_standing_still(desk, staging):
    old = desk.runs("api", staging)
    placement = Placement.objects.get(current=old)
    scale(actor=desk.deployer, placement=placement, replicas=3)
    desk.work()
    stop(actor=desk.deployer, placement=placement)
    desk.work()
    before = placements(staging)
    release = desk.release(packages="api")
    api = desk.package(release, "api")
    distribute(actor=desk.deployer, package=api, environment=staging)
    desk.work()
    deploy_package(actor=desk.deployer, package=api, environment=staging)
    desk.work()
    assert desk.shown(release, staging) == {"api": "deployed"}
    scale(actor=desk.deployer, placement=placement, replicas=1)
    desk.work()
    fall_back_package(actor=desk.deployer, package=api, environment=staging)
    desk.work()
    assert placements(staging) == before
    assert desk.serving("api", staging) is None
    assert desk.shown(release, staging) == {"api": "distributed"}


def test_deployed_is_said_only_while_it_is_served(desk, staging):
    release = desk.release(packages="api")
    api = desk.package(release, "api")
    distribute(actor=desk.deployer, package=api, environment=staging)
    desk.work()
    deploy_package(actor=desk.deployer, package=api, environment=staging)
    desk.work()
    desk.runs("api", staging)
    assert desk.shown(release, staging) == {"api": "replaced"}
    with pytest.raises(Blocked) as blocked:
        fall_back_package(actor=desk.deployer, package=api, environment=staging)
    assert codes(blocked) == ["replaced"]


def test_what_is_needed_comes_first_and_goes_last(desk, staging):
    release = desk.release(packages="api web", needs="web>api")
    api, web = desk.package(release, "api"), desk.package(release, "web")
    done = distribute_all(actor=desk.deployer, release=release, environment=staging)
    assert {one.package.name for one in done.started} == {"api", "web"}
    desk.work()
    with pytest.raises(Blocked) as blocked:
        deploy_package(actor=desk.deployer, package=web, environment=staging)
    assert codes(blocked) == ["dependencies"]
    for one in (api, web):
        deploy_package(actor=desk.deployer, package=one, environment=staging)
        desk.work()
    with pytest.raises(Blocked) as blocked:
        fall_back_package(actor=desk.deployer, package=api, environment=staging)
    assert codes(blocked) == ["dependents"]


def test_bulk_distribution_says_what_it_skipped_and_why(desk, staging):
    release = desk.release(packages="api web")
    distribute(actor=desk.deployer, package=desk.package(release, "api"), environment=staging)
    desk.work()
    done = distribute_all(actor=desk.deployer, release=release, environment=staging)
    assert [one.package.name for one in done.started] == ["web"]
    assert [(one.package.name, [why.code for why in one.blockers]) for one in done.skipped] == [
        ("api", ["already_distributed"])
    ]


def test_a_lock_stops_distributing_deploying_and_falling_back(desk, staging):
    release = desk.release(packages="api web")
    api, web = desk.package(release, "api"), desk.package(release, "web")
    for one in (api, web):
        distribute(actor=desk.deployer, package=one, environment=staging)
    desk.work()
    deploy_package(actor=desk.deployer, package=api, environment=staging)
    desk.work()
    lock_environment(actor=desk.manager, environment=staging, reason="Stocktaking")
    for act, package in ((deploy_package, web), (fall_back_package, api)):
        with pytest.raises(Blocked) as blocked:
            act(actor=desk.deployer, package=package, environment=staging)
        assert codes(blocked) == ["locked"]
    fall_back_package(actor=desk.admin, package=api, environment=staging, break_glass="Customers cannot pay")
    desk.work()
    assert desk.shown(release, staging)["api"] == "distributed"
    assert "gate.glass_broken" in desk.verbs("package")


def test_a_lock_that_comes_between_asking_and_starting_still_counts(desk, staging):
    release = desk.release(packages="api")
    distribute(actor=desk.deployer, package=desk.package(release, "api"), environment=staging)
    lock_environment(actor=desk.manager, environment=staging, reason="Stocktaking")
    desk.work()
    row = desk.on_target(release, "api", staging)
    assert (row.status, "Stocktaking" in row.sentence) == ("absent", True)


def test_a_version_that_does_not_start_leaves_the_package_distributed_and_the_old_one_serving(desk, staging):
    old = desk.runs("api", staging)
    release = desk.release(packages="api")
    desk.breaks(release, "api")
    api = desk.package(release, "api")
    distribute(actor=desk.deployer, package=api, environment=staging)
    desk.work()
    deploy_package(actor=desk.deployer, package=api, environment=staging)
    desk.work()
    row = desk.on_target(release, "api", staging)
    assert (row.status, "no-such-program" in row.sentence) == ("distributed", True)
    assert desk.serving("api", staging) == old.artifact.digest


def test_what_cannot_be_brought_there_is_absent_and_says_why(desk, staging):
    release = desk.release(packages="api")
    desk.fake.fail("distribute", Refused("The registry is on fire."))
    distribute(actor=desk.deployer, package=desk.package(release, "api"), environment=staging)
    desk.work()
    row = desk.on_target(release, "api", staging)
    assert (row.status, row.sentence) == ("absent", "The registry is on fire.")


def test_a_target_with_a_distributed_package_cannot_be_deleted(desk, staging):
    release = desk.release(packages="api")
    distribute(actor=desk.deployer, package=desk.package(release, "api"), environment=staging)
    desk.work()
    with pytest.raises(Blocked) as blocked:
        delete_environment(actor=desk.admin, environment=staging)
    assert "packages" in codes(blocked)
