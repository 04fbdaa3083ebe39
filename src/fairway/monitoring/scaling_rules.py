"""How many replicas there should be. Pure: no database, no clock.

The formula and the windows are those of the Kubernetes HPA: ``ceil(replicas × value / target)`` for each measure, of which
the largest counts; nothing changes within 10 % of a target; up at most +100 % or +4 at a time, down only to what was enough
for the last 300 s. What cannot be measured never takes a replica away.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from fairway.environments.cron import next_after, parse_cron
from fairway.environments.freeze_rules import parse_zone
from fairway.shared.names import Invalid

EVERY = 15.0  # seconds between two looks
TOLERANCE = 0.1
MOST_MORE, MOST_TIMES = 4, 2  # replicas at a time: so many more, or so many times as many, whichever is more
CALM = 300.0  # seconds for which fewer must have been enough


class Measure(StrEnum):
    """What replicas are counted by."""

    CPU = "cpu"  # percent of what one replica may use
    REQUESTS = "requests"  # a second, for each replica
    LATENCY = "latency_ms"  # 95th percentile


@dataclass(frozen=True)
class Hours:
    """A part of the week, between two times of cron on the clock of `zone`, in which there are at least `minimum`."""

    start: str
    end: str
    zone: str
    minimum: int

    def contain(self, at: datetime) -> bool:
        """Whether it is that part of the week: its end comes before its next start."""
        return next_after(parse_cron(self.end), self.zone, at) < next_after(parse_cron(self.start), self.zone, at)


@dataclass(frozen=True)
class Policy:
    """Between how many replicas there are, and the target of each measure that counts; None: it does not."""

    minimum: int
    maximum: int
    cpu: float | None = None
    requests: float | None = None
    latency_ms: float | None = None
    hours: Hours | None = None

    @property
    def targets(self) -> dict[Measure, float]:
        found = {measure: getattr(self, measure) for measure in Measure}
        return {measure: target for measure, target in found.items() if target is not None}

    def at(self, when: datetime) -> Policy:
        """The policy as the clock has it then."""
        if self.hours is None or not self.hours.contain(when):
            return self
        return replace(self, minimum=min(self.maximum, max(self.minimum, self.hours.minimum)))

    @property
    def stored(self) -> dict[str, Any]:
        """The policy as it is stored."""
        return asdict(self)

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Policy:
        """The policy as it is stored."""
        hours = stored.get("hours")
        return cls(**{**stored, "hours": Hours(**hours) if hours else None})


HIGHEST: dict[Measure, float] = {Measure.CPU: 100, Measure.REQUESTS: 100_000, Measure.LATENCY: 600_000}


def parse_policy(
    *,
    minimum: int,
    maximum: int,
    cpu: float | None = None,
    requests: float | None = None,
    latency_ms: float | None = None,
    hours: Mapping[str, Any] | None = None,
    most: int,
) -> Policy:
    """A policy that a person gave; `most` replicas can run there. Raises `Invalid`."""
    if not 1 <= minimum <= most:
        raise Invalid("minimum", "must be a number from 1 to {most}.", most=most)
    if not minimum <= maximum <= most:
        raise Invalid("maximum", "must be a number from {least} to {most}.", least=minimum, most=most)
    targets = {Measure.CPU: cpu, Measure.REQUESTS: requests, Measure.LATENCY: latency_ms}
    for measure, target in targets.items():
        if target is not None and not 0 < target <= HIGHEST[measure]:
            raise Invalid(measure.value, "must be above 0 and at most {most}.", most=f"{HIGHEST[measure]:.0f}")
    if hours is None and all(target is None for target in targets.values()):
        raise Invalid("cpu", "nothing says when to scale; give a target of CPU, requests or response time, or hours.")
    return Policy(minimum, maximum, cpu, requests, latency_ms, _parse_hours(hours, maximum) if hours else None)


def _parse_hours(given: Mapping[str, Any], maximum: int) -> Hours:
    for name in ("start", "end"):
        try:
            parse_cron(given[name])
        except Invalid as problem:
            raise problem.about(f"hours_{name}") from None
    try:
        zone = parse_zone(given["zone"])
    except Invalid as problem:
        raise problem.about("hours_zone") from None
    if not 1 <= given["minimum"] <= maximum:
        raise Invalid("hours_minimum", "must be a number from 1 to {most}.", most=maximum)
    return Hours(given["start"].strip(), given["end"].strip(), zone, given["minimum"])


@dataclass(frozen=True)
class Recommended:
    """How many replicas a look found to be enough."""

    at: float
    replicas: int


@dataclass(frozen=True)
class Decision:
    """How many replicas there should be now; `measure` and its `value` are why, None if the range or the clock is."""

    replicas: int
    measure: Measure | None
    value: float | None
    history: tuple[Recommended, ...]


def decide(
    policy: Policy, replicas: int, values: Mapping[Measure, float | None], history: Sequence[Recommended], now: float
) -> Decision:
    """Decide after a look that found these `values`. `history` are the recommendations of the looks before; without any
    (the worker has just begun) what runs now counts as recommended."""
    wanted = {
        measure: enough(replicas, value, target)
        for measure, target in policy.targets.items()
        if (value := values.get(measure)) is not None
    }
    is_whole = len(wanted) == len(policy.targets)
    why = max(wanted, key=lambda measure: wanted[measure], default=None)
    most = wanted[why] if why is not None else (replicas if policy.targets else policy.minimum)
    if not is_whole:
        most = max(most, replicas)
    known = [one for one in history if now - one.at < CALM] or [Recommended(now, replicas)]
    kept = (*known, Recommended(now, most))
    calm = max(one.replicas for one in kept)
    if most < replicas and policy.targets:
        most = min(replicas, calm)
    most = min(most, max(replicas + MOST_MORE, replicas * MOST_TIMES))
    found = min(policy.maximum, max(policy.minimum, most))
    if why is None or not (wanted[why] >= found > replicas or wanted[why] <= found < replicas):
        return Decision(found, None, None, kept)
    return Decision(found, why, values[why], kept)


def enough(replicas: int, value: float, target: float) -> int:
    """How many replicas bring this value to its target, if so many have it now."""
    ratio = value / target
    return replicas if abs(ratio - 1) <= TOLERANCE else math.ceil(replicas * ratio)
