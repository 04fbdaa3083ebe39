"""kill -9 of the worker at any point of a rollout: another goes on, and it ends in the same state, nothing lost or doubled.

A worker that dies is played: at the n-th point where it would change something, nothing more of it happens, and its
lease runs out.
"""

from __future__ import annotations

import itertools
import os
from datetime import timedelta

import pytest

from fairway.deployments.models import Deployment
from fairway.drivers.runtimes.fake import FakeRuntime
from fairway.engine import clock, transitions
from fairway.engine.models import Run
from fairway.engine.runner import Runner
from fairway.engine.workflow import WORKFLOWS
from fairway.releases.commands.rollouts import decide, roll_out
from fairway.releases.models import PackageOnTarget, Rollout, RolloutPackage
from tests.releases.desk import placements

POINTS = int(os.environ.get("FAIRWAY_KILL_POINTS", "6"))  # spread over the whole rollout and its way back
DIAMOND = {"packages": "db api web shop", "needs": "api>db web>db shop>api shop>web"}


class Killed(BaseException):
    """Nobody catches it: the worker is gone."""


class Death:
    """Counts the points where something changes; at the chosen one the worker dies."""

    def __init__(self, monkeypatch):
        self.count, self.at = 0, None
        for owner, name in (
            (transitions, "change"),
            (FakeRuntime, "_called"),
            (PackageOnTarget, "move_to"),
            (RolloutPackage, "move_to"),
        ):
            monkeypatch.setattr(owner, name, self.lethal(getattr(owner, name)))

    def lethal(self, act):
        def dangerous(*args, **more):
            self.count += 1
            if self.count == self.at:
                self.at = None
                raise Killed
            return act(*args, **more)

        return dangerous


@pytest.fixture
def death(desk, monkeypatch):
    return Death(monkeypatch)


def work(desk):
    """Workers follow each other: the lease of one that died runs out before the next begins."""
    for number in itertools.count():
        try:
            Runner(WORKFLOWS, worker_name=f"worker-{number}").run_until_idle()
        except Killed:
            Run.objects.exclude(owner="").update(lease_until=clock.now() - timedelta(seconds=1))
            continue
        return number


def play(desk, environment, death, version, *, dies_at=None):
    """Roll out what fails at the end, then fall back all; returns everything that can be seen of it."""
    release = desk.release(version, **DIAMOND)
    desk.breaks(release, "shop")
    death.count, death.at = 0, dies_at
    rollout = roll_out(actor=desk.deployer, release=release, environment=environment, parallel=2)
    deaths = work(desk)
    rollout.refresh_from_db()
    forward = (rollout.status, desk.steps(rollout), desk.shown(release, environment))
    decide(actor=desk.deployer, rollout=rollout, choice="fall_back_all")
    deaths += work(desk)
    rollout.refresh_from_db()
    back = (rollout.status, desk.steps(rollout), desk.shown(release, environment), placements(environment))
    made = Deployment.objects.filter(run__parent=rollout.run).values_list("application__slug", "kind")
    return forward, back, sorted(made), deaths


def test_wherever_the_worker_dies_it_ends_in_the_same_state(desk, staging, death):
    for name in ("db", "web"):
        desk.runs(name, staging)
    before = placements(staging)
    *expected, deaths = play(desk, staging, death, "0")
    assert (expected[0][0], expected[1][0], deaths) == ("needs_decision", "fallen_back", 0)
    assert expected[1][3] == before
    points = death.count
    assert points > 100
    for index in range(POINTS):
        dies_at = 1 + index * points // POINTS
        *found, deaths = play(desk, staging, death, f"1.{index}", dies_at=dies_at)
        assert deaths == 1, f"it did not die at {dies_at} of {points}"
        assert found == expected, f"killed at {dies_at} of {points}"
        assert not Run.objects.live().exclude(kind="watch").exists()
    assert Rollout.objects.count() == POINTS + 1
