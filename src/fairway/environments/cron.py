"""Five fields of cron on the wall clock of a time zone. Pure.

A day counts if it matches the day of the month *and* the weekday where only one of them is restricted, and either where both
are, as cron has always read it. Times that the clock skips come at the change of the clock. Times that it shows twice come
once, except where every hour is meant (``*`` or ``*/n`` as the hour): those go on with the hours that pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from fairway.environments.freeze_rules import instant_of
from fairway.shared.names import Invalid
from fairway.shared.translation import translate

LONGEST = 200  # characters
FARTHEST = timedelta(days=366 * 8 + 1)  # 29 February comes at least once in it, also around 2100
NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_PART = re.compile(r"(?P<from>\*|\w+)(?:-(?P<to>\w+))?(?:/(?P<step>\w+))?")


@dataclass(frozen=True)
class Cron:
    """A parsed schedule. `weekdays` count from Sunday = 0. `by_day` and `by_weekday`: whether these restrict the days."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    by_day: bool
    by_weekday: bool
    every_hour: bool

    def is_on(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        on_day, on_weekday = day.day in self.days, (day.weekday() + 1) % 7 in self.weekdays
        return (on_day or on_weekday) if self.by_day and self.by_weekday else (on_day and on_weekday)


@lru_cache(maxsize=1024)
def parse_cron(text: str) -> Cron:
    """Parse ``30 2 * * MON-FRI`` or a nickname like ``@daily``. Raises `Invalid`, which names the wrong field."""
    line = text.strip()
    if len(line) > LONGEST:
        raise Invalid("schedule", "is longer than {longest} characters.", longest=LONGEST)
    if line.startswith("@") and line.lower() not in NICKNAMES:
        raise Invalid("schedule", "{name} is not known; use {names}.", name=line.split()[0][:20], names=", ".join(NICKNAMES))
    fields = NICKNAMES.get(line.lower(), line).split()
    if len(fields) != 5:
        raise Invalid(
            "schedule",
            "needs five fields, and has {count}: minute, hour, day of the month, month, weekday, e.g. “30 2 * * *”.",
            count=len(fields),
        )
    minute, hour, day, month, weekday = fields
    found = Cron(
        minutes=_values(minute, translate("the minute"), 0, 59),
        hours=_values(hour, translate("the hour"), 0, 23),
        days=frozenset(_values(day, translate("the day of the month"), 1, 31)),
        months=frozenset(_values(month, translate("the month"), 1, 12, _MONTHS, 1)),
        weekdays=frozenset(number % 7 for number in _values(weekday, translate("the weekday"), 0, 7, _DAYS)),
        by_day=not day.startswith("*"),
        by_weekday=not weekday.startswith("*"),
        every_hour=hour.startswith("*"),
    )
    if _never(found):
        raise Invalid("schedule", "never comes: no such month has that day.")
    return found


def _never(cron: Cron) -> bool:
    longest = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}
    has_day = any(day <= longest.get(month, 31) for month in cron.months for day in cron.days)
    return not has_day and not (cron.by_day and cron.by_weekday)


def _values(text: str, name: str, least: int, most: int, words: tuple[str, ...] = (), first: int = 0) -> tuple[int, ...]:
    found: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None or (match["from"] == "*" and match["to"]):
            raise Invalid(
                "schedule", "{what} “{part}” is not a number, a range or a step like */5.", what=name, part=part[:20]
            )
        start = least if match["from"] == "*" else _number(match["from"], name, least, most, words, first)
        end = start
        if match["to"]:
            end = _number(match["to"], name, least, most, words, first)
        elif match["from"] == "*" or match["step"]:
            end = most
        if words == _DAYS and end == 0 and start > 0:
            end = 7  # FRI-SUN
        if end < start:
            raise Invalid("schedule", "{what} “{part}” ends before it begins.", what=name, part=part[:20])
        step = _number(match["step"], name, 1, most, (), 0) if match["step"] else 1
        found.update(range(start, end + 1, step))
    return tuple(sorted(found))


def _number(text: str, name: str, least: int, most: int, words: tuple[str, ...], first: int) -> int:
    if text.upper() in words:
        return words.index(text.upper()) + first
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else -1
    if not least <= number <= most:
        raise Invalid(
            "schedule",
            "{what} “{part}” must be from {least} to {most}.",
            what=name,
            part=text[:20],
            least=least,
            most=most,
        )
    return number


def next_after(cron: Cron, zone: str, at: datetime) -> datetime:
    """The first due time after `at`, in UTC."""
    where = ZoneInfo(zone)
    day = at.astimezone(where).date() - timedelta(days=1)
    last = day + FARTHEST
    while day <= last:
        if cron.is_on(day):
            for instant in _of_day(cron, zone, day):
                if instant > at:
                    return instant
        day += timedelta(days=1)
    raise AssertionError("what never comes is refused when it is parsed")


def newest_until(cron: Cron, zone: str, first: datetime, now: datetime) -> datetime | None:
    """The newest due time from `first` to `now`, both included; None if there is none. It looks no more than two days
    back, because what is older is not run any more."""
    where = ZoneInfo(zone)
    day = now.astimezone(where).date() + timedelta(days=1)
    for _ in range(4):
        if cron.is_on(day):
            due = [instant for instant in _of_day(cron, zone, day) if first <= instant <= now]
            if due:
                return due[-1]
        day -= timedelta(days=1)
    return None


@lru_cache(maxsize=512)
def _of_day(cron: Cron, zone: str, day: date) -> tuple[datetime, ...]:
    """The due times of a day that counts, in order."""
    return tuple(sorted(set(_instants(cron, zone, day))))


def _instants(cron: Cron, zone: str, day: date) -> Iterator[datetime]:
    where = ZoneInfo(zone)
    for hour in cron.hours:
        for minute in cron.minutes:
            wall = datetime.combine(day, time(hour, minute))
            first, second = (wall.replace(tzinfo=where, fold=fold).astimezone(UTC) for fold in (0, 1))
            exists = first.astimezone(where).replace(tzinfo=None) == wall
            if exists:
                yield first
                if cron.every_hour and second != first:
                    yield second
            elif not cron.every_hour:
                yield instant_of(wall, zone)
