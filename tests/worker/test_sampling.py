"""The sampler stores what instances use, and loses nothing but samples when something goes wrong."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from fairway.deployments.models import Placement
from fairway.drivers.runtimes.contract import Usage
from fairway.monitoring.models import UsageSample
from fairway.monitoring.rules import FINE, MIDDLE
from fairway.worker import sampling
from fairway.worker.reconciler import Reconciler
from fairway.worker.sampling import Sampler
from tests.monitoring.conftest import MB, NOW
from tests.services.waiting import PATIENCE


@pytest.fixture
def clock():
    """The clock that nobody can set, by which the runtime says when it read."""
    return [1000.0]


@pytest.fixture
def told(monkeypatch, fake, clock):
    """What the runtime tells of each instance: the answers of the coming rounds, by the number of the replica."""
    answers: dict[int, Usage | None] = {}

    def usages(self, names):
        found = {name: answers[int(name[-1])] for name in names if answers.get(int(name[-1]))}
        return {name: replace(one, read_at=one.read_at or clock[0]) for name, one in found.items()}

    monkeypatch.setattr(type(fake), "usages", usages)
    return answers


@pytest.fixture
def seen(live):
    """Two instances, which the reconciler has seen."""
    Reconciler().look()
    return Placement.objects.get(pk=live.pk)


def usage(cpu, *, began="a", restarts=0, limit=512 * MB):
    return Usage(10 * MB, cpu, began, limit, restarts, read_at=0.0)


def take(sampler, clock, number):
    """Round `number`, ten seconds after the one before."""
    clock[0] = 1000.0 + number * FINE
    sampler.take(NOW + number * FINE + 0.02)


def stored(**wanted):
    return [(row.at - NOW, row.instances, row.cpu_seconds) for row in UsageSample.objects.filter(resolution=FINE, **wanted)]


def test_a_sample_is_what_all_instances_used_since_the_round_before(seen, told, clock):
    sampler = Sampler()
    told.update({0: usage(1.0), 1: usage(5.0)})
    take(sampler, clock, 0)
    assert stored() == [], "the first reading of an instance only says where it starts"
    told.update({0: usage(1.5), 1: usage(5.25)})
    take(sampler, clock, 1)
    assert stored(placement=seen, service="web") == [(0, 2, 0.75)]
    row = UsageSample.objects.get()
    assert (row.memory_bytes, row.limit_bytes, row.seconds) == (20 * MB, 1024 * MB, FINE)


def test_a_restarted_instance_is_counted_from_nothing(seen, told, clock):
    sampler = Sampler()
    told.update({0: usage(100.0), 1: None})
    take(sampler, clock, 0)
    told[0] = usage(0.5, began="b", restarts=1)
    take(sampler, clock, 1)
    assert stored() == [(0, 1, 0.5)]
    assert UsageSample.objects.get().restarts == 1


def test_a_round_that_was_missed_is_missing(seen, told, clock):
    sampler = Sampler()
    for number, cpu in ((0, 1.0), (1, 2.0), (5, 9.0), (6, 9.5)):
        told.update({0: usage(cpu), 1: None})
        take(sampler, clock, number)
    assert stored() == [(0, 1, 1.0), (5 * FINE, 1, 0.5)]


def test_an_instance_that_could_not_be_read_begins_again(seen, told, clock):
    sampler = Sampler()
    for number, cpu in enumerate((1.0, None, 3.0, 4.0)):
        told.update({0: cpu and usage(cpu), 1: None})
        take(sampler, clock, number)
    assert stored() == [(2 * FINE, 1, 1.0)]


def test_a_clock_that_was_set_back_breaks_nothing(seen, told, clock):
    sampler = Sampler()
    for number in range(3):
        told.update({0: usage(float(number)), 1: None})
        clock[0] += FINE
        sampler.take(NOW + 0.01)
    assert stored() == [(-FINE, 1, 1.0)]


def test_a_runtime_that_hangs_costs_its_samples_only_and_is_not_asked_twice(seen, fake, monkeypatch):
    asked, release = [], threading.Event()

    def usages(self, names):
        asked.append(names)
        release.wait(PATIENCE)
        return {}

    monkeypatch.setattr(type(fake), "usages", usages)
    monkeypatch.setattr(sampling, "LATEST", 0.05)
    monkeypatch.setattr(sampling, "runtime_of", lambda environment: fake)
    sampler = Sampler()
    try:
        for number in range(3):
            sampler.take(NOW + number * FINE)
        assert len(asked) == 1
        assert stored() == []
    finally:
        release.set()


def test_a_runtime_that_fails_is_asked_again(seen, fake, clock, told, monkeypatch):
    sampler = Sampler()
    monkeypatch.setattr(type(fake), "usages", lambda self, names: 1 / 0)
    take(sampler, clock, 0)
    monkeypatch.undo()
    take(sampler, clock, 1)
    take(sampler, clock, 2)
    assert [at for at, _, _ in stored()] == [FINE]


def test_what_does_not_run_is_not_asked_for(seen, fake, told, clock):
    seen.observed = [{**one, "state": "stopped"} for one in seen.observed]
    seen.save()
    told.update({0: usage(1.0), 1: usage(1.0)})
    sampler = Sampler()
    take(sampler, clock, 0)
    take(sampler, clock, 1)
    assert stored() == []


def test_a_minute_is_summed_up_by_the_round_that_ends_it(seen, told, clock):
    sampler = Sampler()
    for number in range(MIDDLE // FINE + 1):
        told.update({0: usage(float(number)), 1: None})
        take(sampler, clock, number)
    assert UsageSample.objects.get(resolution=MIDDLE).cpu_seconds == MIDDLE / FINE


def test_the_time_of_a_reading_is_the_runtimes_own(seen, told, clock):
    sampler = Sampler()
    told.update({0: replace(usage(1.0), read_at=1000.0), 1: None})
    take(sampler, clock, 0)
    told[0] = replace(usage(13.0), read_at=1012.0)
    take(sampler, clock, 1)
    row = UsageSample.objects.get()
    assert (row.at - NOW, row.cpu_seconds, row.seconds) == (0, 12.0, 12)


def test_nothing_is_asked_of_the_database_for_each_instance(seen, told, clock, django_assert_max_num_queries):
    sampler = Sampler()
    told.update({0: usage(1.0), 1: usage(1.0)})
    take(sampler, clock, 0)
    with django_assert_max_num_queries(5):
        take(sampler, clock, 1)
    assert len(stored()) == 1
