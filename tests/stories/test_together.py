"""Several things at once: in order, a few at a time, and one failure or one wish to stop ends all of it."""

from __future__ import annotations

import threading

import pytest

from fairway.drivers.runtimes.contract import Silent
from fairway.shared.failures import Cancelled, Refused
from fairway.stories.together import AT_ONCE, together
from tests.services.waiting import PATIENCE


def test_results_come_in_the_order_of_the_items():
    assert together(lambda item, ear: item * 2, [3, 1, 2], Silent()) == [6, 2, 4]
    assert together(lambda item, ear: item * 2, [], Silent()) == []


def test_as_many_at_once_as_are_allowed_and_no_more():
    barrier, most, running, lock = threading.Barrier(AT_ONCE), [0], [0], threading.Lock()

    def work(item, ear):
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        barrier.wait(timeout=PATIENCE)  # passes only if so many are in here together
        with lock:
            running[0] -= 1

    together(work, range(2 * AT_ONCE), Silent())
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
        together(work, ["good", "bad", "later"], Silent())
    assert stopped in (["good"], ["good", "later"], ["later", "good"])


def test_a_wish_to_stop_is_heard_by_all():
    class Ear(Silent):
        wanted = threading.Event()

        def check(self):
            if self.wanted.is_set():
                raise Cancelled

    def work(item, ear):
        Ear.wanted.set()
        while True:
            ear.check()

    with pytest.raises(Cancelled):
        together(work, [1, 2], Ear())
