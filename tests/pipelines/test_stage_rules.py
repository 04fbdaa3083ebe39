"""When a stage promotes, and that versions never go round in a circle."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.pipelines.stage_rules import LONGEST_AFTER, RETRY, Facts, StageState, goes_round, parse_after, state_of
from fairway.shared.names import Invalid

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
AFTER = timedelta(minutes=10)
GOOD: dict[str, Any] = {"runs": True, "brought": True, "healthy_since": NOW - AFTER}


@pytest.mark.parametrize(
    ("more", "state"),
    [
        ({}, StageState.DUE),
        ({"healthy_since": NOW - AFTER + timedelta(seconds=1)}, StageState.WAITING),
        ({"healthy_since": None}, StageState.UNHEALTHY),
        ({"is_there": True}, StageState.THERE),
        ({"was_there": True}, StageState.THERE),
        ({"was_requested": True}, StageState.REQUESTED),
        ({"brought": False}, StageState.TAKEN_BACK),
        ({"brought": False, "was_requested": True}, StageState.TAKEN_BACK),
        ({"runs": False}, StageState.NOTHING),
        ({"is_paused": True}, StageState.PAUSED),
        ({"blocked_at": NOW}, StageState.BLOCKED),
        ({"blocked_at": NOW - RETRY}, StageState.DUE),
        ({"blocked_at": NOW, "healthy_since": None}, StageState.UNHEALTHY),
    ],
)
def test_a_stage_promotes_what_was_healthy_for_long_enough(more: dict[str, Any], state: StageState) -> None:
    assert state_of(Facts(**{**GOOD, **more}), AFTER, NOW) == state


@pytest.mark.parametrize("minutes", [-1, LONGEST_AFTER + 1, True])
def test_a_time_that_cannot_be_meant_is_refused(minutes: int) -> None:
    with pytest.raises(Invalid, match="30 days"):
        parse_after(minutes)
    assert [parse_after(one) for one in (0, LONGEST_AFTER)] == [0, LONGEST_AFTER]


def test_a_circle_is_named_the_way_versions_would_go() -> None:
    known = {"staging": "development", "production": "staging"}
    assert goes_round(known, "development", "production") == ["development", "staging", "production", "development"]
    assert goes_round(known, "production", "development") == []
    assert goes_round({}, "staging", "staging") == ["staging", "staging"]


NAMES = st.sampled_from("abcdef")


@given(st.lists(st.tuples(NAMES, NAMES), max_size=12))
def test_what_is_accepted_never_goes_round(pairs: list[tuple[str, str]]) -> None:
    origins: dict[str, str] = {}
    for environment, origin in pairs:
        if not goes_round(origins, environment, origin):
            origins[environment] = origin
    for start in origins:
        seen, place = set(), start
        while place in origins:
            assert place not in seen
            seen.add(place)
            place = origins[place]
