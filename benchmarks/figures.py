"""What a benchmark finds, and how it says so."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import median


@dataclass(frozen=True)
class Figure:
    """One measured value beside its goal and its floor.

    `floor` is the same work done by hand, measured in the same run; `most` and `least` are limits of the value,
    `most_ratio` of value over floor. None: no limit. `about` says what exactly was measured.
    """

    name: str
    value: float
    unit: str
    most: float | None = None
    least: float | None = None
    floor: float | None = None
    most_ratio: float | None = None
    about: str = ""

    @property
    def ratio(self) -> float | None:
        return self.value / self.floor if self.floor else None

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is met; None without a goal."""
        kept = [
            self.most is None or self.value <= self.most,
            self.least is None or self.value >= self.least,
            self.most_ratio is None or (self.ratio or 0.0) <= self.most_ratio,
        ]
        has_goal = any(limit is not None for limit in (self.most, self.least, self.most_ratio))
        return all(kept) if has_goal else None

    @property
    def goal(self) -> str:
        said = []
        if self.most is not None:
            said.append(f"≤ {self.most:g} {self.unit}")
        if self.least is not None:
            said.append(f"≥ {self.least:g} {self.unit}")
        if self.most_ratio is not None:
            said.append(f"≤ {self.most_ratio:g}× floor")
        return ", ".join(said)


class Skipped(Exception):
    """This machine lacks something the benchmark needs; the sentence names it."""


def report(measure: Callable[[], Iterable[Figure]]) -> None:
    """Run one benchmark as a program: its figures as JSON, one per line, on standard output."""
    try:
        for figure in measure():
            sys.stdout.write(json.dumps({"figure": asdict(figure)}) + "\n")
            sys.stdout.flush()
    except Skipped as reason:
        sys.stdout.write(json.dumps({"skipped": str(reason)}) + "\n")


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def middle(values: Sequence[float]) -> float:
    return float(median(values))
