"""Decides whether deployments are frozen at an instant, from freeze windows. Pure.

A **Deny** window closes what it selects while it lasts. What any **Allow** window selects is closed outside all Allow
windows that select it. If several windows select something, it is closed when any of these rules closes it.

Times are wall times in the window's zone. A window starts at the first instant at which its zone's clock shows its start or
later, and ends at the first instant at which it shows its end or later. So a time that a clock change skips means the
instant of the change, a time that occurs twice means its first occurrence, and a window in skipped time does not happen.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from fairway.environments.recurrence import Recurrence, wall_starts
from fairway.shared.names import Invalid

SHORTEST = timedelta(minutes=1)
LONGEST = timedelta(days=366)
EARLIEST_YEAR, LATEST_YEAR = 2000, 2200
LOOK_AHEAD_YEARS = 30  # enough for 29 February with an interval of two leap years
DURATION = re.compile(r"(?:(\d{1,4})d)?\s*(?:(\d{1,5})h)?\s*(?:(\d{1,7})m)?", re.ASCII)
MOST_STEPS = 2_000  # adjoining windows to follow before the answer is "never"; this takes 0.3 s


class Kind(StrEnum):
    DENY = "deny"
    ALLOW = "allow"


@dataclass(frozen=True)
class Window:
    """A freeze window. `starts` is a wall time in `zone`, and `lasts` is measured on that clock; no environments (or
    applications) means all."""

    kind: Kind
    starts: datetime
    lasts: timedelta
    zone: str
    recurrence: Recurrence | None = None
    environments: frozenset[str] = frozenset()
    applications: frozenset[str] = frozenset()
    name: str = ""
    reason: str = ""
    number: int = 0

    def local(self, instant: datetime) -> datetime:
        """The wall time of an instant in the window's zone."""
        return instant.astimezone(ZoneInfo(self.zone))

    def selects(self, environment: str, application: str) -> bool:
        """Whether the window selects this application in this environment (slugs)."""
        return (not self.environments or environment in self.environments) and (
            not self.applications or application in self.applications
        )


@dataclass(frozen=True, order=True)
class Occurrence:
    """One occurrence of a window, from `starts` (included) to `ends` (excluded); instants in UTC."""

    starts: datetime
    ends: datetime


@dataclass(frozen=True)
class Answer:
    """Whether something is closed at an instant, by which windows, and when that changes.

    `opens_at` is the next instant at which it is open (the instant itself if it is open; None: never within the look-ahead),
    `closes_at` the next one after that at which it closes (None: never). `closed_by` are the Deny windows in force, else the
    Allow windows, none of which is in force.
    """

    is_closed: bool
    closed_by: tuple[Window, ...] = ()
    opens_at: datetime | None = None
    closes_at: datetime | None = None


def state_at(windows: Iterable[Window], at: datetime) -> Answer:
    """The answer for these windows, which must all select the thing in question, at an instant with a time zone."""
    every = tuple(windows)
    denies = [one for one in every if one.kind == Kind.DENY]
    allows = [one for one in every if one.kind == Kind.ALLOW]
    now = at.astimezone(UTC)
    opens_at = _next_open(denies, allows, now)
    closes_at = _next_close(denies, allows, opens_at) if opens_at else None
    if opens_at == now:
        return Answer(False, (), now, closes_at)
    holding = tuple(deny for deny in denies if covering_end(deny, now))
    return Answer(True, holding or tuple(allows), opens_at, closes_at)


def _next_open(denies: Sequence[Window], allows: Sequence[Window], now: datetime) -> datetime | None:
    """`now` or the first later instant at which no Deny window is in force and, if there are Allow windows, one is."""
    at = now
    for _ in range(MOST_STEPS):
        if until := max(filter(None, (covering_end(deny, at) for deny in denies)), default=None):
            at = until
        elif allows and not any(covering_end(allow, at) for allow in allows):
            following = min(filter(None, (next_start(one, at) for one in allows)), default=None)
            if following is None:
                return None
            at = following
        else:
            return at
    return None


def _next_close(denies: Sequence[Window], allows: Sequence[Window], opened: datetime) -> datetime | None:
    """The first instant after `opened`, at which it is open, when it closes."""
    starts = [start for deny in denies if (start := next_start(deny, opened))]
    if allows and (end := _allowed_until(allows, opened)):
        starts.append(end)
    return min(starts, default=None)


def _allowed_until(allows: Sequence[Window], at: datetime) -> datetime | None:
    """When the Allow windows that adjoin each other from `at` on end; None if there is no end within the look-ahead."""
    for _ in range(MOST_STEPS):
        end = max(filter(None, (covering_end(allow, at) for allow in allows)), default=None)
        if end is None:
            return at
        at = end
    return None


