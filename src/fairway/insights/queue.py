"""Queue positions of many deployments at once; `engine.queries.queue_position` does the same for one run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from fairway.deployments.models import Deployment
from fairway.deployments.rules import Status
from fairway.engine import clock
from fairway.engine.models import Run
from fairway.engine.rules import Status as RunStatus


class _Live(NamedTuple):
    pk: int
    key: str
    lane: str
    holds_key: bool
    order: tuple[int, float, int]
    is_due: bool


def positions(deployments: Iterable[Deployment]) -> dict[int, int]:
    """How many runs are executed before each queued deployment, by its id, in a fixed number of queries."""
    waiting = {
        deployment.run_id: deployment.pk
        for deployment in deployments
        if deployment.status == Status.QUEUED and deployment.run_id
    }
    if not waiting:
        return {}
    runs = _live_runs()
    mine = [run for run in runs if run.pk in waiting and run.is_due]
    return {waiting[run.pk]: sum(_goes_before(other, run) for other in runs) for run in mine}


def _live_runs() -> list[_Live]:
    now = clock.now()
    names = ("pk", "key", "lane", "holds_key", "priority", "run_at", "status")
    runs = []
    for pk, key, lane, holds_key, priority, run_at, status in Run.objects.live().values_list(*names):
        is_due = status == RunStatus.QUEUED and run_at is not None and run_at <= now
        order = (-priority, run_at.timestamp() if run_at else 0.0, pk)
        runs.append(_Live(pk, key, lane, holds_key, order, is_due))
    return runs


def _goes_before(other: _Live, mine: _Live) -> bool:
    if other.pk == mine.pk:
        return False
    if other.holds_key and other.key == mine.key:
        return True
    return other.is_due and other.order < mine.order and (other.key == mine.key or other.lane == mine.lane)
