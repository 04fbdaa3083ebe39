"""Deployments as rows of a list."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from django.utils import timezone

from fairway.deployments.models import Deployment, JobRun
from fairway.deployments.queries import live_numbers
from fairway.deployments.rules import Kind, shown_status


def rows(deployments: Sequence[Deployment], live: Collection[int] | None = None) -> list[dict[str, Any]]:
    """The rows for these deployments; one more query for the whole list, unless `live` gives the ids of live ones."""
    live = live_numbers(deployments) if live is None else live
    return [row(deployment, is_current=deployment.pk in live) for deployment in deployments]


def row(deployment: Deployment, *, is_current: bool) -> dict[str, Any]:
    """The row for a deployment. `seconds` is its duration, None before it has started."""
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
    """The kind to show: automatic and requested rollbacks are the same kind; the requester tells them apart."""
    return Kind.ROLLBACK.value if kind == Kind.AUTOMATIC_ROLLBACK else kind


def seconds_of(deployment: Deployment | JobRun) -> float | None:
    """The seconds from the start of a deployment or command to its end, or until now; None before it has started."""
    if deployment.started_at is None:
        return None
    return ((deployment.finished_at or timezone.now()) - deployment.started_at).total_seconds()
