"""Whatever the history: what runs, what a rollback needs and what is pinned is never collected; logs go oldest first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from fairway.worker.rules import GOOD_KEPT, KeptLog, PlacementFacts, TriedDeployment, digests_kept, kept_of, logs_to_collect

NOW = datetime(2026, 11, 20, tzinfo=UTC)
DIGESTS = st.sampled_from([f"sha256:{letter}" for letter in "abcdefghijkl"])


@st.composite
def places(draw: st.DrawFn) -> PlacementFacts:
    """Any history, newest first, with a current and a previous good that are part of it, or none."""
    outcomes = draw(st.lists(st.tuples(st.one_of(st.just(""), DIGESTS), st.booleans()), max_size=30))
    tried = tuple(TriedDeployment(len(outcomes) - place, digest, good) for place, (digest, good) in enumerate(outcomes))
    numbers = st.sampled_from([one.number for one in tried]) if tried else st.none()
    return PlacementFacts(draw(st.none() | numbers), draw(st.none() | numbers), tried)


def _good(place: PlacementFacts) -> list[str]:
    return list(dict.fromkeys(one.digest for one in place.tried if one.is_good and one.digest))


@given(st.lists(places(), max_size=4), st.sets(DIGESTS), st.sets(DIGESTS), st.sets(DIGESTS))
def test_nothing_that_could_be_needed_is_collected(history, on_their_way, pinned, fresh):
    kept = digests_kept(history, on_their_way=on_their_way, pinned=pinned, fresh=fresh)
    assert on_their_way | pinned | fresh <= kept
    for place in history:
        by_number = {one.number: one.digest for one in place.tried}
        serving = {by_number[number] for number in (place.current, place.previous_good) if number is not None} - {""}
        assert serving <= kept
        assert set(_good(place)[:GOOD_KEPT]) <= kept


@given(places())
def test_and_no_more_than_that_is_kept(place):
    by_number = {one.number: one.digest for one in place.tried}
    serving = {by_number.get(number, "") for number in (place.current, place.previous_good) if number is not None}
    assert kept_of(place) == (serving | set(_good(place)[:GOOD_KEPT])) - {""}


@given(places(), st.integers(1, 20))
def test_a_longer_history_never_costs_a_good_version(place, count):
    """Failed attempts on top of it change nothing."""
    newest = max((one.number for one in place.tried), default=0)
    failed = tuple(TriedDeployment(newest + number, f"sha256:bad{number}", is_good=False) for number in range(count, 0, -1))
    assert kept_of(PlacementFacts(place.current, place.previous_good, (*failed, *place.tried))) == kept_of(place)


LOGS = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 1000)), max_size=40)


@given(LOGS, st.integers(1, 100), st.integers(0, 5000), st.sets(st.integers(0, 40)))
def test_logs_go_oldest_first_until_they_are_young_and_few_enough(rows, days, most, spared):
    rows = sorted(rows, reverse=True)
    logs = [KeptLog(number, NOW - timedelta(days=age), size) for number, (age, size) in enumerate(rows)]
    total, longest = sum(one.size for one in logs), timedelta(days=days)
    going = list(logs_to_collect(logs, now=NOW, longest=longest, most_bytes=most, total=total, spared=spared))
    staying = [one for one in logs if one.number not in going]
    assert not set(going) & spared
    free = [one for one in staying if one.number not in spared]
    assert all(NOW - one.ended_at <= longest for one in free)
    assert sum(one.size for one in staying) <= most or not free
    assert going == sorted(going)
    if going:  # and not one more than it takes
        last = logs[going[-1]]
        assert NOW - last.ended_at > longest or sum(one.size for one in staying) + last.size > most
