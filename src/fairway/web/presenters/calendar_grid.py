"""A month or week as a grid of days. Pure.

Days begin at midnight in the reader's zone, weeks on Monday (ISO 8601). An entry is on every day that it touches.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from fairway.shared.names import Invalid

EARLIEST, LATEST = date(2000, 1, 1), date(2100, 1, 1)  # date arithmetic outside these may overflow


@dataclass(frozen=True)
class Entry:
    """An entry of the calendar. `ends` equals `starts` for an instant; `conflict` is why it would be blocked, or ""."""

    kind: str  # "release", "freeze" or "lock"
    title: str
    starts: datetime
    ends: datetime
    url: str = ""
    status: str = ""
    where: str = ""  # the environment's name, "" for all
    conflict: str = ""


@dataclass(frozen=True)
class Piece:
    """The part of an entry on one day; it may have begun before or continue after."""

    entry: Entry
    starts: datetime  # in the reader's zone
    ends: datetime
    has_begun: bool
    goes_on: bool
    is_whole_day: bool


@dataclass(frozen=True)
class Day:
    day: date
    is_today: bool
    is_outside: bool  # of the month shown
    pieces: tuple[Piece, ...] = ()


@dataclass(frozen=True)
class Span:
    """The days of a page, and the dates of the previous and next page; `first` and `last` are inclusive."""

    view: str
    at: date
    first: date
    last: date
    before: date
    after: date


def span(view: str, at: date) -> Span:
    """The whole weeks that show the month of `at`, or its week. Raises `Invalid` for a date outside 2000–2099."""
    if not EARLIEST <= at < LATEST:
        raise Invalid("at", "must lie between {first} and {last}.", first=EARLIEST.isoformat(), last=LATEST.isoformat())
    if view == "week":
        monday = at - timedelta(days=at.weekday())
        return Span(view, at, monday, monday + timedelta(days=6), at - timedelta(days=7), at + timedelta(days=7))
    first = at.replace(day=1)
    after = (first + timedelta(days=31)).replace(day=1)
    before, last = (first - timedelta(days=1)).replace(day=1), after - timedelta(days=1)
    grid_first = first - timedelta(days=first.weekday())
    return Span("month", at, grid_first, last + timedelta(days=6 - last.weekday()), before, after)


def instants(shown: Span, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """When the page's first day begins and its last ends."""
    return _midnight(shown.first, zone), _midnight(shown.last + timedelta(days=1), zone)


def weeks(shown: Span, entries: Iterable[Entry], *, zone: ZoneInfo, today: date) -> list[list[Day]]:
    """The days of the page in rows of seven, each with its entries: the longest first, then by time."""
    ordered = sorted(entries, key=lambda one: (one.starts - one.ends if one.ends > one.starts else timedelta(), one.starts))
    count = (shown.last - shown.first).days + 1
    days = [_day(shown, shown.first + timedelta(days=number), ordered, zone, today) for number in range(count)]
    return [days[number : number + 7] for number in range(0, count, 7)]


def _day(shown: Span, day: date, entries: Sequence[Entry], zone: ZoneInfo, today: date) -> Day:
    begins, ends = _midnight(day, zone), _midnight(day + timedelta(days=1), zone)
    pieces = tuple(_piece(entry, begins, ends, zone) for entry in entries if _touches(entry, begins, ends))
    outside = shown.view == "month" and (day.year, day.month) != (shown.at.year, shown.at.month)
    return Day(day, day == today, outside, tuple(sorted(pieces, key=_place)))


def _place(piece: Piece) -> tuple[bool, datetime]:
    return (not piece.is_whole_day, piece.starts)


def _touches(entry: Entry, begins: datetime, ends: datetime) -> bool:
    return entry.starts < ends and (entry.ends > begins or entry.starts == entry.ends >= begins)


def _piece(entry: Entry, begins: datetime, ends: datetime, zone: ZoneInfo) -> Piece:
    has_begun, goes_on = entry.starts < begins, entry.ends > ends
    return Piece(
        entry,
        max(entry.starts, begins).astimezone(zone),
        min(entry.ends, ends).astimezone(zone),
        has_begun,
        goes_on,
        entry.starts <= begins and entry.ends >= ends,
    )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """When a day begins. Where clocks skip midnight (Beirut, once a year) this is the instant they skip it."""
    return datetime.combine(day, time(), zone)
