"""Workers that were asleep, or whose clock is wrong, on PostgreSQL: leases are the database's, late hands move nothing."""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack

import pytest

from tests.services.installation import wait_for
from tests.workflows.held import LEASE, LOOKS_EVERY, fall_asleep, rows

pytestmark = pytest.mark.postgres

# Where a worker falls asleep; the last must find the old version serving again when it wakes.
ASLEEP = ("begin:start", "about:switch", "amid:switch", "begin:retire", "about:retire", "begin:clean-up")


def test_a_worker_that_wakes_up_late_does_no_harm_wherever_it_fell_asleep(spread):
    desk, moments, workers = spread.desk, spread.moments, spread.workers
    slugs = {desk.new("asleep"): moment for moment in ASLEEP}
    for number in [desk.fairway.deploy(slug) for slug in slugs]:
        desk.fairway.live(number)
    for slug, moment in slugs.items():
        moments.arm(slug, moment)
    second = {slug: desk.ship(slug, "2", crashes="clean-up" in moment) for slug, moment in slugs.items()}
    (zombie,) = {moments.await_holder(slug, moment) for slug, moment in slugs.items()}
    fall_asleep(desk.fairway, zombie)
    for slug, moment in slugs.items():
        moments.let_go(slug, moment)
    workers.start()
    for slug, number in second.items():
        assert desk.fairway.ended(number)["status"] == ("failed" if "clean-up" in slugs[slug] else "live")
    third = {slug: desk.ship(slug, "3") for slug in slugs}
    for slug, number in third.items():
        desk.fairway.live(number)
        moments.forget(slug)
    routes = {slug: _route(desk, slug) for slug in slugs}
    with ExitStack() as visits:
        visitors = [visits.enter_context(desk.visitors(slug, 0.1)) for slug in slugs]
        os.kill(zombie, signal.SIGCONT)
        for slug in slugs:
            wait_for(lambda slug=slug: moments.has_let_go(slug, zombie), f"the late worker lets go of {slug}")
        for slug, number in third.items():
            desk.settles(slug, number, "3")
    assert {slug: _route(desk, slug) for slug in slugs} == routes, "no route was touched"
    assert [(one.failed, one.seen) for one in visitors] == [([], {"3"})] * len(slugs)
    for slug, number in second.items():
        _was_taken_over_once(desk, number, slugs[slug].partition(":")[2], zombie)
        switches = [one["after"]["deployment"] for one in desk.events("placement.switched", application=slug)]
        assert len(switches) == len(set(switches))
    desk.is_whole()


def _route(desk, slug):
    return os.readlink(desk.routes / "open" / f"{slug}.staging.localhost")


def _was_taken_over_once(desk, number, step, zombie):
    found = rows(desk.fairway, _ATTEMPTS, number)
    attempts = [(status, owner.endswith(f":{zombie}")) for name, status, owner in found if name == step]
    assert attempts == [("lost", True), ("succeeded", False)]


_ATTEMPTS = """SELECT runstep.step, runstep.status, runstep.owner FROM fairway_runstep runstep
JOIN fairway_deployment deployment ON deployment.run_id = runstep.run_id WHERE deployment.id = ? ORDER BY runstep.id"""
_FENCE = "SELECT fence FROM fairway_run WHERE id = (SELECT run_id FROM fairway_deployment WHERE id = ?)"
_WATCH = "SELECT fence FROM fairway_run WHERE kind = 'watch' AND key LIKE ?"


@pytest.mark.parametrize("skew", ["3600", "-3600"])
def test_a_worker_with_a_wrong_clock_neither_steals_nor_loses_a_run(spread, skew):
    desk, moments, workers = spread.desk, spread.moments, spread.workers
    ours = desk.fairway.pid_of("worker")
    slug, first = desk.launched("skewed")
    moments.arm(slug, "about:switch")
    number = desk.ship(slug, "2")
    assert moments.await_holder(slug, "about:switch") == ours
    ((fence,),) = rows(desk.fairway, _FENCE, number)
    wrong = workers.start(FAIRWAY_TEST_SKEW=skew)
    _leases_pass()
    assert rows(desk.fairway, _FENCE, number) == [(fence,)], "it has not stolen what is held by another"
    fall_asleep(desk.fairway, ours)
    try:
        wait_for(lambda: rows(desk.fairway, _FENCE, number) == [(fence + 1,)], "it takes over what was left")
        wait_for(lambda: moments.holder(slug, "about:switch") == wrong.pid, "it is there too")
    finally:
        os.kill(ours, signal.SIGCONT)
    _leases_pass()
    assert rows(desk.fairway, _FENCE, number) == [(fence + 1,)], "nobody has stolen what it holds"
    moments.let_go(slug, "about:switch")
    desk.fairway.live(number)
    desk.serves(slug, number, "2")
    _its_times_are_the_databases(desk, slug)
    fall_asleep(desk.fairway, ours)  # now the one with the wrong clock is alone
    try:
        third = desk.ship(slug, "3")
        desk.fairway.live(third)
        before, began = _looks(desk, third), time.monotonic()
        _leases_pass()
        wait_for(lambda: _looks(desk, third) > before, "it looks again")
        assert _looks(desk, third) <= 2 + before + (time.monotonic() - began) / LOOKS_EVERY, "as often as it is to"
    finally:
        os.kill(ours, signal.SIGCONT)
    desk.serves(slug, third, "3")


def _looks(desk, number):
    """How often it has been looked at whether the deployment still lives."""
    return sum(fence for (fence,) in rows(desk.fairway, _WATCH, f"%:{number}"))


def _leases_pass():
    time.sleep(1.5 * LEASE)  # what must not happen meanwhile cannot be waited for


def _its_times_are_the_databases(desk, slug):
    """Nothing that this deployment left is an hour early or late."""
    ages = [age for (age,) in rows(desk.fairway, _AGES, slug)]
    assert ages
    assert max(abs(age) for age in ages) < 600, ages


_AGES = "SELECT extract(epoch FROM clock_timestamp() - at) FROM fairway_event WHERE application = ?"
