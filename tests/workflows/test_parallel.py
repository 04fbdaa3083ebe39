"""Several things at once: in order, a few at a time, and one failure or one wish to stop ends all of it."""

from __future__ import annotations

import threading

import pytest

from fairway.drivers.runtimes.contract import NullProgress
from fairway.shared.failures import Cancelled, Refused
from fairway.workflows.parallel import AT_ONCE, run_parallel
from tests.services.waiting import PATIENCE


def test_results_come_in_the_order_of_the_items():
    assert run_parallel(lambda item, ear: item * 2, [3, 1, 2], NullProgress()) == [6, 2, 4]
    assert run_parallel(lambda item, ear: item * 2, [], NullProgress()) == []


def test_as_many_at_once_as_are_allowed_and_no_more():
    barrier, most, running, lock = threading.Barrier(AT_ONCE), [0], [0], threading.Lock()

    def work(item, ear):
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        barrier.wait(timeout=PATIENCE)  # passes only if so many are in here together
        with lock:
            running[0] -= 1

    run_parallel(work, range(2 * AT_ONCE), NullProgress())
    assert most[0] == AT_ONCE


def test_one_that_fails_stops_the_others():
    begun, stopped = threading.Event(), []

    def work(item, ear):
        if item == "bad":
            begun.wait(PATIENCE)
            raise Refused("no")
        begun.set()
        try:
            while True:
                ear.check()
        except Cancelled:
            stopped.append(item)
            raise

    with pytest.raises(Refused, match="no"):
        run_parallel(work, ["good", "bad", "later"], NullProgress())
    assert stopped in (["good"], ["good", "later"], ["later", "good"])


def test_a_wish_to_stop_is_heard_by_all():
    class Ear(NullProgress):
        wanted = threading.Event()

        def check(self):
            if self.wanted.is_set():
                raise Cancelled

    def work(item, ear):
        Ear.wanted.set()
        while True:
            ear.check()

    with pytest.raises(Cancelled):
        run_parallel(work, [1, 2], Ear())
