"""Scaling by itself: what replicas did in the last minute, and what that means for their number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fairway.deployments.limits import limits_for
from fairway.deployments.models import Placement
from fairway.deployments.rules import AVAILABLE, Health, Wanted
from fairway.drivers.runtimes.contract import MAIN
from fairway.monitoring.models import Scaling, TrafficSample, UsageSample, histogram_of
from fairway.monitoring.rules import FINE, merged, percentile, start_of
from fairway.monitoring.scaling_rules import Decision, Measure, Policy, Recommended, decide

WINDOW = 6 * FINE  # seconds
LATE = 2 * FINE  # seconds after which an interval is stored for sure


@dataclass(frozen=True)
class Change:
    """A placement that should have another number of replicas."""

    placement: Placement
    policy: Policy
    decision: Decision

    @property
    def because(self) -> dict[str, Any]:
        """The numbers that caused it, for its event."""
        measure = self.decision.measure
        if measure is None:
            return {"minimum": self.policy.minimum, "maximum": self.policy.maximum}
        return {
            "measure": measure.value,
            "value": round(self.decision.value or 0.0, 1),
            "target": self.policy.targets[measure],
            "from": self.placement.replicas,
            "to": self.decision.replicas,
        }


class Scaled:
    """Remembers what was recommended, by placement, as long as the worker looks."""

    def __init__(self) -> None:
        self._history: dict[int, Sequence[Recommended]] = {}

    def changes(self, now: float) -> Iterator[Change]:
        """Look at every placement that is scaled by itself. One that sleeps or is stopped stays as it is."""
        rows = Scaling.objects.filter(
            placement__wanted=Wanted.RUNNING, placement__asleep_since=None, placement__current__isnull=False
        ).exclude(placement__health__in=[Health.UNKNOWN, *(AVAILABLE - {Health.HEALTHY})])
        related = ("placement__application", "placement__environment", "placement__current__artifact")
        seen: dict[int, Sequence[Recommended]] = {}
        for row in rows.select_related(*related):
            placement = row.placement
            policy = Policy.of(row.policy).at(datetime.fromtimestamp(now, UTC))
            known = self._history.get(placement.pk, ())
            decision = decide(policy, placement.replicas, measured(placement, now), known, now)
            seen[placement.pk] = decision.history
            if decision.replicas != placement.replicas:
                yield Change(placement, policy, decision)
        self._history = seen


def measured(placement: Placement, now: float) -> dict[Measure, float | None]:
    """What the replicas of the main service did in the last minute; None where nothing is known."""
    until = start_of(now, FINE)
    window = {"placement": placement, "resolution": FINE, "at__gte": until - WINDOW - LATE, "at__lt": until}
    usage = UsageSample.objects.filter(service=MAIN, **window).order_by("-at")
    used = list(usage.values_list("seconds", "instances", "cpu_seconds"))[: WINDOW // FINE]
    spent, could = sum(row[2] for row in used), sum(row[0] * row[1] for row in used) * _cpus_of(placement)
    traffic = TrafficSample.objects.filter(**{**window, "at__gte": until - WINDOW - LATE, "at__lt": until - LATE})
    rows = list(traffic.filter(deployment__gt=0).values_list("requests", "durations"))
    seconds = percentile(merged(histogram_of(row[1]) for row in rows), 0.95)
    has_samples = bool(used)  # a proxy that answered nothing has no rows; the sampler tells whether anybody looks
    return {
        Measure.CPU: 100 * spent / could if could else None,
        Measure.REQUESTS: sum(row[0] for row in rows) / WINDOW / placement.replicas if rows or has_samples else None,
        Measure.LATENCY: 1000 * seconds if seconds is not None else (0.0 if has_samples else None),
    }


def _cpus_of(placement: Placement) -> float:
    current = placement.current
    given = current.artifact.parsed_spec.cpus if current and current.artifact else None
    if current is None:
        return 1.0
    current.environment = placement.environment
    return limits_for(current, MAIN, memory_bytes=None, cpus=given).cpus or 1.0
