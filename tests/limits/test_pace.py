"""When a connection is too slow: decided without a clock."""

from __future__ import annotations

import pytest

from fairway.config.pace import Pace, PaceLimits, State, TooSlow, beyond, judged

LIMITS = PaceLimits(head_seconds=10, window_seconds=30, window_bytes=15_000, unfinished=3)


def looks(*seen: tuple[State, float, int]) -> TooSlow | None:
    """What the first look says that says anything."""
    pace = Pace(State.ELSE, 0.0)
    return next((why for state, now, moved in seen if (why := judged(pace, state, now, moved, LIMITS))), None)


def every(state: State, seconds: int, rate: int, *, until: int) -> list[tuple[State, float, int]]:
    return [(state, float(now), now * rate) for now in range(0, until + 1, seconds)]


def test_a_header_has_a_deadline_however_much_of_it_comes():
    assert looks(*every(State.HEAD, 2, 9000, until=10)) is None
    assert looks(*every(State.HEAD, 2, 9000, until=14)) is TooSlow.HEAD


@pytest.mark.parametrize(("state", "why"), [(State.BODY, TooSlow.BODY), (State.READER, TooSlow.READER)])
def test_what_moves_may_take_as_long_as_it_likes_and_what_stands_may_not(state, why):
    assert looks(*every(state, 5, 501, until=36_000)) is None, "ten hours on a slow line"
    assert looks(*every(state, 5, 499, until=60)) is why
    assert looks(*every(state, 5, 0, until=60)) is why
    burst = [*every(state, 5, 10_000, until=300), *((state, 300.0 + now, 3_000_000) for now in range(5, 60, 5))]
    assert looks(*burst) is why, "what came earlier is no credit"


def test_work_of_ours_counts_against_nobody():
    assert looks(*every(State.ELSE, 5, 0, until=3600)) is None
    turns = [((State.BODY, State.ELSE)[turn % 2], turn * 20.0, 0) for turn in range(200)]
    assert looks(*turns) is None, "it waited for us in between"


def test_an_address_has_so_many_requests_that_are_not_whole_and_the_oldest_stay():
    assert beyond(["a"] * 3 + ["b"] * 3, 3) == []
    assert beyond(["a", "b", "a", "a", "a", "b", "a"], 3) == [4, 6]


def test_every_reason_says_its_limit():
    assert "within 10 s" in TooSlow.HEAD.sentence(LIMITS)
    assert "than 500 bytes a second" in TooSlow.BODY.sentence(LIMITS)
    assert "More than 3 requests" in TooSlow.UNFINISHED.sentence(LIMITS)
