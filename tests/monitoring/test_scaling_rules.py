"""How many replicas there should be, tried on many days without a database."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.monitoring.scaling_rules import (
    CALM,
    EVERY,
    MOST_MORE,
    MOST_TIMES,
    Hours,
    Measure,
    Policy,
    Recommended,
    decide,
    enough,
)

CPU = Measure.CPU
counts = st.integers(1, 8)
loads = st.floats(0, 10_000, allow_nan=False)
maybe = st.none() | loads


@st.composite
def policies(draw) -> Policy:
    low, high = sorted((draw(counts), draw(counts)))
    targets = {measure: draw(st.none() | st.floats(1, 1000)) for measure in Measure}
    return Policy(low, high, **targets)


@pytest.mark.parametrize(
    ("replicas", "value", "expected"),
    [(2, 140, 4), (4, 35, 2), (3, 70, 3), (3, 76, 3), (3, 64, 3), (3, 80, 4), (5, 0, 0), (1, 71, 1), (8, 78, 9)],
)
def test_the_formula_is_that_of_kubernetes(replicas: int, value: float, expected: int) -> None:
    assert enough(replicas, value, 70) == expected


@given(policies(), counts, st.dictionaries(st.sampled_from(list(Measure)), maybe), st.lists(counts, max_size=30))
def test_never_beyond_the_range_and_never_faster_than_allowed(policy, replicas, values, before) -> None:
    history = [Recommended(1000 + EVERY * number, count) for number, count in enumerate(before)]
    found = decide(policy, replicas, values, history, 1000 + EVERY * len(before))
    assert policy.minimum <= found.replicas <= policy.maximum
    assert found.replicas <= max(policy.minimum, replicas + MOST_MORE, replicas * MOST_TIMES)


@given(counts, loads, st.lists(counts, min_size=1, max_size=19))
def test_down_only_to_what_was_enough_all_the_time(replicas, value, before) -> None:
    history = [Recommended(EVERY * number, count) for number, count in enumerate(before)]
    found = decide(Policy(1, 8, cpu=70), replicas, {CPU: value}, history, EVERY * len(before))
    assert found.replicas >= min(replicas, max(before))


@given(policies(), counts, st.dictionaries(st.sampled_from(list(Measure)), loads))
def test_what_cannot_be_measured_takes_nothing_away(policy, replicas, values) -> None:
    missing = [measure for measure in policy.targets if measure not in values]
    history = [Recommended(-CALM, 1)]
    found = decide(policy, replicas, values, history, 0)
    if missing:
        assert found.replicas >= min(replicas, policy.maximum)


@given(st.lists(loads, min_size=40, max_size=60))
def test_a_steady_load_ends_in_a_steady_number(noise) -> None:
    """After any past, a load that lasts leads to one number of replicas, which keeps it at its target."""
    policy, replicas, history, now = Policy(1, 8, requests=10), 1, (), 0.0
    for load in [*noise, *[45.0] * 40]:
        found = decide(policy, replicas, {Measure.REQUESTS: load / replicas}, history, now)
        replicas, history, now = found.replicas, found.history, now + EVERY
    assert replicas in {5}
    assert len(history) <= CALM / EVERY + 2


def test_a_peak_is_followed_at_once_and_left_slowly() -> None:
    policy, replicas, history, seen = Policy(1, 8, cpu=50), 1, (), []
    for look in range(40):
        load = 400 if 2 <= look < 6 else 40
        found = decide(policy, replicas, {CPU: load / replicas}, history, EVERY * look)
        replicas, history = found.replicas, found.history
        seen.append(replicas)
    assert seen[:5] == [1, 1, 5, 8, 8]
    assert seen[5 : 5 + int(CALM / EVERY)] == [8] * int(CALM / EVERY)
    assert seen[-1] == 1


def test_the_measure_that_needs_most_counts_and_is_named() -> None:
    policy = Policy(1, 8, cpu=70, requests=10, latency_ms=300)
    values = {Measure.CPU: 100.0, Measure.REQUESTS: 25.0, Measure.LATENCY: 200.0}
    found = decide(policy, 2, values, (), 0)
    assert (found.replicas, found.measure, found.value) == (5, Measure.REQUESTS, 25.0)
    by_range = decide(Policy(3, 8, cpu=70), 1, {CPU: 1.0}, (), 0)
    assert (by_range.replicas, by_range.measure) == (3, None)


def test_the_clock_raises_the_minimum() -> None:
    hours = Hours("0 8 * * MON-FRI", "0 18 * * MON-FRI", "Europe/Berlin", 4)
    policy = Policy(1, 6, hours=hours)
    monday = [(5, 1), (6, 4), (12, 4), (15, 4), (16, 1), (22, 1)]  # in UTC; Berlin is two hours ahead in summer
    for hour, minimum in monday:
        at = datetime(2026, 7, 6, hour, 30, tzinfo=UTC)
        assert policy.at(at).minimum == minimum, hour
    assert policy.at(datetime(2026, 7, 5, 12, tzinfo=UTC)).minimum == 1, "Sunday"
    at_noon = policy.at(datetime(2026, 7, 6, 12, tzinfo=UTC))
    assert decide(at_noon, 1, {}, (), 0).replicas == 4
    assert decide(policy, 4, {}, (), 0).replicas == 1, "without a measure the clock alone counts"
    assert Policy(1, 2, hours=hours).at(datetime(2026, 7, 6, 12, tzinfo=UTC)).minimum == 2, "never above the maximum"
