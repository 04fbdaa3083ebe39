"""Compares the version that a placement serves with the one before it, from what the proxy answered for each."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime

from fairway.deployments.models import Deployment, Placement
from fairway.monitoring.judging import Judgement, judge
from fairway.monitoring.models import TrafficSample
from fairway.monitoring.rules import FINE, Served, served_together

LOOKS_BACK = 3600  # seconds before the switch whose answers of the version before count
WARMS_UP = 20  # seconds after the switch in which response times do not count: caches and connections are new


def judgement_of(placement: Placement, deployment: Deployment) -> Judgement:
    """How the version of this deployment, which has gone live and replaced another, answers compared with that one."""
    switched = (deployment.switched_at or deployment.created_at).timestamp()
    return _compared(placement, deployment.replaces_id or 0, deployment.pk, switched, until=switched)


def canary_judgement(placement: Placement, deployment: Deployment, *, began: datetime) -> Judgement:
    """The same while it is a canary, which began then: the version that the placement serves answers meanwhile, too."""
    return _compared(placement, placement.current_id or 0, deployment.pk, began.timestamp(), until=math.inf)


def _compared(placement: Placement, earlier: int, later: int, began: float, *, until: float) -> Judgement:
    rows = TrafficSample.objects.filter(placement=placement, resolution=FINE, deployment__in=(earlier, later))
    recent = list(rows.filter(at__gte=began - LOOKS_BACK))
    before = [row.served for row in recent if row.deployment == earlier and row.at < until]
    after = [
        row.served if row.at >= began + WARMS_UP else _without_times(row.served) for row in recent if row.deployment == later
    ]
    return judge(served_together(before), served_together(after))


def _without_times(served: Served) -> Served:
    return replace(served, durations={})
