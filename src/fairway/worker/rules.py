"""Decides what garbage collection may remove. Pure: no Django, no clock, no disk.

An artifact is kept while it serves, a rollback could restore it, a queued or running deployment uses it, it is pinned, or it
was just made. Everything else may be removed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

GOOD_KEPT = 5  # good versions kept per placement: as many as its page offers for a rollback
FRESH_FOR = timedelta(hours=1)  # a build may finish before a row refers to its artifact


@dataclass(frozen=True)
class TriedDeployment:
    """One deployment of a placement. `digest` is "" before it has an artifact."""

    number: int
    digest: str
    is_good: bool


@dataclass(frozen=True)
class PlacementFacts:
    """One placement: the live deployment, the one a rollback restores (ids), and all deployments, newest first.

    `tried` may be lazy; only as much of it is read as the rule needs.
    """

    current: int | None
    previous_good: int | None
    tried: Iterable[TriedDeployment]


def kept_of(placement: PlacementFacts, *, good_kept: int = GOOD_KEPT) -> set[str]:
    """The digests that this placement still needs."""
    wanted = {number for number in (placement.current, placement.previous_good) if number is not None}
    kept: set[str] = set()
    good: set[str] = set()
    for deployment in placement.tried:
        if deployment.number in wanted:
            wanted.discard(deployment.number)
            kept.add(deployment.digest)
        if deployment.is_good and deployment.digest and len(good) < good_kept:
            good.add(deployment.digest)
        if len(good) == good_kept and not wanted:
            break
    return (kept | good) - {""}


def digests_kept(
    placements: Iterable[PlacementFacts],
    *,
    on_their_way: Iterable[str] = (),
    pinned: Iterable[str] = (),
    fresh: Iterable[str] = (),
) -> set[str]:
    """All digests that must be kept. Runtimes additionally keep what their instances run, because only they know that."""
    kept = {*on_their_way, *pinned, *fresh} - {""}
    for placement in placements:
        kept |= kept_of(placement)
    return kept


@dataclass(frozen=True)
class KeptLog:
    """The log of one ended deployment."""

    number: int
    ended_at: datetime
    size: int  # bytes


def logs_to_collect(
    logs: Iterable[KeptLog], *, now: datetime, longest: timedelta, most_bytes: int, total: int, spared: Collection[int]
) -> Iterator[int]:
    """The ids of deployments whose logs are to be removed, oldest first: those that ended `longest` ago, and then as many as
    needed until the rest of `total` fits into `most_bytes`. Those in `spared` are kept in any case."""
    for log in logs:
        is_old = now - log.ended_at > longest
        if not is_old and total <= most_bytes:
            return
        if log.number not in spared:
            total -= log.size
            yield log.number
