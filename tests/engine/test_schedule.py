"""A tick runs once per interval, however many workers there are."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connections

from fairway.engine import clock
from fairway.engine.models import ScheduledTick
from fairway.engine.schedule import Schedule, Tick
from tests.services.waiting import eventually

HOUR = timedelta(hours=1)


def test_many_workers_tick_once(database):
    calls: Counter[str] = Counter()
    start = threading.Barrier(4)

    def work(number: int) -> None:
        ticks = [Tick("sweep", HOUR, lambda: calls.update(["sweep"])), Tick("sync", HOUR, lambda: calls.update(["sync"]))]
        start.wait()
        Schedule(ticks, worker_name=f"w{number}").run_due()
        connections.close_all()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls == {"sweep": 1, "sync": 1}


def test_a_tick_is_due_again_after_its_interval_and_missed_ones_are_not_made_up_for(database):
    calls = []
    schedule = Schedule([Tick("sweep", HOUR, lambda: calls.append(1))], worker_name="w")
    assert schedule.run_due() == ["sweep"]
    assert schedule.run_due() == []
    ScheduledTick.objects.update(next_at=clock.now() - 10 * HOUR)
    assert schedule.run_due() == ["sweep"]
    assert schedule.run_due() == []
    assert len(calls) == 2


def test_a_failing_tick_is_shown_and_does_not_stop_the_others(database):
    def fail():
        raise OSError("away")

    calls = []
    schedule = Schedule([Tick("a-fails", HOUR, fail), Tick("b-works", HOUR, lambda: calls.append(1))], worker_name="w")
    assert schedule.run_due() == ["a-fails", "b-works"]
    assert dict(ScheduledTick.objects.values_list("name", "last_error")) == {"a-fails": "OSError: away", "b-works": ""}
    assert calls == [1]


def test_a_shorter_interval_counts_at_once(database):
    Schedule([Tick("sweep", 24 * HOUR, lambda: None)], worker_name="w").run_due()
    Schedule([Tick("sweep", HOUR, lambda: None)], worker_name="w").run_due()
    assert ScheduledTick.objects.get().next_at <= clock.now() + HOUR


def test_the_loop_ticks_until_it_is_stopped(database):
    calls, stop = [], threading.Event()
    schedule = Schedule([Tick("often", timedelta(milliseconds=20), lambda: calls.append(1))], worker_name="w")
    thread = threading.Thread(target=schedule.run_forever, args=(stop,))
    thread.start()
    eventually(lambda: len(calls) >= 3)
    stop.set()
    thread.join()


def test_bad_ticks_are_refused():
    with pytest.raises(ValueError, match="positive"):
        Tick("never", timedelta(0), lambda: None)
    with pytest.raises(ValueError, match="same name"):
        Schedule([Tick("a", HOUR, lambda: None), Tick("a", HOUR, lambda: None)], worker_name="w")
