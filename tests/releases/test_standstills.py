"""What waits for one person's word: an approval they may give, a rollout they may decide about, and nothing else."""

from __future__ import annotations

import pytest

from fairway.accounts.rules import Role
from fairway.insights.waiting import waiting_for
from fairway.releases.commands.approvals import approve, reject, seal
from fairway.releases.commands.releases import cancel_release
from fairway.releases.commands.rollouts import decide, roll_out
from fairway.releases.queries import standstills


@pytest.fixture
def strict(production):
    production.approvals_needed = 2
    production.save()
    return production


@pytest.fixture
def sealed(desk, strict, staging):
    return seal(actor=desk.manager, release=desk.release(packages="db"))


def asked(actor):
    return [(str(one.release), one.environment.slug, one.approved, one.rollout) for one in standstills(actor)]


def test_an_approval_waits_for_those_who_may_give_it_and_have_not_answered(desk, sealed, strict, viewer):
    ann, ben = (desk.person(name, Role.RELEASE_MANAGER) for name in ("ann", "ben"))
    assert asked(ann) == asked(ben) == asked(desk.admin) == [("Spring 1", "production", 0, None)]
    assert asked(desk.manager) == [], "who sealed it cannot approve it"
    assert asked(desk.deployer) == asked(viewer) == []
    approve(actor=ann, release=sealed, environment=strict, fingerprint=sealed.fingerprint)
    assert (asked(ann), asked(ben)) == ([], [("Spring 1", "production", 1, None)])
    reject(actor=ben, release=sealed, environment=strict, fingerprint=sealed.fingerprint, comment="Not on a Friday")
    assert asked(ben) == [], "a no is an answer"
    approve(actor=desk.admin, release=sealed, environment=strict, fingerprint=sealed.fingerprint)
    assert asked(desk.person("cleo", Role.RELEASE_MANAGER)) == [], "there are enough"


def test_a_cancelled_release_waits_for_nobody(desk, sealed):
    cancel_release(actor=desk.manager, release=sealed, reason="No more")
    assert asked(desk.admin) == []


def test_a_rollout_that_stands_still_waits_for_those_who_may_decide(desk, staging, production):
    release = desk.release(packages="db")
    desk.breaks(release, "db")
    rollout = roll_out(actor=desk.deployer, release=release, environment=staging)
    desk.work()
    (one,) = standstills(desk.deployer)
    assert (one.rollout, one.environment) == (rollout.pk, staging)
    assert "db" in one.sentence
    assert asked(desk.manager) == []
    first, second = waiting_for(desk.deployer)
    assert (first.kind, first.about.rollout, second.kind) == ("decision", rollout.pk, "failed")
    rollout.refresh_from_db()
    decide(actor=desk.deployer, rollout=rollout, choice="stop")
    desk.work()
    assert asked(desk.deployer) == []
