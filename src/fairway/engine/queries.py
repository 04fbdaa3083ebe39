"""What others may read of the engine."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q

from fairway.engine import clock
from fairway.engine.models import Run, RunStep, Worker
from fairway.engine.prepared import Prepared
from fairway.engine.rules import Status

SEEN_WITHIN = timedelta(seconds=15)  # a worker beats at least every lease / 4; its usual lease is 10 s


def queue_position(run: Run) -> int | None:
    """How many runs go before this one: whoever has its key or is due earlier with the same key, then whoever is queued
    earlier in its lane. 0: it starts as soon as a slot is free. None: it is not queued, or not due yet."""
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
    """The run that has the key now."""
    return Run.objects.filter(key=key, holds_key=True).first()


def is_worked_on(key: str) -> bool:
    """Whether a run has this key or is about to; one that waits without it may do so for days and touches nothing."""
    return Run.objects.at_work().filter(key=key).exists()


def keys_worked_on() -> set[str]:
    """All keys of which `is_worked_on` says so."""
    return {key for (key,) in _WORKED_ON.rows(clock.now())}


_WORKED_ON = Prepared(lambda now: Run.objects.at_work().values_list("key"))


def is_next_due(key: str) -> bool:
    """Whether another run waits for this key, and for nothing else but a slot."""
    return Run.objects.filter(key=key, status=Status.QUEUED, run_at__lte=clock.now()).exists()


def live_runs(key: str) -> list[Run]:
    """The runs of a key that are not over, in the order in which they will run."""
    return list(Run.objects.live().filter(key=key).in_order())


def attempts(run: Run) -> list[RunStep]:
    """Every attempt of every step, oldest first."""
    return list(RunStep.objects.filter(run=run).order_by("id"))


def living_workers() -> list[Worker]:
    """The workers that were seen lately."""
    return list(Worker.objects.filter(seen_at__gte=clock.now() - SEEN_WITHIN).order_by("name"))
