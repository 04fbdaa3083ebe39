"""Requests become sums of ten seconds, each counted once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fairway.drivers.proxy.traffic import Request
from fairway.monitoring.counting import Counter
from fairway.monitoring.rules import bucket_of

LABELS = {("a.test", "127.0.0.1:1"): "d1", ("a.test", "127.0.0.1:2"): "d2", ("b.test", "127.0.0.1:1"): "d9"}


def request(at: float, status: int = 200, *, host: str = "a.test", upstream: str = "127.0.0.1:1", **other: float) -> Request:
    return Request(at=at, host=host, upstream=upstream, status=status, seconds=other.get("seconds", 0.1), sent=10)


def test_requests_are_summed_by_who_answered_and_when() -> None:
    counter = Counter(since=0)
    counter.add(
        [
            request(100.0),
            request(109.9, 301),
            request(101.0, 101),
            request(101.0, 404),
            request(101.0, 503, upstream="127.0.0.1:2", seconds=2.0),
            request(101.0, 200, upstream="127.0.0.1:3"),
            request(101.0, 200, host="b.test"),
            request(110.0),
        ],
        LABELS,
    )
    taken = counter.take(110)
    assert list(taken) == [100]
    one = taken[100]["a.test", "d1"]
    assert (one.requests, one.successes, one.redirects, one.informational, one.client_errors) == (4, 1, 1, 1, 1)
    assert one.bytes_sent == 40
    assert one.durations == {bucket_of(0.1): 4}
    other = taken[100]["a.test", "d2"]
    assert (other.requests, other.server_errors, other.durations) == (1, 1, {bucket_of(2.0): 1})
    assert set(taken[100]) == {("a.test", "d1"), ("a.test", "d2"), ("a.test", ""), ("b.test", "d9")}
    assert list(counter.take(120)) == [110]


def test_an_answer_without_a_replica_has_no_duration() -> None:
    counter = Counter(since=0)
    counter.add([Request(at=5, host="a.test", upstream="", status=503, seconds=None, sent=1)], {})
    assert counter.take(10)[0]["a.test", ""].durations == {}


def test_what_is_stored_already_is_not_counted_again() -> None:
    counter = Counter(since=100)
    counter.add([request(99.9), request(100.0)], LABELS)
    assert {at: sums["a.test", "d1"].requests for at, sums in counter.take(110).items()} == {100: 1}
    counter.add([request(109.9), request(110.1)], LABELS)  # the first comes too late
    assert {at: sums["a.test", "d1"].requests for at, sums in counter.take(200).items()} == {110: 1}


@given(
    st.lists(
        st.tuples(st.floats(0, 300), st.sampled_from([101, 200, 302, 404, 500, 0, 999]), st.sampled_from(list(LABELS)))
    ),
    st.lists(st.integers(0, 300)),
)
def test_every_request_is_in_one_sum(came: list[tuple[float, int, tuple[str, str]]], looks: list[int]) -> None:
    """However often somebody takes what has passed."""
    counter, taken = Counter(since=0), 0
    counter.add([request(at, status, host=host, upstream=upstream) for at, status, (host, upstream) in came], LABELS)
    for before in [*sorted(look // 10 * 10 for look in looks), 310]:
        for sums in counter.take(before).values():
            taken += sum(one.requests for one in sums.values())
            for one in sums.values():
                classes = one.informational + one.successes + one.redirects + one.client_errors + one.server_errors
                assert classes == one.requests == sum((one.durations or {}).values())
    assert taken == sum(100 <= status < 600 for _, status, _ in came)