def covering_end(window: Window, at: datetime) -> datetime | None:
    """When the occurrence in force at `at` ends; the latest end, if the window overlaps itself; None if none is in force."""
    wall = at.astimezone(ZoneInfo(window.zone)).replace(tzinfo=None)
    slack = timedelta(days=2)  # more than any clock change
    nearby = _walls_between(window, wall - window.lasts - slack, wall + slack)
    ends = [one.ends for one in (_occurrence(window, start) for start in nearby) if one.starts <= at < one.ends]
    return max(ends, default=None)


def next_start(window: Window, at: datetime) -> datetime | None:
    """The start of the first occurrence after `at`."""
    return next((one.starts for one in _from(window, at) if one.starts > at), None)


def occurrences(
    window: Window, since: datetime, count: int | None = None, until: datetime | None = None
) -> list[Occurrence]:
    """The occurrences that end after `since`, in order: the first `count`, or those that start before `until`. At least
    one of the two must be given."""
    if count is None and until is None:
        raise ValueError("occurrences without an end: give a count or an until")
    found: list[Occurrence] = []
    for one in _from(window, since):
        if (count is not None and len(found) >= count) or (until is not None and one.starts >= until):
            break
        if one.ends > since:
            found.append(one)
    return found


def _from(window: Window, at: datetime) -> Iterator[Occurrence]:
    """The occurrences that may be in force at `at`, and all later ones within the look-ahead, without empty ones."""
    wall = at.astimezone(ZoneInfo(window.zone)).replace(tzinfo=None) - window.lasts - timedelta(days=2)
    for year in range(wall.year, wall.year + LOOK_AHEAD_YEARS + 2):
        starts = wall_starts(window.recurrence, window.starts, year)
        for start in starts[bisect_left(starts, wall) :]:
            one = _occurrence(window, start)
            if one.starts < one.ends:
                yield one


def _walls_between(window: Window, first: datetime, last: datetime) -> Iterator[datetime]:
    for year in range(first.year, last.year + 1):
        starts = wall_starts(window.recurrence, window.starts, year)
        yield from starts[bisect_left(starts, first) : bisect_right(starts, last)]


def _occurrence(window: Window, start: datetime) -> Occurrence:
    return Occurrence(instant_of(start, window.zone), instant_of(start + window.lasts, window.zone))


@lru_cache(maxsize=16_384)
def instant_of(wall: datetime, zone: str) -> datetime:
    """The first instant at which that zone's clock shows `wall` or later, in UTC."""
    where = ZoneInfo(zone)
    instant = wall.replace(tzinfo=where, fold=0).astimezone(UTC)
    if _shown(instant, where) == wall:
        return instant
    # a clock change skips the wall time: find its instant, to the second
    before, after = instant - timedelta(days=1), instant
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        if _shown(middle, where) >= wall:
            after = middle
        else:
            before = middle
    return after.replace(microsecond=0)


def _shown(instant: datetime, where: ZoneInfo) -> datetime:
    return instant.astimezone(where).replace(tzinfo=None)


def parse_zone(text: str) -> str:
    """An IANA zone, e.g. ``Europe/Paris``. Raises `Invalid`."""
    name = text.strip()
    try:
        return ZoneInfo(name).key
    except (LookupError, ValueError, OSError):
        raise Invalid("zone", "“{zone}” is not a time zone; use a name like Europe/Paris.", zone=name[:60]) from None


def parse_wall(text: str, *, field: str) -> datetime:
    """A wall time to the minute, e.g. ``2026-03-29T02:30``. Raises `Invalid`."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        found = None
    if found is None or "T" not in text.strip().upper().replace(" ", "T"):
        raise Invalid(field, "is not a date and time like 2026-03-29T22:30.")
    if found.tzinfo is not None:
        raise Invalid(field, "is a wall time and takes no offset; the zone is a field of its own.")
    if not EARLIEST_YEAR <= found.year <= LATEST_YEAR:
        raise Invalid(field, "must lie between the years {least} and {most}.", least=EARLIEST_YEAR, most=LATEST_YEAR)
    return found.replace(second=0, microsecond=0)


def parse_lasts(starts: datetime, ends: str) -> timedelta:
    """How long a window lasts on the wall clock, from an end given as a wall time or a duration (``8h``, ``2d12h``,
    ``90m``).

    Raises `Invalid` unless that is 1 minute to 366 days.
    """
    duration = DURATION.fullmatch(ends.strip().lower())
    if duration and any(duration.groups()):
        days, hours, minutes = (int(number or 0) for number in duration.groups())
        lasts = timedelta(days=days, hours=hours, minutes=minutes)
    else:
        lasts = parse_wall(ends, field="ends") - starts
    if lasts < SHORTEST:
        raise Invalid("ends", "must come after the start.")
    if lasts > LONGEST:
        raise Invalid("ends", "must come at most {days} days after the start; let it recur instead.", days=LONGEST.days)
    return lasts
