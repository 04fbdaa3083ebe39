"""Whether a version is called worse than the one before, and how often wrongly."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.monitoring.judging import FEWEST, Judgement, Verdict, chance_of, conduct_of, judge
from fairway.monitoring.rules import Served, bucket_of


def served(requests: int, failed: int = 0, seconds: tuple[float, ...] = (0.1,)) -> Served:
    """So many requests, of which some failed; their durations are these, again and again."""
    durations: dict[int, int] = {}
    for number, lasting in enumerate(seconds[:requests]):
        index = bucket_of(lasting)
        durations[index] = durations.get(index, 0) + len(range(number, requests, len(seconds)))
    return Served(requests=requests, successes=requests - failed, server_errors=failed, durations=durations)


def verdict(before: Served, after: Served) -> Verdict:
    return judge(before, after).verdict


@pytest.mark.parametrize(("before", "after"), [(0, 1000), (1000, 0), (FEWEST - 1, 1000), (1000, FEWEST - 1)])
def test_too_few_requests_are_no_verdict(before: int, after: int) -> None:
    assert verdict(served(before), served(after, failed=after)) is Verdict.TOO_FEW


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (served(1000), served(1000), Verdict.NO_WORSE),
        (served(1000), served(1000, failed=30), Verdict.MORE_ERRORS),
        (served(1000, failed=30), served(1000, failed=33), Verdict.NO_WORSE),
        (served(1000, failed=30), served(1000), Verdict.NO_WORSE),
        (served(1000), served(60, failed=6), Verdict.MORE_ERRORS),
        (served(1000), served(60, failed=1), Verdict.NO_WORSE),
        (served(1_000_000), served(1_000_000, failed=1000), Verdict.NO_WORSE),  # one of a thousand: sure, and too small
        (served(1000), served(1000, seconds=(0.2,)), Verdict.SLOWER),
        (served(1000, seconds=(0.2,)), served(1000), Verdict.NO_WORSE),
        (served(1000, seconds=(0.002,)), served(1000, seconds=(0.01,)), Verdict.NO_WORSE),  # five times, and nobody notices
        (served(1000, seconds=(0.1,) * 9 + (3.0,)), served(1000, seconds=(0.1,) * 9 + (3.0,)), Verdict.NO_WORSE),
        (served(1000, seconds=(0.1,) * 30), served(1000, seconds=(0.1,) * 9 + (3.0,)), Verdict.SLOWER),
        (served(1000), served(60, seconds=(0.1,) * 59 + (3.0,)), Verdict.NO_WORSE),
        (served(1000), served(1000, failed=1000, seconds=(9.0,)), Verdict.MORE_ERRORS),
    ],
)
def test_only_a_difference_that_is_sure_and_large_is_worse(before: Served, after: Served, expected: Verdict) -> None:
    assert verdict(before, after) is expected


def test_a_verdict_has_its_numbers() -> None:
    judged = judge(served(2000, failed=2), served(1000, failed=23, seconds=(0.138,)))
    assert (judged.before.requests, judged.before.failed, judged.before.failed_share) == (2000, 2, 0.001)
    assert (judged.after.requests, judged.after.failed, judged.after.failed_share) == (1000, 23, 0.023)
    assert judged.is_worse
    assert judged.slower_by == pytest.approx(0.38, abs=0.25)


def test_without_answers_nothing_is_known_of_their_time() -> None:
    nothing = conduct_of(Served())
    assert (nothing.requests, nothing.failed_share, nothing.median, nothing.p95) == (0, 0.0, None, None)
    assert Judgement(Verdict.TOO_FEW, nothing, conduct_of(served(10))).slower_by is None
    unreachable = Served(requests=100, server_errors=100, durations={})
    assert verdict(served(100), unreachable) is Verdict.MORE_ERRORS
    assert verdict(unreachable, served(100)) is Verdict.NO_WORSE


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_the_chance_is_that_of_the_exact_test(bad_before: int, good_before: int, bad_after: int, good_after: int) -> None:
    all_before, all_after = bad_before + good_before, bad_after + good_after
    bad, everything = bad_before + bad_after, all_before + all_after
    exact = sum(
        Fraction(comb(bad, count) * comb(everything - bad, all_after - count), comb(everything, all_after))
        for count in range(bad_after, min(bad, all_after) + 1)
    )
    assert chance_of(bad_before, all_before, bad_after, all_after) == pytest.approx(float(exact), rel=1e-9)


def test_millions_of_requests_are_compared_at_once() -> None:
    assert chance_of(10_000, 10_000_000, 10_100, 10_000_000) == pytest.approx(0.24, abs=0.01)
    assert chance_of(0, 10_000_000, 10_000_000, 10_000_000) == pytest.approx(0, abs=1e-300)


def of(random_numbers: random.Random, requests: int, share: float) -> int:
    """How many of so many requests fail by chance: the distance from one to the next is geometric."""
    failed, at = 0, 0
    while share and (at := at + 1 + int(math.log(random_numbers.random()) / math.log(1 - share))) <= requests:
        failed += 1
    return failed


def answered(requests: int, failed: int) -> Served:
    return Served(requests=requests, successes=requests - failed, server_errors=failed, durations={20: requests})


def looks(random_numbers: random.Random, *, bad: float) -> list[Verdict]:
    """The verdicts about one version that is looked at every ten seconds for five minutes, with 25 requests a second, of
    which some fail by chance: of the version before 1 %."""
    before = answered(6000, of(random_numbers, 6000, 0.01))
    requests, failed, verdicts = 0, 0, []
    for _ in range(30):
        requests += 250
        failed += of(random_numbers, 250, bad)
        verdicts.append(verdict(before, answered(requests, failed)))
    return verdicts


def test_a_version_like_the_one_before_is_hardly_ever_called_worse() -> None:
    random_numbers = random.Random(20261130)
    wrong = sum(Verdict.MORE_ERRORS in looks(random_numbers, bad=0.01) for _ in range(100))
    assert wrong <= 1


def test_a_version_with_three_times_the_errors_is_found_within_a_minute_or_two() -> None:
    random_numbers = random.Random(20261130)
    for _ in range(20):
        assert looks(random_numbers, bad=0.03).index(Verdict.MORE_ERRORS) < 12


def canary(random_numbers: random.Random, *, bad: float, usual: float) -> int:
    """The largest share (eighths) that a canary got under 200 requests/s for a minute each, looked at every ten seconds,
    before it was called worse; 8 if it never was."""
    before, failed_before = 12_000, of(random_numbers, 12_000, usual)
    requests = failed = 0
    for eighths in (1, 2, 4):
        for _ in range(6):
            new, old = 250 * eighths, 250 * (8 - eighths)
            requests, failed = requests + new, failed + of(random_numbers, new, bad)
            before, failed_before = before + old, failed_before + of(random_numbers, old, usual)
            if verdict(answered(before, failed_before), answered(requests, failed)) is Verdict.MORE_ERRORS:
                return eighths
    return 8


@pytest.mark.parametrize("usual", [0.0, 0.005])
def test_a_canary_with_three_percent_of_errors_never_gets_more_than_a_quarter(usual: float) -> None:
    random_numbers = random.Random(20261130)
    assert max(canary(random_numbers, bad=0.03, usual=usual) for _ in range(100)) <= 2


def test_a_canary_like_the_version_before_is_hardly_ever_called_off() -> None:
    random_numbers = random.Random(20261130)
    called_off = sum(canary(random_numbers, bad=0.01, usual=0.01) < 8 for _ in range(500))
    assert called_off <= 5, "1 %; 4 of 2,000 were, measured once"
