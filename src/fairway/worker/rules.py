"""What may go and what must stay. Pure: no Django, no clock, no disk.

Bytes stay while anything could still want them: what serves, what a rollback could return to, what is on its way, what
somebody pinned, and what was made just now. Everything that must be kept is named; what nobody names may go.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

GOOD_KEPT = 5  # different good versions per placement: as many as its page offers to roll back to
FRESH_FOR = timedelta(hours=1)  # a build may be done before any row says what it is for


@dataclass(frozen=True)
class Tried:
    """One deployment at one place, as far as its bytes are concerned; `digest` is "" before there are any."""

    number: int
    digest: str
    is_good: bool


@dataclass(frozen=True)
class Place:
    """One placement: what serves, what a rollback returns to (deployment numbers), and what was tried, newest first.

    `tried` may be lazy; no more of it is read than the rule needs.
    """

    current: int | None
    previous_good: int | None
    tried: Iterable[Tried]


def kept_of(place: Place, *, good_kept: int = GOOD_KEPT) -> set[str]:
    """The digests this placement still needs."""
    wanted = {number for number in (place.current, place.previous_good) if number is not None}
    kept: set[str] = set()
    good: set[str] = set()
    for one in place.tried:
        if one.number in wanted:
            wanted.discard(one.number)
            kept.add(one.digest)
        if one.is_good and one.digest and len(good) < good_kept:
            good.add(one.digest)
        if len(good) == good_kept and not wanted:
            break
    return (kept | good) - {""}


def digests_kept(
    places: Iterable[Place], *, on_their_way: Iterable[str] = (), pinned: Iterable[str] = (), fresh: Iterable[str] = ()
) -> set[str]:
    """Every digest that must stay. What an instance runs is the runtime's own to spare: it alone knows."""
    kept = {*on_their_way, *pinned, *fresh} - {""}
    for place in places:
        kept |= kept_of(place)
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
    """The deployments whose logs go, oldest first: those that ended `longest` ago, and as many more as it takes until what
    is left of `total` fits into `most_bytes`. Those in `spared` stay, however old and large."""
    for log in logs:
        is_old = now - log.ended_at > longest
        if not is_old and total <= most_bytes:
            return
        if log.number not in spared:
            total -= log.size
            yield log.number
