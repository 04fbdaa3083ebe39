"""The figures that DORA defines (https://dora.dev/guides/dora-metrics-four-keys/), from what deployments left behind. Pure.

Each figure keeps the deployments that it was made of. A deployment belongs to the day on which it ended. Restarts bring
nothing, so they never count. A deployment *failed* if somebody or something had to put it right after it went live, see
`failures_in`. What happens later than `REMEDY` after it went live says nothing about it any more: so a figure needs the rows
of its period, and those that ended up to `BEFORE` before and `AFTER` after it; more of them change nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median
from typing import NamedTuple

from fairway.deployments.rules import BRINGS_SOMETHING_NEW, Kind, Status
from fairway.insights.delivery.periods import Period

REMEDY = timedelta(days=7)  # after going live, within which a rollback or the next version is a remedy for it
BEFORE = REMEDY + timedelta(days=1)  # a failure that makes what follows it rework
AFTER = 2 * REMEDY + timedelta(days=1)  # a remedy, and whether that was good itself
ROLLBACKS = frozenset({Kind.ROLLBACK, Kind.AUTOMATIC_ROLLBACK})

Place = tuple[str, str]  # application, environment


class Row(NamedTuple):
    """One deployment that has ended. `committed_at` is None if its version has no commit, or was live there before;
    `is_first` says which. `is_judged_worse` and `is_held` are what Fairway found while it watched the new version."""

    number: int
    application: str
    environment: str
    kind: str
    status: str
    created_at: datetime
    started_at: datetime | None
    switched_at: datetime | None
    finished_at: datetime
    replaces: int | None = None
    committed_at: datetime | None = None
    is_first: bool = True
    is_judged_worse: bool = False
    is_held: bool = False

    @property
    def place(self) -> Place:
        return self.application, self.environment

    @property
    def is_new(self) -> bool:
        """Whether it brought a new version, and that went live."""
        return self.switched_at is not None and self.kind in BRINGS_SOMETHING_NEW

    @property
    def is_rollback(self) -> bool:
        return self.kind in ROLLBACKS

    @property
    def went_live(self) -> bool:
        """Whether it changed what visitors saw."""
        return self.switched_at is not None and self.kind != Kind.RESTART


class Cause(StrEnum):
    """How a deployment failed after it went live."""

    TAKEN_BACK = "taken_back"  # its own clean-up gave the traffic back
    ROLLED_BACK = "rolled_back"  # by a person
    ROLLED_BACK_BY_FAIRWAY = "rolled_back_by_fairway"
    JUDGED_WORSE = "judged_worse"
    HELD = "held"


@dataclass(frozen=True)
class Failure:
    """A deployment that failed after it went live, and when a good version was live again; None if that was not within
    `REMEDY`."""

    row: Row
    cause: Cause
    recovered_at: datetime | None

    @property
    def seconds(self) -> float | None:
        """From going live to the recovery."""
        if self.recovered_at is None or self.row.switched_at is None:
            return None
        return (self.recovered_at - self.row.switched_at).total_seconds()


@dataclass(frozen=True)
class Dora:
    """The five figures of some deployments, each with the numbers of the deployments behind it.

    `lead_seconds` has one duration for each of `shipped`. `recovery_seconds` has one for each of `recovered`.
    """

    new: tuple[int, ...] = ()
    live: tuple[int, ...] = ()  # the new ones and the rollbacks
    shipped: tuple[int, ...] = ()
    lead_seconds: tuple[float, ...] = ()
    without_commit: tuple[int, ...] = ()
    failed: tuple[int, ...] = ()
    recovered: tuple[int, ...] = ()
    recovery_seconds: tuple[float, ...] = ()
    rework: tuple[int, ...] = ()

    @property
    def lead_time(self) -> float | None:
        """The median, in seconds."""
        return median(self.lead_seconds) if self.lead_seconds else None

    @property
    def fail_rate(self) -> float | None:
        return len(self.failed) / len(self.new) if self.new else None

    @property
    def recovery_time(self) -> float | None:
        """The median, in seconds."""
        return median(self.recovery_seconds) if self.recovery_seconds else None

    @property
    def rework_rate(self) -> float | None:
        return len(self.rework) / len(self.live) if self.live else None

    def per_day(self, days: int) -> float:
        """How many new versions went live each day."""
        return len(self.new) / days


def dora(rows: Iterable[Row], failures: Mapping[int, Failure], rework: Container[int]) -> Dora:
    """The figures of these deployments. `failures` and `rework` may know of others, too."""
    live = [row for row in rows if row.went_live]
    new = [row for row in live if row.is_new]
    shipped = [row for row in new if row.committed_at is not None and row.is_first]
    failed = [failures[row.number] for row in new if row.number in failures]
    recovered = [one for one in failed if one.seconds is not None]
    return Dora(
        new=_numbers(new),
        live=_numbers(live),
        shipped=_numbers(shipped),
        lead_seconds=tuple(_lead_seconds(row) for row in shipped),
        without_commit=tuple(row.number for row in new if row.committed_at is None),
        failed=tuple(one.row.number for one in failed),
        recovered=tuple(one.row.number for one in recovered),
        recovery_seconds=tuple(one.seconds for one in recovered if one.seconds is not None),
        rework=tuple(row.number for row in live if row.number in rework),
    )


def _numbers(rows: Iterable[Row]) -> tuple[int, ...]:
    return tuple(row.number for row in rows)


def _lead_seconds(row: Row) -> float:
    """From the commit to going live; 0 if the author's clock was ahead."""
    assert row.switched_at is not None
    assert row.committed_at is not None
    return max(0.0, (row.switched_at - row.committed_at).total_seconds())


