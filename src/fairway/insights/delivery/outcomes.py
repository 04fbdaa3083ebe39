"""How deployments ended, how long they took, what they waited for, and what fails most. Pure."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from math import ceil
from statistics import median
from typing import NamedTuple

from fairway.deployments.rules import Status
from fairway.insights.delivery.dora import Row
from fairway.insights.delivery.periods import Period


class Outcome(StrEnum):
    """How a deployment ended, and whether it lasted."""

    GOOD = "good"  # it succeeded, and nothing had to be put right
    FAILED_LATER = "failed_later"  # it went live and failed then
    FAILED = "failed"  # before it went live
    ERRORED = "errored"
    CANCELLED = "cancelled"


OF_STATUS = {
    Status.SUCCEEDED.value: Outcome.GOOD,
    Status.FAILED.value: Outcome.FAILED,
    Status.ERRORED.value: Outcome.ERRORED,
    Status.CANCELLED.value: Outcome.CANCELLED,
    Outcome.FAILED_LATER.value: Outcome.FAILED_LATER,
}


@dataclass(frozen=True)
class Outcomes:
    """The numbers of the deployments by how they ended."""

    by_outcome: dict[Outcome, tuple[int, ...]] = field(default_factory=dict)

    def count(self, outcome: Outcome) -> int:
        return len(self.by_outcome.get(outcome, ()))

    @property
    def counts(self) -> dict[str, int]:
        return {outcome.value: self.count(outcome) for outcome in Outcome}

    @property
    def total(self) -> int:
        return sum(map(len, self.by_outcome.values()))

    @property
    def success_rate(self) -> float | None:
        """The share of those that went well; cancelled ones do not count. None if nothing ended otherwise."""
        decided = self.total - self.count(Outcome.CANCELLED)
        return self.count(Outcome.GOOD) / decided if decided else None


def outcomes(rows: Iterable[Row], failed: Container[int]) -> Outcomes:
    """How these deployments ended; `failed` has the numbers of those that failed after going live."""
    found: dict[str, list[int]] = {}  # by plain text: there may be many rows, and hashing an enumeration takes its time
    for row in rows:
        found.setdefault("failed_later" if row.number in failed else row.status, []).append(row.number)
    there = {OF_STATUS[status]: tuple(numbers) for status, numbers in found.items()}
    return Outcomes({outcome: there[outcome] for outcome in Outcome if outcome in there})


@dataclass(frozen=True)
class Part:
    """A day or a week of a chart: how its deployments ended, and the lead times of those that ended in it."""

    period: Period
    outcomes: Outcomes
    lead_seconds: tuple[float, ...]

    @property
    def lead_time(self) -> float | None:
        """The median, in seconds."""
        return median(self.lead_seconds) if self.lead_seconds else None


def by_part(period: Period, rows: Sequence[Row], failed: Container[int], lead_seconds: Mapping[int, float]) -> list[Part]:
    """The parts of a period, in order. Every deployment of the period is in exactly one of them."""
    parts = period.parts()
    at = {day: index for index, part in enumerate(parts) for day in part.dates()}
    there: list[list[Row]] = [[] for _ in parts]
    for row in rows:
        there[at[period.day_of(row.finished_at)]].append(row)
    return [
        Part(part, outcomes(here, failed), tuple(lead_seconds[row.number] for row in here if row.number in lead_seconds))
        for part, here in zip(parts, there, strict=True)
    ]


# -- durations


@dataclass(frozen=True)
class Spread:
    """Several durations in seconds: how many, their median, and what 95 % of them did not exceed."""

    count: int
    median: float
    p95: float


def spread(seconds: Iterable[float]) -> Spread | None:
    """None without durations. The 95th percentile is the nearest rank: a duration that really occurred."""
    ordered = sorted(seconds)
    if not ordered:
        return None
    return Spread(len(ordered), median(ordered), ordered[ceil(0.95 * len(ordered)) - 1])


class Wait(NamedTuple):
    """A time for which a deployment waited for approvals, or for the gate: a freeze or a lock."""

    number: int
    is_approval: bool
    begins: datetime
    ends: datetime


@dataclass(frozen=True)
class Times:
    """How long deployments waited, and how long they worked. `queue` is the time until a worker took them; `work` is the
    time from there to the end, without the waiting."""

    queue: Spread | None
    approval: Spread | None
    gate: Spread | None
    work: Spread | None


def times(rows: Sequence[Row], waits: Iterable[Wait]) -> Times:
    waited: dict[tuple[int, bool], float] = {}
    for wait in waits:
        key = (wait.number, wait.is_approval)
        waited[key] = waited.get(key, 0.0) + max(0.0, (wait.ends - wait.begins).total_seconds())
    started = [(row, row.started_at) for row in rows if row.started_at is not None]
    numbers = {row.number for row in rows}
    return Times(
        queue=spread(max(0.0, (at - row.created_at).total_seconds()) for row, at in started),
        approval=spread(seconds for (number, is_approval), seconds in waited.items() if is_approval and number in numbers),
        gate=spread(seconds for (number, is_approval), seconds in waited.items() if not is_approval and number in numbers),
        work=spread(
            max(
                0.0,
                (row.finished_at - at).total_seconds()
                - waited.get((row.number, True), 0.0)
                - waited.get((row.number, False), 0.0),
            )
            for row, at in started
            if row.status == Status.SUCCEEDED
        ),
    )


# -- what fails most

QUOTED = re.compile(r"“[^”]*”|\"[^\"]*\"")
ADDRESS = re.compile(r"\b[a-z]+://\S+|\b[0-9a-f]{7,64}\b|#?\d[\d.,:]*")
VARYING = "…"


def cause_key(sentence: str) -> str:
    """A sentence without what varies between failures of the same cause: quoted names, numbers, addresses, commits."""
    return ADDRESS.sub(VARYING, QUOTED.sub(VARYING, sentence)).strip()


class Failed(NamedTuple):
    """A deployment that failed or errored: at which step ("" before the first), and why."""

    number: int
    step: str
    sentence: str


@dataclass(frozen=True)
class Trouble:
    """Failures at the same step with the same cause. `sentence` is that of the newest."""

    step: str
    sentence: str
    numbers: tuple[int, ...]


def troubles(failed: Iterable[Failed], most: int) -> list[Trouble]:
    """The most frequent ones first; those that are equally frequent by their newest deployment."""
    found: dict[tuple[str, str], list[Failed]] = {}
    for one in sorted(failed, reverse=True):
        found.setdefault((one.step, cause_key(one.sentence)), []).append(one)
    groups = [Trouble(step, ones[0].sentence, tuple(one.number for one in ones)) for (step, _), ones in found.items()]
    return sorted(groups, key=lambda one: (-len(one.numbers), -one.numbers[0]))[:most]
