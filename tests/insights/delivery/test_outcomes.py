"""Percentiles that occurred, causes without what varies, and parts that add up."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.insights.delivery.dora import Row, judged
from fairway.insights.delivery.outcomes import (
    Failed,
    Outcome,
    Outcomes,
    Wait,
    by_part,
    cause_key,
    outcomes,
    spread,
    times,
    troubles,
)
from fairway.insights.delivery.periods import Period
from tests.insights.delivery.test_dora import histories, row

BEGIN = datetime(2026, 11, 2, tzinfo=UTC)


def test_spread_of_nothing_is_nothing():
    assert spread([]) is None


def test_the_95th_percentile_is_one_that_occurred():
    assert (spread(range(1, 101)).median, spread(range(1, 101)).p95) == (50.5, 95)
    assert spread([7.0]).p95 == 7


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_at_least_95_percent_do_not_exceed_it(values):
    found = spread(values)
    assert found.p95 in values
    assert sum(value <= found.p95 for value in values) >= 0.95 * len(values)
    assert found.count == len(values)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("“web” ended with code 1.", "“jobs” ended with code 137."),
        ("/ answered 404 for 12 s.", "/ answered 502 for 1,200.5 s."),
        ("The commit 4eb7ad82aa is gone.", "The commit faef20e299 is gone."),
        ("http://a.test/x cannot be reached.", "https://b.test cannot be reached."),
        ("A newer deployment (#12) is already live.", "A newer deployment (#9) is already live."),
    ],
)
def test_the_same_cause_in_other_words(one, other):
    assert cause_key(one) == cause_key(other)


def test_other_causes_stay_apart():
    said = ["“web” ended with code 1.", "“web” was killed.", "The disk is full.", ""]
    assert len({cause_key(one) for one in said}) == len(said)


def test_the_most_frequent_trouble_comes_first_with_the_words_of_the_newest():
    found = troubles(
        [Failed(1, "check", "“a” died."), Failed(2, "start", "It is full."), Failed(3, "check", "“b” died."),
         Failed(4, "start", "“a” died.")], most=2,
    )  # fmt: skip
    assert [(one.step, one.sentence, one.numbers) for one in found] == [
        ("check", "“b” died.", (3, 1)),
        ("start", "“a” died.", (4,)),
    ]


def test_success_is_a_share_of_what_was_decided():
    rows = [row(1), row(2, status="cancelled", live=False), row(3, status="errored", live=False), row(4)]
    found = outcomes(rows, {4})
    assert found.counts == {"good": 1, "failed_later": 1, "failed": 0, "errored": 1, "cancelled": 1}
    assert found.success_rate == 1 / 3
    assert outcomes(rows[1:2], set()).success_rate is None
    assert Outcomes().total == 0


def test_waits_are_added_up_and_taken_from_the_work():
    one = Row(
        1, "shop", "production", "deploy", "succeeded", BEGIN, BEGIN, BEGIN + timedelta(hours=3), BEGIN + timedelta(hours=3)
    )
    hour = timedelta(hours=1)
    found = times([one], [Wait(1, False, BEGIN, BEGIN + hour), Wait(1, False, BEGIN + hour, BEGIN + 1.5 * hour)])
    assert (found.gate.median, found.approval, found.work.median, found.queue.median) == (5400, None, 5400, 0)
    assert times([], [Wait(1, True, BEGIN, BEGIN + hour)]).approval is None, "it is of another deployment"


@given(histories(), st.integers(1, 120), st.sampled_from(["UTC", "Europe/Paris", "Pacific/Apia"]))
def test_the_parts_of_a_chart_add_up_to_the_period(rows, days, zone):
    period = Period(date(2026, 10, 20), date(2026, 10, 20) + timedelta(days=days - 1), ZoneInfo(zone))
    failed = judged(rows)[0]
    inside = [one for one in rows if period.has(one.finished_at)]
    parts = by_part(period, inside, failed, {one.number: 1.0 for one in inside})
    whole = outcomes(inside, failed)
    for outcome in Outcome:
        assert sum(part.outcomes.count(outcome) for part in parts) == whole.count(outcome)
    assert sum(len(part.lead_seconds) for part in parts) == len(inside)
