"""One home: who may start where, and when workers may move."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from fairway.activity.models import Event
from fairway.engine import clock
from fairway.engine.models import Worker
from fairway.environments import installation
from fairway.environments.models import Installation
from fairway.shared.failures import NeedsPerson

HERE = installation.Location("0123abcd", "f" * 16, "boot-1:pid:[1]:net:[1]", "one")
THERE = replace(HERE, machine="boot-2:pid:[1]:net:[1]", host="two")
SECOND = timedelta(seconds=1)


@pytest.fixture
def at(monkeypatch):
    """Say where this process is."""

    def be(place: installation.Location) -> None:
        monkeypatch.setattr(installation, "current_location", lambda: place)

    be(HERE)
    return be


def worker_seen(ago: timedelta) -> Worker:
    now = clock.now()
    return Worker.objects.create(name="one:7", host="one", pid=7, started_at=now - ago, seen_at=now - ago)


def test_the_first_one_decides_and_the_next_ones_agree(transactional_db, at):
    installation.ensure_may_run_here(has_workers=True)
    installation.ensure_may_run_here(has_workers=True)
    installation.ensure_may_run_here(has_workers=False)
    row = Installation.objects.get()
    assert (row.identity, row.machine, row.host) == (HERE.identity, HERE.machine, "one")
    assert not Event.objects.filter(verb="installation.moved").exists()


@pytest.mark.parametrize(
    ("other", "said"),
    [(replace(HERE, identity="ffff0000"), "0123abcd on one"), (replace(HERE, keys="0" * 16), "folder keys/")],
)
def test_another_data_directory_or_other_keys_are_refused_until_a_person_says_so(transactional_db, at, other, said):
    installation.ensure_may_run_here(has_workers=True)
    at(other)
    for has_workers in (True, False):
        with pytest.raises(NeedsPerson, match=said):
            installation.ensure_may_run_here(has_workers=has_workers)
    installation.ensure_may_run_here(has_workers=True, moves_here=True)
    assert Installation.objects.get().identity == other.identity
    installation.ensure_may_run_here(has_workers=True)


def test_workers_elsewhere_are_refused_while_those_at_home_live(transactional_db, at, monkeypatch):
    installation.ensure_may_run_here(has_workers=True)
    worker = worker_seen(timedelta(0))
    at(THERE)

    def beat(_: float) -> None:
        Worker.objects.filter(pk=worker.pk).update(seen_at=clock.now() + SECOND)

    monkeypatch.setattr(installation.time, "sleep", beat)
    with pytest.raises(NeedsPerson, match="run on one, and all of them must run on one machine"):
        installation.ensure_may_run_here(has_workers=True)
    assert Installation.objects.get().machine == HERE.machine


def test_workers_move_when_those_at_home_have_fallen_silent(transactional_db, at, monkeypatch):
    installation.ensure_may_run_here(has_workers=True)
    worker = worker_seen(timedelta(0))
    at(THERE)

    def pass_time(_: float) -> None:
        """The last sign gets older; it stays the same sign."""
        monkeypatch.setattr(installation.clock, "now", lambda: worker.seen_at + timedelta(hours=1))

    monkeypatch.setattr(installation.time, "sleep", pass_time)
    installation.ensure_may_run_here(has_workers=True)
    assert Installation.objects.get().host == "two"
    (event,) = Event.objects.filter(verb="installation.moved")
    assert (event.before["host"], event.after["host"]) == ("one", "two")


def test_a_machine_that_was_thought_dead_stops_its_workers(transactional_db, at, monkeypatch):
    installation.ensure_may_run_here(has_workers=True)
    at(THERE)
    installation.ensure_may_run_here(has_workers=True)
    at(HERE)
    monkeypatch.setattr(installation, "CHECK_EVERY", 0.01)
    monkeypatch.setattr(installation, "close_old_connections", lambda: None)
    stop = threading.Event()
    installation.watch(stop)
    assert stop.is_set()


def test_here_tells_namespaces_apart_and_nothing_of_the_keys():
    place = installation.current_location()
    assert "pid:[" in place.machine
    assert "net:[" in place.machine
    first, second = (
        installation.keys_fingerprint("a", ["new", "old"]),
        installation.keys_fingerprint("a", ["newer", "new", "old"]),
    )
    assert first == second != installation.keys_fingerprint("b", ["new", "old"])
