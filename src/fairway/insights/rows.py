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
    return [row(one, is_current=one.pk in live) for one in deployments]


def row(one: Deployment, *, is_current: bool) -> dict[str, Any]:
    """One line. `seconds` is how long it took, from start to end; None while it has not started."""
    return {
        "id": one.pk,
        "kind": shown_kind(one.kind),
        "status": shown_status(one.status, is_current=is_current),
        "version": one.version,
        "digest": one.artifact.digest if one.artifact else "",
        "reason": one.reason,
        "sentence": one.sentence,
        "application": one.application,
        "environment": one.environment,
        "actor": {"username": one.requested_by, "name": one.requested_by},
        "door": one.door,
        "at": one.created_at,
        "seconds": seconds_of(one),
        "step": one.step,
    }


def shown_kind(kind: str) -> str:
    """People see one word for both rollbacks; who asked for it tells them apart."""
    return Kind.ROLLBACK.value if kind == Kind.AUTOMATIC_ROLLBACK else kind


def seconds_of(one: Deployment) -> float | None:
    """From its start to its end, or to now."""
    if one.started_at is None:
        return None
    return ((one.finished_at or timezone.now()) - one.started_at).total_seconds()
