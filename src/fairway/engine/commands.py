"""What other rooms may ask of the engine. Each command joins the caller's transaction; workers wake when it commits."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from fairway.engine import clock, transitions, waking
from fairway.engine.models import Run, Worker
from fairway.engine.rules import Status
from fairway.engine.workflow import WORKFLOWS
from fairway.shared.names import Invalid

DEFAULT_LANE = "default"


def enqueue(
    *,
    kind: str,
    key: str,
    payload: Mapping[str, Any],
    run_at: datetime | None = None,
    lane: str = DEFAULT_LANE,
    priority: int = 0,
    parent: Run | None = None,
) -> Run:
    """Queue a run of the workflow `kind`.

    Only one run per `key` is executed at a time. `run_at` (with a time zone) is the earliest start, on the database's clock;
    runs of a larger `priority` start first; `lane` says whose reserved slots the run may use. `parent` receives the signal
    ``child:<id>`` when this run ends, and cancelling the parent cancels this run. Raises `Invalid` for an empty or too long
    name, a payload that is not JSON, or a time without a time zone.
    """
    _check_name("kind", kind, 60)
    _check_name("key", key, 200)
    _check_name("lane", lane, 60)
    if run_at is not None and run_at.tzinfo is None:
        raise Invalid("run_at", "has no time zone; give an aware time.")
    now = clock.now()
    with transaction.atomic():
        run = Run.objects.create(
            kind=kind,
            key=key,
            lane=lane,
            priority=priority,
            parent=parent,
            payload=_as_json("payload", payload),
            run_at=max(run_at, now) if run_at else now,
            created_at=now,
        )
        waking.notify()
    return run


def request_cancel(*, run_id: int, reason: str) -> bool:
    """Ask a run and its descendants to cancel; False if it is finished, or ending, already.

    A run that never started is finished at once (if this process knows its workflow; else the next worker finishes it). A
    waiting run goes to its clean-up at once; a running one is interrupted and then cleaned up, while it keeps its key.
    """
    with transaction.atomic():
        family = _family(run_id)
        rows = list(Run.objects.select_for_update(no_key=True).filter(pk__in=family).order_by("pk"))
        was_taken = {run.pk: _cancel(run, reason) for run in reversed(rows)}  # children first: they signal their parent
        waking.notify()
    return was_taken.get(run_id, False)


def _family(run_id: int) -> list[int]:
    """The ids of the run and its unfinished descendants."""
    family, generation = [run_id], [run_id]
    while generation:
        generation = list(Run.objects.live().filter(parent__in=generation).values_list("pk", flat=True))
        family += generation
    return family


def _cancel(run: Run, reason: str) -> bool:
    if run.is_finished or run.outcome:
        return False
    if run.cancel_requested_at is not None:
        return True
    now = clock.now()
    transitions.change(run, cancel_requested_at=now, cancel_reason=reason)
    workflow = WORKFLOWS.by_kind.get(run.kind)
    if run.started_at is None and not run.owner and workflow is not None:
        transitions.end_unstarted(run, workflow, now)
        return True
    # A worker that executes it keeps it and is told by its heartbeat; otherwise any free worker may claim it now.
    changes = {} if run.owner else {"run_at": now, "awaits_signal": False, "wait_reason": ""}
    transitions.change(run, status=Status.CANCELLING, **changes)
    return True


def signal(*, run_id: int, name: str, data: Mapping[str, Any]) -> bool:
    """Send a run a signal: `data` is stored in ``state["signals"][name]``, and a waiting run returns to its step now.

    A later signal of the same name replaces the earlier one. False if the run is finished or does not exist.
    """
    _check_name("name", name, 100)
    return transitions.record_signal(run_id, name, _as_json("data", data))


def _check_name(field: str, text: str, longest: int) -> None:
    if not text or len(text) > longest:
        raise Invalid(field, "must have 1 to {longest} characters, it has {count}.", longest=longest, count=len(text))


def _as_json(field: str, data: Mapping[str, Any]) -> dict[str, Any]:
    try:
        json.dumps(dict(data))
    except (TypeError, ValueError) as problem:
        raise Invalid(field, "must be JSON: {problem}.", problem=problem) from None
    return dict(data)


def delete_runs(*, ids: Collection[int]) -> int:
    """Delete finished runs with the attempts of their steps; returns how many. A parent stays until its children are
    gone."""
    over = Run.objects.finished().filter(pk__in=ids, children=None)
    return over.delete()[1].get(Run._meta.label, 0)


def delete_finished_runs(
    *, kinds: Collection[str], before: datetime, spared_keys: Collection[str] = (), most: int = 1000
) -> int:
    """Delete runs of these workflows that finished before `before` (on the database's clock), oldest first, at most `most`;
    returns how many. Runs with a key in `spared_keys` stay."""
    old = Run.objects.finished().filter(kind__in=kinds, finished_at__lt=before, children=None).exclude(key__in=spared_keys)
    return delete_runs(ids=list(old.order_by("pk").values_list("pk", flat=True)[:most]))


def delete_stale_workers(*, before: datetime) -> int:
    """Delete workers whose last heartbeat came before `before` (on the database's clock); returns how many."""
    return Worker.objects.filter(seen_at__lt=before).delete()[0]
