"""Decisions, without a database."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.engine import rules
from fairway.engine.rules import NEXT, Impossible, Status
from fairway.engine.workflow import Step, Workflow, Workflows


def test_every_status_has_its_successors_and_an_end_in_reach():
    assert set(NEXT) == set(Status)
    for status in Status:
        reached, frontier = {status}, {status}
        while frontier:
            frontier = {after for before in frontier for after in NEXT[before]} - reached
            reached |= frontier
        assert reached & rules.FINISHED, status


def test_what_is_over_stays_over():
    for status in rules.FINISHED:
        assert NEXT[status] == frozenset()
        with pytest.raises(Impossible):
            rules.check_move(status, Status.RUNNING)


def test_a_cancelled_run_can_only_end():
    with pytest.raises(Impossible):
        rules.check_move(Status.CANCELLING, Status.RUNNING)
    assert rules.status_when_claimed(Status.CANCELLING) is Status.CANCELLING
    assert rules.status_when_claimed(Status.WAITING) is Status.RUNNING


@pytest.mark.parametrize(("retry", "seconds"), [(1, 1), (2, 2), (3, 4), (5, 16), (6, 30), (5000, 30)])
def test_the_pause_doubles_up_to_thirty_seconds(retry, seconds):
    assert rules.pause_before(retry, timedelta(seconds=1)) == timedelta(seconds=seconds)


def test_a_failure_may_ask_for_a_longer_pause_but_not_for_a_shorter_one():
    assert rules.pause_before(1, timedelta(seconds=1), 90) == timedelta(seconds=90)
    assert rules.pause_before(3, timedelta(seconds=1), 0.5) == timedelta(seconds=4)


LANES = st.sampled_from(["default", "staging", "production", "night"])


@given(st.integers(1, 6), st.dictionaries(LANES, st.integers(0, 3)), st.lists(LANES, max_size=30))
def test_reserved_slots_are_never_given_away_and_slots_never_exceeded(slots, reserved, wishes):
    if sum(reserved.values()) >= slots:
        with pytest.raises(ValueError, match="lanes reserve"):
            rules.check_slots(slots, reserved)
        return
    rules.check_slots(slots, reserved)
    busy: Counter[str] = Counter()
    for lane in wishes:
        lanes = rules.open_lanes(slots, reserved, busy)
        if lanes is None or lane in lanes:
            busy[lane] += 1
    assert busy.total() <= slots
    for lane, count in reserved.items():
        lanes = rules.open_lanes(slots, reserved, busy)
        assert busy[lane] >= count or lanes is None or lane in lanes


def test_impossible_slots_are_refused():
    with pytest.raises(ValueError, match="at least 1"):
        rules.check_slots(0, {})
    with pytest.raises(ValueError, match="negative"):
        rules.check_slots(2, {"production": -1})


def test_a_kind_is_registered_once():
    workflows = Workflows()
    workflow = Workflow("example", (Step("one", lambda context: None),))
    assert workflows.register(workflow) is workflow
    with pytest.raises(ValueError, match="registered already"):
        workflows.register(workflow)
