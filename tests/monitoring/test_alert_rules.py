"""When alerts begin and end: after a time, clearly, and never again and again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.monitoring.alert_rules import (
    CLEARS_AFTER,
    LONGEST_GAP,
    RULES,
    SENTENCES,
    AlertKind,
    Level,
    Rule,
    Severity,
    parse_rules,
    rules_with,
    step,
)
from fairway.shared.names import Invalid

START = datetime(2026, 11, 30, 12, tzinfo=UTC)
LOOK = timedelta(seconds=15)
ERRORS = RULES[AlertKind.ERRORS]
VALUES = st.lists(st.floats(0, 100) | st.none(), max_size=200)


def course(values, rule=ERRORS, *, every=LOOK, standing=None, start=START):
    """What stands after each look at these values."""
    found, now = [], start
    for value in values:
        standing = step(standing, rule.level(value), rule, now)
        found.append(standing)
        if standing is not None and standing.ended_at is not None:
            standing = None
        now += every
    return found


def begun(found):
    return {one.started_at for one in found if one and one.started_at}


@given(st.floats(0, 100))
def test_a_value_that_stays_starts_one_alert_or_none(value):
    found = course([value] * 300)
    assert len(begun(found)) == (value >= ERRORS.threshold)
    assert not any(one and one.ended_at for one in found)


@given(st.lists(st.floats(ERRORS.threshold * ERRORS.clears, 24.9), min_size=1, max_size=300))
def test_a_value_that_moves_around_its_threshold_never_ends_what_has_begun(values):
    found = course([10.0] * 10 + values)
    assert len(begun(found)) == 1
    assert found[-1].ended_at is None


@given(VALUES)
def test_an_alert_begins_only_after_its_time_and_ends_only_after_being_fine_for_long(values):
    found = course(values)
    ends = [one for one in found if one and one.ended_at]
    for one in ends:
        assert one.ended_at - one.fine_since >= CLEARS_AFTER
    for one in found:
        if one and one.started_at:
            assert one.started_at - one.since >= ERRORS.waits
    starts = sorted(begun(found))
    assert all(later - earlier >= ERRORS.waits + CLEARS_AFTER for earlier, later in zip(starts, starts[1:], strict=False))


@given(VALUES, st.integers(0, 200))
def test_a_worker_that_takes_over_finds_the_same_as_one_that_never_ended(values, cut):
    whole = course(values)
    first = course(values[:cut])
    left = first[-1] if first and not (first[-1] and first[-1].ended_at) else None
    assert first + course(values[cut:], standing=left, start=START + cut * LOOK) == whole


def test_after_the_time_it_has_been_fine_it_ends_once():
    found = course([10.0] * 6 + [0.0] * 10)
    ended = [one for one in found if one and one.ended_at]
    assert len(ended) == 1
    assert ended[0].ended_at == START + 6 * LOOK + CLEARS_AFTER
    assert found[-1] is None


def test_what_is_not_known_neither_starts_nor_ends_anything():
    assert not begun(course([10.0, None] * 50))
    found = course([10.0] * 6 + [None] * 100)
    assert len(begun(found)) == 1
    assert found[-1].ended_at is None
    assert course([10.0] * 6 + [0.0, None] * 50)[-1].ended_at is None


def test_no_time_passes_while_nobody_looks():
    one = step(None, Level.WARNING, ERRORS, START)
    later = START + LONGEST_GAP + LOOK
    again = step(one, Level.WARNING, ERRORS, later)
    assert (again.started_at, again.since) == (None, later)


@pytest.mark.parametrize("back", [timedelta(seconds=1), timedelta(days=400)])
def test_a_clock_that_is_set_back_starts_and_ends_nothing_at_once(back):
    waiting = course([10.0] * 4)[-1]
    assert step(waiting, Level.WARNING, ERRORS, START - back).started_at is None
    standing = course([10.0] * 6 + [0.0])[-1]
    after = step(standing, Level.FINE, ERRORS, START - back)
    assert after.ended_at is None
    ended = course([0.0] * 20, standing=after, start=START - back)
    assert sum(bool(one and one.ended_at) for one in ended) == 1
    assert all(one.ended_at >= one.started_at for one in ended if one and one.ended_at)


def test_it_becomes_critical_and_never_less_serious_while_it_lasts():
    found = course([10.0] * 6 + [60.0] + [10.0] * 5)
    assert [found[5].severity, found[6].severity, found[-1].severity] == ["warning", "critical", "critical"]
    assert step(None, Level.CRITICAL, RULES[AlertKind.CHAIN], START).severity == Severity.CRITICAL


def test_of_a_certificate_fewer_days_are_worse():
    rule = RULES[AlertKind.CERTIFICATE]
    assert [rule.level(days) for days in (30, 10.5, 10, 2, -1)] == ["fine", "between", "warning", "critical", "critical"]


def test_what_an_environment_changes_replaces_only_that():
    rules = rules_with(parse_rules({"errors": {"threshold": 40, "minutes": 1}, "memory": {"is_on": False}}))
    assert (rules[AlertKind.ERRORS].threshold, rules[AlertKind.ERRORS].minutes) == (40, 1)
    assert rules[AlertKind.ERRORS].critical == 40, "nothing is a warning that is more serious than what is critical"
    assert not rules[AlertKind.MEMORY].is_on
    assert rules[AlertKind.LATENCY] == RULES[AlertKind.LATENCY]
    assert parse_rules({"errors": {"threshold": 5, "minutes": 5, "is_on": True}}) == {}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"disk": {"threshold": 50}}, "rules"),
        ({"nonsense": {}}, "rules"),
        ({"errors": {"threshold": 0}}, "errors_threshold"),
        ({"errors": {"threshold": float("nan")}}, "errors_threshold"),
        ({"latency": {"threshold": 1e9}}, "latency_threshold"),
        ({"errors": {"minutes": 0}}, "errors_minutes"),
        ({"down": {"minutes": 61}}, "down_minutes"),
        ({"down": {"minutes": 1.5}}, "down_minutes"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused_by_name(given, field):
    with pytest.raises(Invalid) as refused:
        parse_rules(given)
    assert refused.value.field == field


def test_every_kind_has_a_rule_and_a_sentence():
    assert set(RULES) == set(SENTENCES) == set(AlertKind)
    assert all(isinstance(rule, Rule) for rule in RULES.values())
