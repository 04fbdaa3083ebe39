"""Claims runs: one row has one owner and one fencing number.

The fence grows with every claim, so that an earlier owner can be told from the present one, even if both have the same
name.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from django.db import IntegrityError, connection, models, transaction
from django.db.models import Min, Q

from fairway.engine import clock, rules
from fairway.engine.models import Run, RunQuerySet
from fairway.engine.prepared import Prepared, moment
from fairway.engine.rules import Status

MANY = 1000  # rows per look; more than any worker executes at once
TRIES = 10  # two workers may pick two runs of one key at once: the unique constraint lets one win, and the other picks again


@dataclass(frozen=True)
class Lease:
    """The right to execute a run, until the lease expires or another worker raises the fence."""

    run_id: int
    owner: str
    fence: int
    lane: str = "default"
    parent_id: int | None = None


def claim(
    *, owner: str, kinds: Collection[str], lanes: frozenset[str] | None, lease: timedelta, but: Collection[int] = ()
) -> Lease | None:
    """Claim the run that is next in order; None if there is none.

    `kinds` are the workflows this worker knows, `lanes` the lanes it may take from (None: any), `but` the runs it is still
    executing: if their leases expired because the machine was busy, it renews them instead of executing them twice.
    """
    for _ in range(TRIES):
        ready = _ready(tuple(sorted(kinds)), lanes).rows(
            clock.now()
        )  # a read without locks; the write lock is taken only if there is something to claim
        if all(number in but for (number,) in ready):
            return None
        try:
            with transaction.atomic():
                return _take_first(owner, kinds, lanes, lease, but)
        except IntegrityError:
            continue
    return None


@cache
def _ready(kinds: tuple[str, ...], lanes: frozenset[str] | None) -> Prepared:
    return Prepared(lambda now: _candidates(now, kinds, lanes).values_list("pk")[:MANY])


def _candidates(
    now: datetime, kinds: Collection[str], lanes: frozenset[str] | None, but: Collection[int] = ()
) -> RunQuerySet:
    candidates = Run.objects.claimable(now).filter(kind__in=sorted(kinds))
    if but:
        candidates = candidates.exclude(pk__in=list(but))
    return candidates if lanes is None else candidates.filter(lane__in=sorted(lanes))


def _take_first(
    owner: str, kinds: Collection[str], lanes: frozenset[str] | None, lease: timedelta, but: Collection[int]
) -> Lease | None:
    now = clock.now()
    run = _candidates(now, kinds, lanes, but).in_order().select_for_update(skip_locked=True, no_key=True).first()
    if run is None:
        return None
    status = rules.status_when_claimed(run.status)
    rules.check_move(run.status, status)
    taken = Run.objects.filter(pk=run.pk, status=run.status, owner=run.owner, fence=run.fence).update(
        status=status,
        owner=owner,
        fence=run.fence + 1,
        lease_until=now + lease,
        holds_key=True,
    )
    return Lease(run.pk, owner, run.fence + 1, run.lane, run.parent_id) if taken else None


def seconds_until_due(kinds: Collection[str]) -> float | None:
    """Seconds until the next run is due or the next lease expires; None if there is neither."""
    now = clock.now()
    found = [row for question in _next(tuple(sorted(kinds))) for row in question.rows(now)]
    moments = [moment(value) for (value,) in found]
    return (min(moments) - now).total_seconds() if moments else None


@cache
def _next(kinds: tuple[str, ...]) -> tuple[Prepared, Prepared]:
    live = Run.objects.live().filter(kind__in=kinds)
    return (
        Prepared(lambda now: live.filter(owner="", run_at__gt=now).order_by("run_at").values_list("run_at")[:1]),
        Prepared(lambda now: live.filter(lease_until__gte=now).order_by("lease_until").values_list("lease_until")[:1]),
    )


def cancelled_unstarted(kinds: Collection[str]) -> list[int]:
    """The ids of runs that were cancelled before any step of them started."""
    return [number for (number,) in _cancelled_unstarted(tuple(sorted(kinds))).rows(clock.now())]


@cache
def _cancelled_unstarted(kinds: tuple[str, ...]) -> Prepared:
    waiting = Run.objects.filter(status=Status.CANCELLING, owner="", started_at=None, kind__in=kinds)
    return Prepared(lambda now: waiting.values_list("pk"))


def seconds_until_retry(kinds: Collection[str]) -> float | None:
    """Seconds until the next run that pauses before a retry, or lost its worker, can continue; None if there is none."""
    now = clock.now()
    pausing = Q(owner="", holds_key=True, awaits_signal=False, run_at__isnull=False)
    moments = Run.objects.live().filter(kind__in=sorted(kinds)).aggregate(next=Min("run_at", filter=pausing))
    return (moments["next"] - now).total_seconds() if moments["next"] is not None else None


def cancelled_among(leases: Collection[Lease]) -> set[int]:
    """The ids of those runs that were asked to cancel. A read without locks."""
    if not leases:
        return set()
    asked = {number for (number,) in _ASKED_TO_STOP.rows(clock.now())}
    return asked & {lease.run_id for lease in leases}


_ASKED_TO_STOP = Prepared(lambda now: Run.objects.filter(status=Status.CANCELLING, outcome="").values_list("pk"))


def _unlocked(rows: models.QuerySet[Run], ours: set[int]) -> list[int]:
    """Those of our runs that nobody locks, locked; on SQLite all: whoever writes holds the whole file."""
    if not connection.features.has_select_for_update:
        return sorted(ours)
    free = rows.filter(pk__in=ours).order_by("pk").select_for_update(skip_locked=True, no_key=True)
    return list(free.values_list("pk", flat=True))


def renew(*, owner: str, leases: Collection[Lease], lease: timedelta) -> set[int]:
    """Renew the leases that `owner` still has, in one update; return the ids of the runs that it has lost.

    A row that is locked at the moment is left to the next pass: nobody can take it over meanwhile, and waiting for it would
    let all the other leases expire.
    """
    if not leases:
        return set()
    fences = {lease.run_id: lease.fence for lease in leases}
    with transaction.atomic():
        now = clock.now()
        rows: models.QuerySet[Run] = Run.objects.filter(pk__in=fences, owner=owner, status__in=sorted(rules.CLAIMED))
        ours = {pk for pk, fence in rows.values_list("pk", "fence") if fences[pk] == fence}
        if ours:
            rows.filter(pk__in=_unlocked(rows, ours)).update(lease_until=now + lease)
    return set(fences) - ours
