"""Compares the version that a placement serves with the one before it, from what the proxy answered for each."""

from __future__ import annotations

from dataclasses import replace

from fairway.deployments.models import Deployment, Placement
from fairway.monitoring.judging import Judgement, judge
from fairway.monitoring.models import TrafficSample
from fairway.monitoring.rules import FINE, Served, served_together

LOOKS_BACK = 3600  # seconds before the switch whose answers of the version before count
WARMS_UP = 20  # seconds after the switch in which response times do not count: caches and connections are new


def judgement_of(placement: Placement, deployment: Deployment) -> Judgement:
    """How the version of this deployment, which has gone live and replaced another, answers compared with that one."""
    switched = (deployment.switched_at or deployment.created_at).timestamp()
    earlier = deployment.replaces_id or 0
    rows = TrafficSample.objects.filter(placement=placement, resolution=FINE, deployment__in=(deployment.pk, earlier))
    before = served_together(
        row.served for row in rows.filter(deployment=earlier, at__gte=switched - LOOKS_BACK, at__lt=switched)
    )
    after = served_together(
        _without_times(row.served) if row.at < switched + WARMS_UP else row.served
        for row in rows.filter(deployment=deployment.pk)
    )
    return judge(before, after)


def _without_times(served: Served) -> Served:
    return replace(served, durations={})
