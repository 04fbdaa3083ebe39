"""A release is approved for its content and for the settings it was sealed with: newer ones are offered, never taken."""

from __future__ import annotations

import pytest

from fairway.accounts.commands import set_roles
from fairway.accounts.rules import Blocked, Role
from fairway.applications.commands import save_configuration
from fairway.deployments.models import Deployment
from fairway.releases.commands.approvals import approve, seal, unseal, use_new_settings
from fairway.releases.commands.rollouts import decide, fall_back_release, retry_blockers, roll_out
from fairway.releases.commands.targets import deploy_package, distribute
from fairway.releases.models import Rollout
from fairway.releases.queries import approvals, newer_settings, status_of
from fairway.releases.target_state import is_sealed


@pytest.fixture
def strict(production):
    production.approvals_needed = 1
    production.save()
    return production


@pytest.fixture
def sealed(desk, strict):
    release = desk.release(packages="db api", needs="api>db")
    configure(desk, "api", strict, "sealed")
    return seal(actor=desk.manager, release=release)


def configure(desk, name, environment, value):
    application = desk.application(name)
    save_configuration(actor=desk.deployer, application=application, environment=environment, variables={"A": value})


def approver(desk):
    return desk.person("ann", Role.RELEASE_MANAGER, Role.DEPLOYER)


def say_yes(desk, release, environment):
    release.refresh_from_db()
    approve(actor=approver(desk), release=release, environment=environment, fingerprint=release.fingerprint)


def codes(blocked):
    return [one.code for one in blocked.value.blockers]


def configured(desk, name, environment):
    """What the newest deployment of an application has for A."""
    one = Deployment.objects.filter(application__slug=name, environment=environment).order_by("-pk").first()
    return one.configuration.variables["A"] if one.configuration else None


def rolled_out(desk, release, environment, actor=None):
    rollout = roll_out(actor=actor or desk.deployer, release=release, environment=environment)
    desk.work()
    rollout.refresh_from_db()
    return rollout


def decided(desk, rollout, choice, actor):
    decide(actor=actor, rollout=rollout, choice=choice)
    desk.work()
    rollout.refresh_from_db()


def test_settings_saved_later_are_offered_and_change_nothing(desk, sealed, strict):
    say_yes(desk, sealed, strict)
    configure(desk, "api", strict, "later")
    configure(desk, "db", strict, "new")
    assert (is_sealed(sealed), status_of(sealed), len(approvals(sealed, strict))) == (True, "sealed", 1)
    offered = [(one.package.name, one.environment, one.by, [each.name for each in one.changes])
               for one in newer_settings(sealed, desk.manager)]  # fmt: skip
    assert offered == [("api", strict, "dora", ["A"]), ("db", strict, "dora", ["A"])]
    assert rolled_out(desk, sealed, strict).status == "succeeded"
    assert (configured(desk, "api", strict), configured(desk, "db", strict)) == ("sealed", None)


def test_one_package_is_deployed_with_the_sealed_settings_too(desk, sealed, strict):
    say_yes(desk, sealed, strict)
    configure(desk, "db", strict, "new")
    distribute(actor=desk.deployer, package=desk.package(sealed, "db"), environment=strict)
    desk.work()
    deploy_package(actor=desk.deployer, package=desk.package(sealed, "db"), environment=strict)
    assert configured(desk, "db", strict) is None


def test_what_is_not_sealed_takes_the_newest(desk, staging):
    release = desk.release(packages="db")
    configure(desk, "db", staging, "newest")
    rolled_out(desk, release, staging)
    assert configured(desk, "db", staging) == "newest"
    assert newer_settings(release, desk.manager) == []
    with pytest.raises(Blocked) as blocked:
        use_new_settings(actor=desk.manager, release=release)
    assert codes(blocked) == ["not_sealed"]


def test_the_new_settings_are_used_when_a_person_says_so_and_need_approval_again(desk, sealed, strict):
    say_yes(desk, sealed, strict)
    before = use_new_settings(actor=desk.manager, release=sealed).fingerprint
    assert len(approvals(sealed, strict)) == 1, "there were none, so nothing happened"
    configure(desk, "api", strict, "later")
    with pytest.raises(Blocked):
        use_new_settings(actor=desk.deployer, release=sealed)
    renewed = use_new_settings(actor=desk.manager, release=sealed)
    assert renewed.fingerprint != before
    assert (approvals(renewed, strict), newer_settings(renewed, desk.manager)) == ([], [])
    assert "release.settings_renewed" in desk.verbs("release")
    with pytest.raises(Blocked) as blocked:
        roll_out(actor=desk.deployer, release=renewed, environment=strict)
    assert codes(blocked) == ["approval_missing"]
    say_yes(desk, renewed, strict)
    rolled_out(desk, renewed, strict)
    assert configured(desk, "api", strict) == "later"


