"""What is stored of samples: once each, summed up exactly, deleted by age, gone with their placement."""

from __future__ import annotations

import pytest
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fairway.deployments.commands.progress import removed
from fairway.monitoring import commands
from fairway.monitoring.commands import AHEAD, LATE, forget_samples, roll_up, store_usage
from fairway.monitoring.models import TrafficSample, UsageSample
from fairway.monitoring.rules import COARSE, COUNTS, FINE, KEPT, MIDDLE
from tests.exploring import examples
from tests.monitoring.conftest import NOW, SERVED, USED, served, used

SLOTS = st.sets(st.integers(0, 2 * COARSE // FINE - 1), max_size=40)


def rows(model=UsageSample, **wanted):
    return list(model.objects.filter(**wanted).order_by("resolution", "at").values_list("resolution", "at"))


def test_a_sample_is_stored_once_although_the_clock_was_set_back(placed):
    for _ in range(2):
        store_usage(at=NOW, resolution=FINE, samples={(placed.pk, "web"): USED})
    assert rows() == [(FINE, NOW)]
    assert UsageSample.objects.get().used == USED


def test_a_placement_that_was_removed_meanwhile_costs_the_others_nothing(placed):
    samples = {(placed.pk, "web"): USED, (placed.pk + 1000, "web"): USED}
    assert store_usage(at=NOW, resolution=FINE, samples=samples) == 1
    assert rows() == [(FINE, NOW)]


def test_a_minute_is_summed_up_when_it_has_passed(placed):
    used(placed, NOW)
    used(placed, NOW + FINE, memory_bytes=USED.memory_bytes * 3, restarts=2)
    assert roll_up(now=NOW + MIDDLE - 1) == 0
    assert roll_up(now=NOW + MIDDLE) == 1
    made = UsageSample.objects.get(resolution=MIDDLE).used
    assert (made.seconds, made.cpu_seconds, made.restarts) == (2 * FINE, 4.0, 2)
    assert made.memory_bytes == 2 * USED.memory_bytes


def test_a_roll_up_that_is_made_again_is_the_same_and_takes_what_came_late(placed):
    used(placed, NOW)
    roll_up(now=NOW + MIDDLE)
    before = UsageSample.objects.filter(resolution=MIDDLE).values().get()
    roll_up(now=NOW + MIDDLE)
    assert UsageSample.objects.filter(resolution=MIDDLE).values().get() == before
    used(placed, NOW + FINE)
    roll_up(now=NOW + MIDDLE)
    assert UsageSample.objects.get(resolution=MIDDLE).cpu_seconds == 4.0


def test_what_was_summed_up_long_ago_is_not_made_again(placed):
    used(placed, NOW)
    roll_up(now=NOW + MIDDLE)
    assert roll_up(now=NOW + MIDDLE + LATE - 1) == 1
    assert roll_up(now=NOW + MIDDLE + LATE) == 0


def test_what_a_worker_missed_while_it_was_away_is_summed_up_later(placed, monkeypatch):
    monkeypatch.setattr(commands, "MOST_INTERVALS", 2)
    for minute in (0, 3, 5, 9):
        used(placed, NOW + minute * MIDDLE)
    assert roll_up(now=NOW + COARSE + LATE) == 2
    assert not UsageSample.objects.filter(resolution=COARSE).exists(), "not before all of its minutes"
    assert roll_up(now=NOW + COARSE + LATE) == 2
    assert roll_up(now=NOW + COARSE + LATE) == 1
    assert [at for _, at in rows(resolution=MIDDLE)] == [NOW + minute * MIDDLE for minute in (0, 3, 5, 9)]
    assert UsageSample.objects.get(resolution=COARSE).cpu_seconds == 8.0


def test_traffic_is_summed_up_for_each_deployment(placed):
    served(placed, NOW, deployment=1)
    served(placed, NOW, deployment=2)
    served(placed, NOW + FINE, deployment=2, durations={20: 1})
    roll_up(now=NOW + MIDDLE)
    one, two = TrafficSample.objects.filter(resolution=MIDDLE).order_by("deployment")
    assert (one.requests, two.requests) == (20, 40)
    assert two.served.durations == {10: 12, 20: 9}


@settings(max_examples=examples(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(slots=SLOTS, traffic=SLOTS)
def test_the_sums_of_roll_ups_are_the_sums_of_samples(placed, slots, traffic):
    UsageSample.objects.all().delete()
    TrafficSample.objects.all().delete()
    for slot in slots:
        used(placed, NOW + slot * FINE, cpu_seconds=slot / 8, restarts=slot % 3)
    for slot in traffic:
        served(placed, NOW + slot * FINE, deployment=slot % 2, requests=slot, durations={slot % 61: 1})
    for _ in range(5):
        roll_up(now=NOW + 2 * COARSE)
    of_usage = [Sum(name) for name in ("seconds", "cpu_seconds", "restarts")]
    for model, sums in ((UsageSample, of_usage), (TrafficSample, [Sum(name) for name in COUNTS])):
        fine, middle, coarse = (
            model.objects.filter(resolution=resolution).aggregate(*sums) for resolution in (FINE, MIDDLE, COARSE)
        )
        assert fine == middle == coarse
    counted = [sum(row.served.durations.values()) for row in TrafficSample.objects.filter(resolution=COARSE)]
    assert sum(counted) == len(traffic)
    expected = {NOW + slot * FINE // MIDDLE * MIDDLE for slot in slots}
    assert {at for _, at in rows(resolution=MIDDLE)} == expected, "a minute without a reading has no row"


def test_each_resolution_is_kept_for_its_time(placed, monkeypatch):
    monkeypatch.setattr(commands, "MOST_DELETED", 2)
    kept = []
    for resolution, seconds in KEPT.items():
        used(placed, NOW - seconds - resolution, resolution=resolution)
        served(placed, NOW - seconds - resolution, resolution=resolution)
        kept.append((resolution, used(placed, NOW - seconds, resolution=resolution).at))
        served(placed, NOW - seconds, resolution=resolution)
    for number in range(3):
        used(placed, NOW - KEPT[FINE] - FINE * (number + 2))
    assert forget_samples(now=NOW) == 9
    assert rows() == rows(TrafficSample) == kept


def test_what_a_wrong_clock_left_in_the_future_is_deleted(placed):
    used(placed, NOW + AHEAD * 365)
    used(placed, NOW + FINE)
    assert forget_samples(now=NOW) == 1
    assert rows() == [(FINE, NOW + FINE)]


def test_a_roll_up_in_the_future_stops_no_other(placed):
    used(placed, NOW + AHEAD * 365 // MIDDLE * MIDDLE, resolution=MIDDLE)
    used(placed, NOW)
    roll_up(now=NOW + MIDDLE)
    assert (MIDDLE, NOW) in rows()


@pytest.mark.parametrize("make", [used, served])
def test_samples_go_with_their_placement(placed, make):
    make(placed, NOW)
    removed(placement=placed)
    assert rows() == rows(TrafficSample) == []


def test_a_stored_histogram_is_the_one_that_is_read(placed):
    assert TrafficSample.objects.get(pk=served(placed, NOW).pk).served == SERVED
