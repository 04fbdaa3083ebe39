"""Samples: how they are made of readings, summed up, and shown. Pure.

An **interval** is a time of 10, 60 or 900 seconds that begins at a multiple of its length (seconds since 1970). What is
missing stays missing: an interval without a reading has no row, and never a row of zeros.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from fairway.shared.names import Invalid

FINE, MIDDLE, COARSE = 10, 60, 900
RESOLUTIONS = (FINE, MIDDLE, COARSE)
KEPT = {FINE: 2 * 3600, MIDDLE: 2 * 86400, COARSE: 90 * 86400}  # seconds for which the rows of each resolution are kept
MADE_OF = {MIDDLE: FINE, COARSE: MIDDLE}
LONGEST_GAP = 1.8 * FINE  # seconds between two readings that still tell what was used in one interval

# The upper bounds of the buckets of a histogram of durations, in seconds: each a quarter longer than the one before.
BUCKETS = 61
BOUNDS = tuple(0.001 * 1.25**index for index in range(BUCKETS))

# How far apart the points of a chart may be, with the resolution of the rows that they are made of. Each step is a multiple
# of its resolution, and no row is needed that is deleted already.
STEPS = (
    (10, FINE), (60, MIDDLE), (120, MIDDLE), (240, MIDDLE), (480, MIDDLE), (900, COARSE), (1800, COARSE), (3600, COARSE),
    (7200, COARSE), (14400, COARSE), (28800, COARSE),
)  # fmt: skip
MOST_POINTS = 360

PERIOD = re.compile(r"([1-9]\d{0,5})\s*([mhd])", re.ASCII)
UNITS = {"m": 60, "h": 3600, "d": 86400}
LONGEST = KEPT[COARSE]


def start_of(at: float, length: int) -> int:
    """The start of the interval of this length that contains an instant."""
    return math.floor(at / length) * length


def step_of(period: float) -> tuple[int, int]:
    """The distance of the points for a period that ends now, and the resolution of the rows to read, both in seconds."""
    for step, resolution in STEPS:
        if period / step <= MOST_POINTS and period <= KEPT[resolution]:
            return step, resolution
    return STEPS[-1]


def parse_period(text: str, *, field: str = "since") -> int:
    """How far back somebody wants to look, e.g. ``1h``, in seconds. Raises `Invalid`."""
    found = PERIOD.fullmatch(text.strip().lower())
    seconds = int(found[1]) * UNITS[found[2]] if found else 0
    if not MIDDLE <= seconds <= LONGEST:
        raise Invalid(field, "must be a time from 1m to 90d, like 90m, 24h or 7d.")
    return seconds


# -- from readings to samples


@dataclass(frozen=True)
class Reading:
    """What one instance had used when it was read. `began` is another text after each start of it; `at` is read from a
    clock that nobody can set."""

    at: float
    began: str
    cpu_seconds: float
    memory_bytes: int
    limit_bytes: int | None = None
    restarts: int = 0
    cpu_limit: float | None = None


def used_between(before: Reading | None, now: Reading) -> float | None:
    """The CPU seconds that an instance used between two readings, None if that is unknown: at the first reading, and when
    the one before is too old for one interval.

    An instance that began in between began at 0. If processes of it ended unnoticed, the sum falls; then nothing is counted.
    """
    if before is None or now.at - before.at > LONGEST_GAP:
        return None
    if before.began != now.began:
        return now.cpu_seconds
    return max(0.0, now.cpu_seconds - before.cpu_seconds)


def restarted_between(before: Reading | None, now: Reading) -> int:
    """How often an instance was restarted between two readings."""
    return max(0, now.restarts - before.restarts) if before else 0


@dataclass(frozen=True)
class Used:
    """What the instances of one service used in one interval.

    `seconds` says how much time the readings cover, so that `cpu_seconds / seconds` is the rate. `memory_bytes` is the mean
    of their sum, `memory_peak_bytes` the highest sum; `limit_bytes` is the sum of their limits, None if one of them has
    none. `cpu_limit` is the sum of the CPUs that they may use, None if nobody knew them.
    """

    seconds: int
    instances: int
    cpu_seconds: float
    memory_bytes: int
    memory_peak_bytes: int
    limit_bytes: int | None
    restarts: int
    cpu_limit: float | None = None


def sample_of(pairs: Iterable[tuple[Reading | None, Reading]]) -> Used | None:
    """The sample of a service from its instances' readings, each with the one before. None if nothing was used for sure: an
    instance that was read for the first time counts with its memory as soon as another one, or its next reading, has a time
    to stand for."""
    every = [(before, now, used_between(before, now)) for before, now in pairs]
    if all(used is None for _, _, used in every):
        return None
    spans = [now.at - before.at for before, now, used in every if before and used is not None]
    memory = sum(now.memory_bytes for _, now, _ in every)
    limits = [now.limit_bytes for _, now, _ in every]
    cpus = [now.cpu_limit for _, now, _ in every if now.cpu_limit is not None]
    return Used(
        seconds=max(1, round(sum(spans) / len(spans))),
        instances=len(every),
        cpu_seconds=sum(used or 0.0 for _, _, used in every),
        memory_bytes=memory,
        memory_peak_bytes=memory,
        limit_bytes=None if None in limits else sum(limit or 0 for limit in limits),
        restarts=sum(restarted_between(before, now) for before, now, _ in every),
        cpu_limit=sum(cpus) if cpus else None,
    )


# -- from samples to roll-ups


def rolled_up(samples: Sequence[Used]) -> Used:
    """The sample of a longer interval, from those of the shorter ones in it, at least one."""
    seconds = sum(one.seconds for one in samples)
    limits = [one.limit_bytes for one in samples if one.limit_bytes is not None]
    cpus = [one.cpu_limit for one in samples if one.cpu_limit is not None]
    return Used(
        seconds=seconds,
        instances=max(one.instances for one in samples),
        cpu_seconds=sum(one.cpu_seconds for one in samples),
        memory_bytes=round(sum(one.memory_bytes * one.seconds for one in samples) / seconds),
        memory_peak_bytes=max(one.memory_peak_bytes for one in samples),
        limit_bytes=limits[-1] if limits else None,
        restarts=sum(one.restarts for one in samples),
        cpu_limit=cpus[-1] if cpus else None,
    )


Histogram = Mapping[int, int]  # how many durations there were, by the index of their bucket


@dataclass(frozen=True)
class Served:
    """What the proxy answered for one application in one interval, by the first digit of the status. `durations` are the
    seconds until answers began, of those that an instance gave; there may be fewer of them than requests."""

    requests: int = 0
    informational: int = 0
    successes: int = 0
    redirects: int = 0
    client_errors: int = 0
    server_errors: int = 0
    bytes_sent: int = 0
    durations: Histogram | None = None


COUNTS = ("requests", "informational", "successes", "redirects", "client_errors", "server_errors", "bytes_sent")


def served_together(parts: Iterable[Served]) -> Served:
    """The sum of several intervals, or of several deployments in one."""
    every = list(parts)
    sums = {name: sum(getattr(one, name) for one in every) for name in COUNTS}
    return Served(**sums, durations=merged(one.durations or {} for one in every))


def bucket_of(seconds: float) -> int:
    """The index of the bucket that a duration falls into: the first whose bound is not below it. The last bucket also takes
    what is longer than its bound."""
    return min(bisect_left(BOUNDS, seconds), BUCKETS - 1)


def merged(histograms: Iterable[Histogram]) -> dict[int, int]:
    """The sum of several histograms, in the order of the buckets."""
    total: dict[int, int] = {}
    for histogram in histograms:
        for index, count in histogram.items():
            total[index] = total.get(index, 0) + count
    return dict(sorted(total.items()))


def percentile(histogram: Histogram, share: float) -> float | None:
    """The duration that `share` (0 to 1) of all durations did not exceed, in seconds. None without durations.

    Within a bucket, durations are taken to be spread evenly over its logarithm, so the answer is at most a quarter off.
    """
    total = sum(histogram.values())
    if not total:
        return None
    wanted, seen = share * total, 0
    for index, count in sorted(histogram.items()):
        if count and seen + count >= wanted:
            part = max(0.0, wanted - seen) / count
            return float(BOUNDS[index] * 1.25 ** (part - 1))
        seen += count
    return BOUNDS[max(index for index, count in histogram.items() if count)]


def error_rate(served: Served) -> float | None:
    """The share of requests that were answered with a server's error; None without requests."""
    return served.server_errors / served.requests if served.requests else None