def ended_in(rows: Iterable[Row], period: Period) -> list[Row]:
    """The deployments that count in a period."""
    begins, ends = period.begins, period.ends
    return [row for row in rows if begins <= row.finished_at < ends]


# -- what failed, and what was done about it


def judged(rows: Iterable[Row]) -> tuple[dict[int, Failure], set[int]]:
    """The failures among these deployments, by number, and the numbers of those that were rework."""
    failures: dict[int, Failure] = {}
    rework: set[int] = set()
    places: dict[Place, list[Row]] = {}
    for row in rows:
        places.setdefault((row.application, row.environment), []).append(row)
    for here in places.values():
        here.sort(key=lambda row: row.number)
        found = failures_in(here)
        failures |= {one.row.number: one for one in found}
        rework |= rework_in(here, found)
    return failures, rework


def failures_in(here: Sequence[Row]) -> list[Failure]:
    """The new versions of one place that failed after going live, because

    * their own clean-up gave the traffic back to the version before,
    * Fairway rolled them back, or a person did before anything newer went live,
    * Fairway found that they answer worse than the version before, or
    * Fairway held automatic deployments because of them.
    """
    causes = _causes(here)
    bad = set(causes)
    live = sorted((row for row in here if row.went_live), key=_live_at)
    return [Failure(row, causes[row.number], _recovered_at(row, live, bad)) for row in live if row.number in causes]


def _live_at(row: Row) -> datetime:
    assert row.switched_at is not None
    return row.switched_at


def _causes(here: Sequence[Row]) -> dict[int, Cause]:
    by_number = {row.number: row for row in here}
    causes: dict[int, Cause] = {}
    for row in here:
        if row.is_new and row.status != Status.SUCCEEDED:
            causes[row.number] = Cause.TAKEN_BACK
        elif row.is_new and row.is_held:
            causes[row.number] = Cause.HELD
        elif row.is_new and row.is_judged_worse:
            causes[row.number] = Cause.JUDGED_WORSE
    for row in here:
        undone = _undone_by(row, by_number)
        if undone is not None:
            is_automatic = row.kind == Kind.AUTOMATIC_ROLLBACK
            causes[undone.number] = Cause.ROLLED_BACK_BY_FAIRWAY if is_automatic else Cause.ROLLED_BACK
    return causes


def _undone_by(row: Row, by_number: dict[int, Row]) -> Row | None:
    """The new version that a rollback put aside soon after it went live; restarts between them are looked through."""
    if not row.is_rollback or row.switched_at is None:
        return None
    undone = by_number.get(row.replaces or 0)
    for _ in by_number:
        if undone is None or undone.kind != Kind.RESTART:
            break
        undone = by_number.get(undone.replaces or 0)
    if undone is None or not undone.is_new or undone.switched_at is None:
        return None
    return undone if timedelta(0) <= row.switched_at - undone.switched_at <= REMEDY else None


def _recovered_at(row: Row, live: Sequence[Row], bad: Collection[int]) -> datetime | None:
    """When a good version was live after this one: again, if its own clean-up gave the traffic back."""
    began = _live_at(row)
    if row.status != Status.SUCCEEDED:
        return row.finished_at if row.finished_at - began <= REMEDY else None
    for other in live:
        at = _live_at(other)
        is_good = other.number not in bad and other.status == Status.SUCCEEDED
        if is_good and (at, other.number) > (began, row.number):
            return at if at - began <= REMEDY else None
    return None


def rework_in(here: Sequence[Row], failures: Iterable[Failure]) -> set[int]:
    """The deployments of one place that nobody had planned: rollbacks that went live, and the first new version that went
    live within `REMEDY` after one that failed."""
    rework = {row.number for row in here if row.is_rollback and row.went_live}
    new = sorted((row for row in here if row.is_new), key=_live_at)
    for failure in failures:
        began = (_live_at(failure.row), failure.row.number)
        after = next((row for row in new if (_live_at(row), row.number) > began), None)
        if after is not None and _live_at(after) - began[0] <= REMEDY:
            rework.add(after.number)
    return rework