def test_unsealing_forgets_the_settings(desk, sealed, strict):
    configure(desk, "api", strict, "later")
    unseal(actor=desk.manager, release=sealed)
    assert newer_settings(sealed, desk.manager) == []
    assert [one.version for one in seal(actor=desk.manager, release=sealed).sealed_configurations.all()] == [2]


def test_who_approved_may_try_again_and_their_approval_still_counts(desk, sealed, strict):
    say_yes(desk, sealed, strict)
    desk.breaks(sealed, "api")
    rollout = rolled_out(desk, sealed, strict)
    assert rollout.status == "needs_decision"
    desk.mends(sealed, "api")
    decided(desk, rollout, "retry", approver(desk))
    assert (rollout.status, desk.steps(rollout)) == ("succeeded", {"db": "deployed", "api": "deployed"})
    assert rollout.decided_by == approver(desk).name
    last = Deployment.objects.order_by("-pk").first()
    assert last.requested_by == desk.deployer.name, "who decides asks for nothing"


def test_where_who_asked_may_no_longer_the_decider_asks_and_needs_anothers_approval(desk, sealed, strict):
    say_yes(desk, sealed, strict)
    desk.breaks(sealed, "api")
    rollout = rolled_out(desk, sealed, strict)
    desk.mends(sealed, "api")
    set_roles(actor=desk.admin, user=desk.user(desk.deployer), grants=[(Role.VIEWER, None, None)])
    with pytest.raises(Blocked) as blocked:
        decide(actor=approver(desk), rollout=rollout, choice="retry")
    assert codes(blocked) == ["approval_missing"]
    rollout.refresh_from_db()
    assert rollout.status == "needs_decision", "refused before anything was tried"
    approve(actor=desk.admin, release=sealed, environment=strict, fingerprint=sealed.fingerprint)
    decided(desk, rollout, "retry", approver(desk))
    assert rollout.status == "succeeded"


def test_a_corrected_setting_is_a_way_out_while_a_rollout_waits(desk, sealed, strict):
    ran = desk.runs("db", strict)
    say_yes(desk, sealed, strict)
    desk.breaks(sealed, "api")
    rollout = rolled_out(desk, sealed, strict)
    desk.mends(sealed, "api")
    configure(desk, "api", strict, "corrected")
    configure(desk, "db", strict, "also new")
    assert retry_blockers(rollout, desk.deployer) == [], "it could go on as it was sealed"
    use_new_settings(actor=desk.manager, release=sealed)
    again = Rollout.objects.get(pk=rollout.pk)
    assert [one.code for one in retry_blockers(again, desk.deployer)] == ["approval_missing"]
    say_yes(desk, sealed, strict)
    decided(desk, rollout, "retry", desk.deployer)
    assert (rollout.status, set(desk.steps(rollout).values())) == ("succeeded", {"deployed"})
    assert (configured(desk, "api", strict), configured(desk, "db", strict)) == ("corrected", "also new")
    assert desk.on_target(sealed, "db", strict).before == ran, "it replaced itself; the way back is what ran before"
    back = fall_back_release(actor=desk.deployer, release=sealed, environment=strict)
    desk.work()
    back.refresh_from_db()
    assert (back.status, desk.serving("db", strict)) == ("fallen_back", ran.artifact.digest)


def test_what_cannot_start_with_its_new_settings_keeps_serving_with_the_old(desk, staging):
    release = desk.release(packages="db")
    rolled_out(desk, release, staging)
    configure(desk, "db", staging, "worse")
    desk.breaks(release, "db")
    rollout = rolled_out(desk, release, staging)
    assert (rollout.status, desk.steps(rollout)) == ("needs_decision", {"db": "failed"})
    assert desk.shown(release, staging) == {"db": "deployed"}
    assert desk.serving("db", staging) == desk.digest(release, "db")
