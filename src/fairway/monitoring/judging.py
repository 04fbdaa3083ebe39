"""Whether a new version answers worse than the one before: more often with an error, or more slowly. Pure.

Two shares are compared with Fisher's exact test: of all requests, those that failed; and of all answers, those that took
longer than 95 % of the answers of the version before. The test says how likely a difference like the one seen is if both
versions are alike. If that is less likely than `CHANCE`, and the difference is large enough for a person to care about, it
counts. Only counts are compared, so the two versions may have had very different numbers of requests.

A version is judged again and again while it is watched, so `CHANCE` is small: with 30 looks, fewer than 3 of 1,000 versions
that are like the one before are called worse.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fairway.monitoring.rules import BOUNDS, Histogram, Served, percentile

FEWEST = 50  # requests of each version, below which there is no verdict
CHANCE = 0.0001  # of seeing such a difference between two versions that are alike
MORE_ERRORS_BY = 0.005  # difference of the shares of failed requests that counts: half a percentage point
SLOWER_BY = 1.25  # ratio of the 95th percentiles that counts; histograms cannot tell smaller ones
SLOWER_BY_SECONDS = 0.02  # and what it must be at least: nobody notices less
SLOW_SHARE = 0.95


class Verdict(StrEnum):
    NO_WORSE = "no_worse"
    SLOWER = "slower"
    MORE_ERRORS = "more_errors"
    TOO_FEW = "too_few"  # to say anything; also when there was no version before


WORSE = frozenset({Verdict.SLOWER, Verdict.MORE_ERRORS})


@dataclass(frozen=True)
class Conduct:
    """How one version answered: of `requests`, how many failed (the status was 500 or higher, or no replica answered), and
    its median and 95th percentile in seconds, None if no answer was measured."""

    requests: int = 0
    failed: int = 0
    median: float | None = None
    p95: float | None = None

    @property
    def failed_share(self) -> float:
        """From 0 to 1."""
        return self.failed / self.requests if self.requests else 0.0


@dataclass(frozen=True)
class Judgement:
    verdict: Verdict
    before: Conduct
    after: Conduct

    @property
    def is_worse(self) -> bool:
        return self.verdict in WORSE

    @property
    def slower_by(self) -> float | None:
        """How much longer the 95th percentile is: 0.38 for 38 %, negative if it is shorter; None if that is unknown."""
        if not self.before.p95 or self.after.p95 is None:
            return None
        return self.after.p95 / self.before.p95 - 1


def judge(before: Served, after: Served) -> Judgement:
    """Compare what a version answered with what the version before it had answered."""
    first, second = conduct_of(before), conduct_of(after)
    if first.requests < FEWEST or second.requests < FEWEST:
        verdict = Verdict.TOO_FEW
    elif _fails_more(first, second):
        verdict = Verdict.MORE_ERRORS
    elif _is_slower(before.durations or {}, after.durations or {}):
        verdict = Verdict.SLOWER
    else:
        verdict = Verdict.NO_WORSE
    return Judgement(verdict, first, second)


def sentence_of(judgement: Judgement) -> str:
    """What is worse, with the numbers; "" if nothing is. In English, as it is stored with events."""
    before, after = judgement.before, judgement.after
    if judgement.verdict is Verdict.MORE_ERRORS:
        return (
            f"{after.failed_share:.1%} of {after.requests} requests failed; "
            f"of the version before, {before.failed_share:.1%} of {before.requests}."
        )
    if judgement.verdict is Verdict.SLOWER:
        return (
            f"The slowest 5% of {after.requests} answers took {_milliseconds(after.p95)} or more; "
            f"of the version before, {_milliseconds(before.p95)}."
        )
    return ""


def _milliseconds(seconds: float | None) -> str:
    return f"{1000 * (seconds or 0):.0f} ms"


def facts_of(judgement: Judgement) -> dict[str, Any]:
    """The judgement as JSON, as it is stored and shown. Times are in milliseconds."""
    return {
        "verdict": judgement.verdict.value,
        "sentence": sentence_of(judgement),
        "before": _facts(judgement.before),
        "after": _facts(judgement.after),
        "slower_by": None if judgement.slower_by is None else round(judgement.slower_by, 3),
    }


def _facts(conduct: Conduct) -> dict[str, Any]:
    times = {"median_ms": conduct.median, "p95_ms": conduct.p95}
    return {
        "requests": conduct.requests,
        "failed": conduct.failed,
        **{name: None if seconds is None else round(1000 * seconds, 1) for name, seconds in times.items()},
    }


def conduct_of(served: Served) -> Conduct:
    durations = served.durations or {}
    return Conduct(
        requests=served.requests,
        failed=served.server_errors,
        median=percentile(durations, 0.5),
        p95=percentile(durations, SLOW_SHARE),
    )


def _fails_more(before: Conduct, after: Conduct) -> bool:
    if after.failed_share - before.failed_share < MORE_ERRORS_BY:
        return False
    return chance_of(before.failed, before.requests, after.failed, after.requests) < CHANCE


def _is_slower(before: Histogram, after: Histogram) -> bool:
    was, now = percentile(before, SLOW_SHARE), percentile(after, SLOW_SHARE)
    totals = sum(before.values()), sum(after.values())
    if was is None or now is None or min(totals) < FEWEST:
        return False
    if now < SLOWER_BY * was or now - was < SLOWER_BY_SECONDS:
        return False
    # The bound of the bucket that has the percentile, because a histogram cannot be cut anywhere else.
    last = next(index for index, bound in enumerate(BOUNDS) if bound >= was or index == len(BOUNDS) - 1)
    slow = [sum(count for index, count in histogram.items() if index > last) for histogram in (before, after)]
    return chance_of(slow[0], totals[0], slow[1], totals[1]) < CHANCE


def chance_of(bad_before: int, all_before: int, bad_after: int, all_after: int) -> float:
    """How likely it is that at least `bad_after` of the bad ones fall among the `all_after`, if they fall by chance
    (one-sided Fisher's exact test; https://en.wikipedia.org/wiki/Fisher%27s_exact_test)."""
    bad, everything = bad_before + bad_after, all_before + all_after
    most = min(bad, all_after)
    term = math.exp(_ways(bad, bad_after) + _ways(everything - bad, all_after - bad_after) - _ways(everything, all_after))
    total = 0.0
    for count in range(bad_after, most + 1):
        total += term
        if term < total * 1e-12:
            break
        term *= (bad - count) * (all_after - count) / ((count + 1) * (everything - bad - all_after + count + 1))
    return min(1.0, total)


def _ways(of: int, chosen: int) -> float:
    """The logarithm of how many ways there are to choose so many."""
    return math.lgamma(of + 1) - math.lgamma(chosen + 1) - math.lgamma(of - chosen + 1)
