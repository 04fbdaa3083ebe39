"""Taking a run: one row, one owner, one fencing number.

The fence grows with every claim, so whoever held the run before can be told from whoever holds it now, even when both
have the same name.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, models, transaction
from django.db.models import Min, Q

from fairway.engine import clock, rules
from fairway.engine.models import Run, RunQuerySet
from fairway.engine.rules import Status

TRIES = 10  # two workers may pick two runs of one key at once; the database lets one win and the other picks again


@dataclass(frozen=True)
class Lease:
    """The right to run a run, until the lease ends or the fence moves on."""

    run_id: int
    owner: str
    fence: int
    lane: str = "default"
    parent_id: int | None = None


def claim(
    *, owner: str, kinds: Collection[str], lanes: frozenset[str] | None, lease: timedelta, but: Collection[int] = ()
) -> Lease | None:
    """Take the run that goes first, or None when there is nothing to take.

    `kinds` are the stories this worker can tell, `lanes` those it may take from (None: any), `but` the runs it still has at
    work: when its lease on them ran out because the machine was busy, it renews them instead of doing them twice.
    """
    for _ in range(TRIES):
        if not _candidates(clock.now(), kinds, lanes, but).exists():  # a read; only a find is worth a write lock
            return None
        try:
            with transaction.atomic():
                return _take_first(owner, kinds, lanes, lease, but)
        except IntegrityError:
            continue
    return None


def _candidates(now: datetime, kinds: Collection[str], lanes: frozenset[str] | None, but: Collection[int]) -> RunQuerySet:
    candidates = Run.objects.claimable(now).filter(kind__in=sorted(kinds)).exclude(pk__in=list(but))
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
    """Seconds until the next run is due or the next lease runs out; None when nothing is foreseen."""
    now = clock.now()
    times = (
        Run.objects.live()
        .filter(kind__in=sorted(kinds))
        .aggregate(
            due=Min("run_at", filter=Q(owner="", run_at__gt=now)),
            lease=Min("lease_until", filter=Q(lease_until__gte=now)),
        )
    )
    moments = [moment for moment in times.values() if moment is not None]
    return (min(moments) - now).total_seconds() if moments else None


def seconds_until_retry(kinds: Collection[str]) -> float | None:
    """Seconds until the next run that pauses before trying again, or was left by its worker, can go on; None without one."""
    now = clock.now()
    pausing = Q(owner="", holds_key=True, awaits_signal=False, run_at__isnull=False)
    moments = Run.objects.live().filter(kind__in=sorted(kinds)).aggregate(next=Min("run_at", filter=pausing))
    return (moments["next"] - now).total_seconds() if moments["next"] is not None else None


def cancelled_among(leases: Collection[Lease]) -> set[int]:
    """The ids of those runs that somebody asked to stop. A read without locks."""
    if not leases:
        return set()
    asked = Run.objects.filter(pk__in=[lease.run_id for lease in leases], status=Status.CANCELLING, outcome="")
    return set(asked.values_list("pk", flat=True))


def renew(*, owner: str, leases: Collection[Lease], lease: timedelta) -> set[int]:
    """Renew what is still ours, in one update; return the ids of the runs that are not ours any more.

    A row that is locked this very moment is left to the next pass: nobody can take it over meanwhile either, and
    waiting for it would let all the other leases run out.
    """
    if not leases:
        return set()
    fences = {lease.run_id: lease.fence for lease in leases}
    with transaction.atomic():
        now = clock.now()
        rows: models.QuerySet[Run] = Run.objects.filter(pk__in=fences, owner=owner, status__in=sorted(rules.HELD))
        ours = {pk for pk, fence in rows.values_list("pk", "fence") if fences[pk] == fence}
        free = (
            rows.filter(pk__in=ours)
            .order_by("pk")
            .select_for_update(skip_locked=True, no_key=True)
            .values_list("pk", flat=True)
        )
        rows.filter(pk__in=list(free)).update(lease_until=now + lease)
    return set(fences) - ours
