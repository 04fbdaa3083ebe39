"""Deployments as lines of a list."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from django.utils import timezone

from fairway.deployments.models import Deployment
from fairway.deployments.queries import live_numbers
from fairway.deployments.rules import Kind, shown_status


def rows(deployments: Sequence[Deployment], live: Collection[int] | None = None) -> list[dict[str, Any]]:
    """What lists show of these deployments; one more query for the whole list, unless it is known which are `live`."""
    live = live_numbers(deployments) if live is None else live
    return [row(deployment, is_current=deployment.pk in live) for deployment in deployments]


def row(deployment: Deployment, *, is_current: bool) -> dict[str, Any]:
    """One line. `seconds` is how long it took, from start to end; None while it has not started."""
    return {
        "id": deployment.pk,
        "kind": shown_kind(deployment.kind),
        "status": shown_status(deployment.status, is_current=is_current),
        "version": deployment.version,
        "digest": deployment.artifact.digest if deployment.artifact else "",
        "reason": deployment.reason,
        "sentence": deployment.sentence,
        "application": deployment.application,
        "environment": deployment.environment,
        "actor": {"username": deployment.requested_by, "name": deployment.requested_by},
        "door": deployment.door,
        "at": deployment.created_at,
        "seconds": seconds_of(deployment),
        "step": deployment.step,
    }


def shown_kind(kind: str) -> str:
    """People see one word for both rollbacks; who asked for it tells them apart."""
    return Kind.ROLLBACK.value if kind == Kind.AUTOMATIC_ROLLBACK else kind


def seconds_of(deployment: Deployment) -> float | None:
    """From its start to its end, or to now."""
    if deployment.started_at is None:
        return None
    return ((deployment.finished_at or timezone.now()) - deployment.started_at).total_seconds()
