"""Sealing, and the yes of others: bound to what they saw, dead with any change, never one's own."""

from __future__ import annotations

import pytest

from fairway.accounts.commands import set_active, set_roles
from fairway.accounts.rules import Blocked, Role
from fairway.applications.commands import save_configuration
from fairway.releases.commands.approvals import approve, reject, seal, unseal
from fairway.releases.commands.dependencies import add_dependency
from fairway.releases.commands.packages import add_package, delete_package, edit_package
from fairway.releases.commands.releases import edit_release
from fairway.releases.commands.rollouts import roll_out
from fairway.releases.commands.schedule import schedule_release
from fairway.releases.commands.targets import deploy_package, distribute
from fairway.releases.queries import approvals, differences, readiness, standstills, status_of
from fairway.shared.names import Invalid


@pytest.fixture
def strict(production):
    production.approvals_needed = 2
    production.needs_ready = True
    production.save()
    return production


@pytest.fixture
def sealed(desk, strict):
    release = desk.release(packages="db api", needs="api>db")
    for name in ("db", "api"):
        edit_package(actor=desk.deployer, package=desk.package(release, name), stage="ready")
    return seal(actor=desk.manager, release=release)


def codes(blocked):
    return [one.code for one in blocked.value.blockers]


def state_reasons(desk, release, environment):
    """What will block the planned release when it begins, as its page shows it."""
    there = next(one for one in readiness(release, desk.manager) if one.environment == environment)
    return [one.code for one in there.blockers]


def say_yes(desk, release, environment, *names):
    for name in names:
        person = desk.person(name, Role.RELEASE_MANAGER)
        approve(actor=person, release=release, environment=environment, fingerprint=release.fingerprint)


def test_two_others_must_approve_before_it_goes_to_production(desk, sealed, strict, staging):
    with pytest.raises(Blocked) as blocked:
        roll_out(actor=desk.admin, release=sealed, environment=strict)
    assert codes(blocked) == ["approval_missing"]
    assert blocked.value.blockers[0].details == {"missing": 2}
    say_yes(desk, sealed, strict, "ann", "ben")
    roll_out(actor=desk.admin, release=sealed, environment=strict)
    desk.work()
    assert status_of(sealed) == "released"
    roll_out(actor=desk.deployer, release=sealed, environment=staging)  # which asks for none


def test_nobody_approves_their_own_request_not_even_an_admin(desk, sealed, strict):
    with pytest.raises(Blocked) as blocked:
        approve(actor=desk.manager, release=sealed, environment=strict, fingerprint=sealed.fingerprint)
    assert codes(blocked) == ["own_request"]
    approve(actor=desk.admin, release=sealed, environment=strict, fingerprint=sealed.fingerprint)
    say_yes(desk, sealed, strict, "ann")
    with pytest.raises(Blocked) as blocked:
        roll_out(actor=desk.admin, release=sealed, environment=strict)  # hers does not count for herself
    assert codes(blocked) == ["approval_missing"]
    roll_out(actor=desk.deployer, release=sealed, environment=strict)


def test_one_person_counts_once_and_a_no_stands_until_they_say_yes(desk, sealed, strict):
    ann = desk.person("ann", Role.RELEASE_MANAGER)
    say_yes(desk, sealed, strict, "ann", "ann")
    assert len(approvals(sealed, strict)) == 1
    reject(actor=ann, release=sealed, environment=strict, fingerprint=sealed.fingerprint, comment="No tests")
    say_yes(desk, sealed, strict, "ben", "cid")
    with pytest.raises(Blocked) as blocked:
        roll_out(actor=desk.deployer, release=sealed, environment=strict)
    assert codes(blocked) == ["rejected"]
    say_yes(desk, sealed, strict, "ann")
    roll_out(actor=desk.deployer, release=sealed, environment=strict)


@pytest.mark.parametrize("loss", ["role", "place", "account"])
def test_a_yes_counts_while_its_giver_could_still_say_it(desk, sealed, strict, staging, loss):
    say_yes(desk, sealed, strict, "ann", "ben")
    ann = desk.user(desk.person("ann"))
    if loss == "account":
        set_active(actor=desk.admin, user=ann, is_active=False)
    else:
        grants = [(Role.VIEWER, None, None)] if loss == "role" else [(Role.RELEASE_MANAGER, staging.pk, None)]
        set_roles(actor=desk.admin, user=ann, grants=grants)
    with pytest.raises(Blocked) as blocked:
        roll_out(actor=desk.deployer, release=sealed, environment=strict)
    assert codes(blocked) == ["approval_missing"]
    assert blocked.value.blockers[0].details == {"missing": 1}
    assert [(one.release.pk, one.approved) for one in standstills(desk.admin)] == [(sealed.pk, 1)], "and it is asked for"
    say_yes(desk, sealed, strict, "cid")
    roll_out(actor=desk.deployer, release=sealed, environment=strict)


