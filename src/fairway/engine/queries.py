"""What other rooms may read of the engine."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Q

from fairway.engine import clock
from fairway.engine.models import Run, RunStep, Worker
from fairway.engine.prepared import Prepared
from fairway.engine.rules import Status

SEEN_WITHIN = timedelta(seconds=15)  # a worker sends a heartbeat at least every lease / 4; its usual lease is 10 s


def queue_position(run: Run) -> int | None:
    """How many runs are executed before this one: those that have its key or are due earlier with the same key, then those
    queued earlier in its lane. 0: it starts as soon as a slot is free. None: it is not queued, or not due yet."""
    now = clock.now()
    if run.status != Status.QUEUED or run.run_at is None or run.run_at > now:
        return None
    earlier = (
        Q(priority__gt=run.priority)
        | Q(priority=run.priority, run_at__lt=run.run_at)
        | Q(priority=run.priority, run_at=run.run_at, pk__lt=run.pk)
    )
    queued_before = Q(status=Status.QUEUED, run_at__lte=now) & earlier & (Q(key=run.key) | Q(lane=run.lane))
    return Run.objects.live().filter(queued_before | Q(key=run.key, holds_key=True)).exclude(pk=run.pk).count()


def key_holder(key: str) -> Run | None:
    """The run that has the key now; None if it is free."""
    return Run.objects.filter(key=key, holds_key=True).first()


def is_key_busy(key: str) -> bool:
    """Whether a run has this key or will take it as soon as it can. A run that waits without its key does not count."""
    return Run.objects.at_work().filter(key=key).exists()


def busy_keys() -> set[str]:
    """All keys for which `is_key_busy` is true."""
    return {key for (key,) in _BUSY_KEYS.rows(clock.now())}


_BUSY_KEYS = Prepared(lambda now: Run.objects.at_work().values_list("key"))


def is_next_due(key: str) -> bool:
    """Whether a run is due that waits only for this key and a slot."""
    return Run.objects.filter(key=key, status=Status.QUEUED, run_at__lte=clock.now()).exists()


def live_runs(key: str) -> list[Run]:
    """The unfinished runs of a key, in the order in which they will be executed."""
    return list(Run.objects.live().filter(key=key).in_order())


def live_payloads(kind: str) -> list[dict[str, Any]]:
    """What the unfinished runs of this kind were asked to do."""
    return list(Run.objects.live().filter(kind=kind).values_list("payload", flat=True))


def attempts(run: Run) -> list[RunStep]:
    """Every attempt of every step, oldest first."""
    return list(RunStep.objects.filter(run=run).order_by("id"))


def living_workers() -> list[Worker]:
    """The workers whose last heartbeat came within `SEEN_WITHIN`."""
    return list(Worker.objects.filter(seen_at__gte=clock.now() - SEEN_WITHIN).order_by("name"))
