"""How readings become samples, samples become roll-ups, and durations become percentiles."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.monitoring.rules import (
    BOUNDS,
    BUCKETS,
    FINE,
    KEPT,
    LONGEST_GAP,
    MOST_POINTS,
    RESOLUTIONS,
    Reading,
    Used,
    bucket_of,
    merged,
    percentile,
    restarted_between,
    rolled_up,
    sample_of,
    start_of,
    step_of,
    used_between,
)

MB = 2**20
FIRST = Reading(at=100.0, began="a", cpu_seconds=4.0, memory_bytes=10 * MB, limit_bytes=100 * MB, restarts=1)
LATER = replace(FIRST, at=110.0, cpu_seconds=4.5)
SAMPLES = st.builds(
    Used,
    seconds=st.just(FINE),
    instances=st.integers(0, 8),
    cpu_seconds=st.integers(0, 400).map(lambda eighths: eighths / 8),  # exact in floating point
    memory_bytes=st.integers(0, 2**40),
    memory_peak_bytes=st.integers(0, 2**40),
    limit_bytes=st.none() | st.integers(1, 2**40),
    restarts=st.integers(0, 5),
)
HISTOGRAMS = st.dictionaries(st.integers(0, BUCKETS - 1), st.integers(0, 1000), max_size=8)


def test_the_first_reading_of_an_instance_counts_nothing():
    assert used_between(None, FIRST) is None
    assert sample_of([(None, FIRST)]) is None


def test_what_was_used_is_the_difference_of_two_readings():
    assert used_between(FIRST, LATER) == 0.5


def test_an_instance_that_was_restarted_began_at_nothing():
    again = replace(LATER, began="b", cpu_seconds=0.25, restarts=2)
    assert used_between(FIRST, again) == 0.25
    assert restarted_between(FIRST, again) == 1


def test_a_sum_that_falls_counts_nothing():
    assert used_between(FIRST, replace(LATER, cpu_seconds=3.0)) == 0.0


def test_a_gap_is_not_taken_for_one_interval():
    assert used_between(FIRST, replace(LATER, at=FIRST.at + LONGEST_GAP)) == 0.5
    assert used_between(FIRST, replace(LATER, at=FIRST.at + LONGEST_GAP + 0.1)) is None


def test_a_slow_answer_makes_no_higher_rate():
    late = replace(LATER, at=FIRST.at + 14, cpu_seconds=FIRST.cpu_seconds + 14)
    made = sample_of([(FIRST, late)])
    assert (made.cpu_seconds, made.seconds) == (14, 14)


def test_a_sample_adds_up_the_instances():
    other = replace(LATER, began="c", memory_bytes=5 * MB, limit_bytes=50 * MB)
    made = sample_of([(FIRST, LATER), (None, other)])
    assert made == Used(FINE, 2, 0.5, 15 * MB, 15 * MB, 150 * MB, 0)
    assert sample_of([(FIRST, LATER), (None, replace(other, limit_bytes=None))]).limit_bytes is None


@given(st.lists(SAMPLES, min_size=1, max_size=90))
def test_a_roll_up_keeps_sums_means_and_peaks(samples):
    made = rolled_up(samples)
    assert made.seconds == FINE * len(samples)
    assert made.cpu_seconds == sum(one.cpu_seconds for one in samples)
    assert made.restarts == sum(one.restarts for one in samples)
    assert made.memory_peak_bytes == max(one.memory_peak_bytes for one in samples)
    assert min(one.memory_bytes for one in samples) <= made.memory_bytes <= max(one.memory_bytes for one in samples)


@given(st.lists(st.lists(SAMPLES, min_size=1, max_size=6), min_size=1, max_size=15))
def test_it_does_not_matter_in_how_many_steps_they_are_rolled_up(minutes):
    at_once = rolled_up([one for minute in minutes for one in minute])
    in_steps = rolled_up([rolled_up(minute) for minute in minutes])
    assert replace(in_steps, memory_bytes=0) == replace(at_once, memory_bytes=0)
    assert abs(in_steps.memory_bytes - at_once.memory_bytes) <= 1, "each mean is a whole number of bytes"


@given(st.floats(0, 3000))
def test_a_duration_is_in_the_first_bucket_that_can_hold_it(seconds):
    index = bucket_of(seconds)
    assert seconds <= BOUNDS[index] or index == BUCKETS - 1
    assert index == 0 or seconds > BOUNDS[index - 1]


@given(st.lists(HISTOGRAMS, max_size=5))
def test_merging_loses_no_duration(histograms):
    together = merged(histograms)
    assert sum(together.values()) == sum(sum(one.values()) for one in histograms)
    assert list(together) == sorted(together)


@given(st.lists(st.floats(0.001, BOUNDS[-1]), min_size=1, max_size=200), st.sampled_from([0.5, 0.75, 1.0]))
def test_a_percentile_is_in_the_bucket_of_the_exact_one(durations, share):
    histogram = merged({bucket_of(seconds): 1} for seconds in durations)
    exact = sorted(durations)[math.ceil(share * len(durations)) - 1]
    upper = BOUNDS[bucket_of(exact)]
    assert upper / 1.25 * 0.999 <= percentile(histogram, share) <= upper * 1.001


def test_a_percentile_of_nothing_is_unknown():
    assert percentile({}, 0.5) is None
    assert percentile({3: 0}, 0.5) is None


@given(st.integers(0, 2**33), st.sampled_from(RESOLUTIONS))
def test_an_instant_is_in_its_interval(at, resolution):
    start = start_of(at, resolution)
    assert start % resolution == 0
    assert start <= at < start + resolution


@pytest.mark.parametrize("period", [60, 3600, 2 * 3600, 86400, 2 * 86400, 7 * 86400, 30 * 86400, 90 * 86400])
def test_every_period_has_a_chart_of_bounded_size_from_rows_that_still_exist(period):
    step, resolution = step_of(period)
    assert period / step <= MOST_POINTS
    assert step % resolution == 0
    assert period <= KEPT[resolution]


def test_an_hour_is_shown_as_it_was_read():
    assert step_of(3600) == (FINE, FINE)
