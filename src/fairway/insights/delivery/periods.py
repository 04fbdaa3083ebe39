"""Periods of whole days on the reader's clock. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from fairway.shared.names import Invalid, check_year

OFFERED = (7, 30, 90)  # days
USUAL = 30
LONGEST = 366  # days
MOST_DAYS_BY_DAY = 31  # a longer period is drawn by week
A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Period:
    """The days from `since` to `until`, both included, in `zone`."""

    since: date
    until: date
    zone: tzinfo

    @property
    def begins(self) -> datetime:
        return datetime.combine(self.since, time.min, self.zone)

    @property
    def ends(self) -> datetime:
        """The first moment after it."""
        return datetime.combine(self.until + A_DAY, time.min, self.zone)

    @property
    def days(self) -> int:
        return (self.until - self.since).days + 1

    @property
    def before(self) -> Period:
        """The period of the same length that ends the day before this one begins."""
        return Period(self.since - self.days * A_DAY, self.since - A_DAY, self.zone)

    @property
    def is_by_week(self) -> bool:
        """Whether its parts are weeks, from Monday to Sunday; otherwise they are days."""
        return self.days > MOST_DAYS_BY_DAY

    def has(self, moment: datetime) -> bool:
        return self.begins <= moment < self.ends

    def day_of(self, moment: datetime) -> date:
        """The day of a moment on the reader's clock."""
        return moment.astimezone(self.zone).date()

    def days_so_far(self, now: datetime) -> int:
        """How many of its days have begun; at least 1."""
        return max(1, min(self.days, (self.day_of(now) - self.since).days + 1))

    def dates(self) -> list[date]:
        return [self.since + number * A_DAY for number in range(self.days)]

    def parts(self) -> list[Period]:
        """Its days, or its weeks if it is long. The first and the last week may be shorter than seven days."""
        return list(self._parts())

    def _parts(self) -> Iterator[Period]:
        first = self.since
        while first <= self.until:
            last = first + (6 - first.weekday()) * A_DAY if self.is_by_week else first
            yield Period(first, min(last, self.until), self.zone)
            first = last + A_DAY


def last_days(days: int, now: datetime, zone: tzinfo) -> Period:
    """The last so many days, today included."""
    today = now.astimezone(zone).date()
    return Period(today - (days - 1) * A_DAY, today, zone)


def parse_period(*, days: int | None, since: str, until: str, now: datetime, zone: tzinfo) -> Period:
    """The last so many `days`, or from one day to another (``2026-11-01``). Without any of them, the last 30 days. Raises
    `Invalid`."""
    if days is not None and (since or until):
        raise Invalid("days", "cannot be given together with “since” or “until”; leave it out, or those.")
    if not since and not until:
        days = USUAL if days is None else days
        if not 1 <= days <= LONGEST:
            raise Invalid("days", "must be between 1 and {most}.", most=LONGEST)
        return last_days(days, now, zone)
    last = _day(until, "until") if until else now.astimezone(zone).date()
    first = _day(since, "since") if since else last - (USUAL - 1) * A_DAY
    if first > last:
        raise Invalid("until" if until else "since", "the period ends before it begins; choose a later end.")
    if (last - first).days >= LONGEST:
        raise Invalid("since", "a period has at most {most} days; choose a later begin.", most=LONGEST)
    return Period(first, last, zone)


def _day(text: str, field: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or len(text) != len("2026-11-01"):
        raise Invalid(field, "is not a day; write it like 2026-11-01.")
    check_year(found, field=field)
    return found