def test_a_yes_that_lapsed_after_the_planning_keeps_the_release_from_starting(desk, sealed, strict):
    say_yes(desk, sealed, strict, "ann", "ben")
    rollout = schedule_release(
        actor=desk.admin, release=sealed, environment=strict, at="2199-01-01T08:00", zone="UTC", start_by_minutes=5
    )
    assert state_reasons(desk, sealed, strict) == []
    set_active(actor=desk.admin, user=desk.user(desk.person("ann")), is_active=False)
    assert state_reasons(desk, sealed, strict) == ["approval_missing"]
    assert rollout.status == "scheduled"


def test_a_no_stands_though_its_giver_left(desk, sealed, strict):
    ann = desk.person("ann", Role.RELEASE_MANAGER)
    reject(actor=ann, release=sealed, environment=strict, fingerprint=sealed.fingerprint, comment="No tests")
    say_yes(desk, sealed, strict, "ben", "cid")
    set_active(actor=desk.admin, user=desk.user(ann), is_active=False)
    with pytest.raises(Blocked) as blocked:
        roll_out(actor=desk.deployer, release=sealed, environment=strict)
    assert codes(blocked) == ["rejected"]


def test_a_no_counts_also_where_no_yes_is_asked_for(desk, sealed, staging):
    ann = desk.person("ann", Role.RELEASE_MANAGER)
    reject(actor=ann, release=sealed, environment=staging, fingerprint=sealed.fingerprint, comment="No tests")
    with pytest.raises(Blocked) as blocked:
        roll_out(actor=desk.deployer, release=sealed, environment=staging)
    assert codes(blocked) == ["rejected"]
    say_yes(desk, sealed, staging, "ann")
    roll_out(actor=desk.deployer, release=sealed, environment=staging)


def test_a_sealed_release_refuses_changes_until_somebody_unseals_it(desk, sealed, strict):
    api, db = desk.package(sealed, "api"), desk.package(sealed, "db")
    for change in (
        lambda: add_package(actor=desk.deployer, release=sealed, name="web", source="registry.test/web:1"),
        lambda: edit_package(actor=desk.deployer, package=api, stage="testing"),
        lambda: delete_package(actor=desk.deployer, package=api),
        lambda: add_dependency(actor=desk.deployer, package=db, needs=api),
    ):
        with pytest.raises(Blocked) as blocked:
            change()
        assert codes(blocked) == ["release_sealed"]
    say_yes(desk, sealed, strict, "ann", "ben")
    unseal(actor=desk.manager, release=sealed)
    assert approvals(sealed, strict) == []
    again = seal(actor=desk.manager, release=sealed)  # the same content: the old yes is dead all the same
    assert again.fingerprint == sealed.fingerprint
    assert approvals(again, strict) == []


def test_other_targets_end_the_seal(desk, sealed, strict, staging):
    edit_release(actor=desk.manager, release=sealed, description="Better words")
    assert status_of(sealed) == "sealed"
    edit_release(actor=desk.manager, release=sealed, targets=[staging])
    assert status_of(sealed) == "draft"


def test_an_answer_to_another_state_is_refused(desk, sealed, strict):
    with pytest.raises(Invalid, match="fingerprint"):
        approve(actor=desk.admin, release=sealed, environment=strict, fingerprint="0" * 64)


def test_what_is_not_resolved_cannot_be_sealed(desk, production):
    release = desk.release(packages="db")
    add_package(actor=desk.deployer, release=release, name="api", source="registry.test/api:1")
    with pytest.raises(Blocked, match="api"):
        seal(actor=desk.manager, release=release)
    with pytest.raises(Blocked, match="no packages"):
        seal(actor=desk.manager, release=desk.release("2"))


def test_a_single_package_does_not_slip_past_the_approvals(desk, strict):
    release = desk.release(packages="api")
    api = desk.package(release, "api")
    distribute(actor=desk.deployer, package=api, environment=strict)
    desk.work()
    with pytest.raises(Blocked) as blocked:
        deploy_package(actor=desk.deployer, package=api, environment=strict)
    assert codes(blocked) == ["not_ready", "not_sealed"]


def test_the_difference_names_versions_and_settings_but_no_value(desk, production):
    application = desk.application("api")
    save_configuration(actor=desk.deployer, application=application, environment=production, variables={"A": "old"})
    desk.runs("api", production)
    save_configuration(
        actor=desk.deployer, application=application, environment=production, variables={"A": "new"}, secrets={"B": "s3cret"}
    )
    release = desk.release(packages="api")
    (found,) = differences(release, production, desk.deployer)
    assert (found.now.version[:3], found.then.version[:2]) == ("old", "1.")
    assert [(one.name, one.kind) for one in found.settings] == [("A", "changed"), ("B", "added")]
    assert not any(word in repr(found.settings) for word in ("old", "new", "s3cret"))


def test_readiness_lists_every_reason_with_who_can_clear_it(desk, strict):
    release = desk.release(packages="db api")
    found = next(one for one in readiness(release, desk.deployer) if one.environment == strict)
    assert [one.code for one in found.blockers] == ["not_ready", "not_sealed"]
    together = "api is not Ready, which Production asks for. The same applies to db."
    assert (found.blockers[0].sentence, found.blockers[0].details) == (together, {"packages": ["api", "db"]})
    assert all(one.who for one in found.blockers)
