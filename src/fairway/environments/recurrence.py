"""Recurrence rules on the wall clock: a bounded part of RFC 5545's RRULE. Pure.

Supported are FREQ (daily to yearly), INTERVAL, COUNT, UNTIL, BYMONTH, BYMONTHDAY, BYDAY, BYSETPOS, BYHOUR, BYMINUTE and
WKST. Days are enumerated year by year, so that a rule that never matches (30 February) costs one year's enumeration, not an
endless one; see docs/decisions on freeze windows.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from fairway.shared.names import Invalid

FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
MOST_A_DAY = 24
MOST_TIMES = 10_000  # COUNT
MOST_APART = 1_000  # INTERVAL
LONGEST_RULE = 500  # characters


@dataclass(frozen=True)
class Recurrence:
    """A parsed rule. `weekdays` are (position, weekday from Monday = 0); position 0 means every such weekday of the
    period."""

    frequency: str
    interval: int = 1
    count: int | None = None
    until: datetime | None = None  # on the wall clock, inclusive
    months: tuple[int, ...] = ()
    month_days: tuple[int, ...] = ()
    weekdays: tuple[tuple[int, int], ...] = ()
    positions: tuple[int, ...] = ()
    hours: tuple[int, ...] = ()
    minutes: tuple[int, ...] = ()
    week_start: int = 0


def parse_recurrence(text: str, zone: ZoneInfo) -> Recurrence | None:
    """Parse a rule like ``FREQ=WEEKLY;BYDAY=FR``; None for "". Raises `Invalid`, which names the wrong part."""
    rule = text.strip().removeprefix("RRULE:").upper()
    if not rule:
        return None
    if len(rule) > LONGEST_RULE or "\n" in rule:
        raise Invalid("rrule", "must be one RRULE line of at most {longest} characters.", longest=LONGEST_RULE)
    values: dict[str, Any] = {}
    for part in rule.strip(";").split(";"):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not value:
            raise Invalid("rrule", "“{part}” is not of the form NAME=VALUE.", part=part[:40])
        if name not in _PARTS:
            raise Invalid("rrule", "{part} is not supported; use {names}.", part=name[:40], names=", ".join(_PARTS))
        field, read = _PARTS[name]
        if field in values:
            raise Invalid("rrule", "{part} is given twice.", part=name)
        values[field] = _until(value, zone) if name == "UNTIL" else read(name, value)
    return _checked(values)


def _checked(values: dict[str, Any]) -> Recurrence:
    """The rule, if its parts can be combined. Raises `Invalid`."""
    if "frequency" not in values:
        raise Invalid("rrule", "does not say how often: add FREQ=DAILY, WEEKLY, MONTHLY or YEARLY.")
    if "count" in values and "until" in values:
        raise Invalid("rrule", "has both COUNT and UNTIL; keep one.")
    rule = Recurrence(**values)
    is_long = rule.frequency in {"MONTHLY", "YEARLY"}
    if rule.positions and not (is_long and (rule.weekdays or rule.month_days)):
        raise Invalid("rrule", "BYSETPOS chooses among the BYDAY or BYMONTHDAY of a month or year; there are none here.")
    if any(position for position, _ in rule.weekdays) and not is_long:
        raise Invalid("rrule", "BYDAY with a number needs FREQ=MONTHLY or YEARLY.")
    if rule.month_days and rule.frequency == "WEEKLY":
        raise Invalid("rrule", "BYMONTHDAY does not go with FREQ=WEEKLY.")
    if max(1, len(rule.hours)) * max(1, len(rule.minutes)) > MOST_A_DAY:
        raise Invalid("rrule", "recurs more than {most} times a day.", most=MOST_A_DAY)
    return rule


def _frequency(name: str, value: str) -> str:
    if value not in FREQUENCIES:
        raise Invalid("rrule", "FREQ={value} is not supported; use {names}.", value=value[:20], names=", ".join(FREQUENCIES))
    return value


def _number(least: int, most: int) -> Callable[[str, str], int]:
    def read(name: str, value: str) -> int:
        digits = value.lstrip("+-") if least < 0 else value
        number = int(value) if digits.isascii() and digits.isdigit() and len(digits) < 8 else None
        if number is None or not least <= number <= most or (number == 0 and least < 0):
            raise Invalid("rrule", "{part}={value} must be a number from {least} to {most}.", part=name, value=value[:20],
                          least=least, most=most)  # fmt: skip
        return number

    return read


def _numbers(least: int, most: int) -> Callable[[str, str], tuple[int, ...]]:
    one = _number(least, most)
    return lambda name, value: tuple(sorted({one(name, piece.strip()) for piece in value.split(",")}))


def _weekday(name: str, value: str) -> int:
    if value not in WEEKDAYS:
        raise Invalid("rrule", "{part}={value} is not a weekday; those are: {names}.", part=name, value=value[:20],
                      names=", ".join(WEEKDAYS))  # fmt: skip
    return WEEKDAYS.index(value)


def _weekdays(name: str, value: str) -> tuple[tuple[int, int], ...]:
    found = set()
    for piece in (one.strip() for one in value.split(",")):
        position = _number(-53, 53)(name, piece[:-2]) if piece[:-2] else 0
        found.add((position, _weekday(name, piece[-2:])))
    return tuple(sorted(found))


def _until(value: str, zone: ZoneInfo) -> datetime:
    """The last wall time that counts: the end of a day, or a time; a time in UTC is converted to the zone."""
    for form in ("%Y%m%d", "%Y%m%dT%H%M%S", "%Y%m%dT%H%M%SZ"):
        try:
            found = datetime.strptime(value, form)
        except ValueError:
            continue
        if form == "%Y%m%d":
            return datetime.combine(found, time(23, 59, 59))
        if form.endswith("Z"):
            return found.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)
        return found
    raise Invalid("rrule", "UNTIL={value} is not a date like 20261231 or a time like 20261231T220000Z.", value=value[:30])


_PARTS: dict[str, tuple[str, Callable[[str, str], Any]]] = {
    "FREQ": ("frequency", _frequency),
    "INTERVAL": ("interval", _number(1, MOST_APART)),
    "COUNT": ("count", _number(1, MOST_TIMES)),
    "UNTIL": ("until", lambda name, value: value),
    "BYMONTH": ("months", _numbers(1, 12)),
    "BYMONTHDAY": ("month_days", _numbers(-31, 31)),
    "BYDAY": ("weekdays", _weekdays),
    "BYSETPOS": ("positions", _numbers(-366, 366)),
    "BYHOUR": ("hours", _numbers(0, 23)),
    "BYMINUTE": ("minutes", _numbers(0, 59)),
    "WKST": ("week_start", _weekday),
}


@lru_cache(maxsize=4096)
def wall_starts(rule: Recurrence | None, first: datetime, year: int) -> tuple[datetime, ...]:
    """The wall times of starts in that year, in order. `first` is the earliest start, and without a rule the only one."""
    if rule is None:
        return (first,) if first.year == year else ()
    if year < first.year or (rule.until is not None and year > rule.until.year):
        return ()
    found = [at for at in _of_year(rule, first, year) if at >= first and (rule.until is None or at <= rule.until)]
    if rule.count is not None:
        taken = 0
        for before in range(first.year, year):
            taken += len(wall_starts(rule, first, before))
            if taken >= rule.count:
                return ()
        found = found[: rule.count - taken]
    return tuple(found)


def _of_year(rule: Recurrence, first: datetime, year: int) -> Iterator[datetime]:
    times = [time(hour, minute) for hour in rule.hours or (first.hour,) for minute in rule.minutes or (first.minute,)]
    days = _days(rule, first.date(), year)
    if not rule.positions:
        yield from (datetime.combine(day, at) for day in days for at in times)
        return
    for _, period in groupby(days, key=lambda day: day.month if rule.frequency == "MONTHLY" else 0):
        chosen = [datetime.combine(day, at) for day in period for at in times]
        indexes = {position - 1 if position > 0 else len(chosen) + position for position in rule.positions}
        yield from (at for index, at in enumerate(chosen) if index in indexes)


def _days(rule: Recurrence, first: date, year: int) -> Iterator[date]:
    matches = _matcher(rule, first)
    day = date(year, 1, 1)
    for _ in range(365 + calendar.isleap(year)):
        if _is_in_step(rule, first, day) and matches(day):
            yield day
        day += timedelta(days=1)


def _is_in_step(rule: Recurrence, first: date, day: date) -> bool:
    """Whether the day is in one of every `interval` periods, counted from that of the first day."""
    if rule.frequency == "DAILY":
        apart = (day - first).days
    elif rule.frequency == "WEEKLY":
        apart = (_week(day, rule.week_start) - _week(first, rule.week_start)).days // 7
    elif rule.frequency == "MONTHLY":
        apart = (day.year - first.year) * 12 + day.month - first.month
    else:
        apart = day.year - first.year
    return apart % rule.interval == 0


def _week(day: date, week_start: int) -> date:
    return day - timedelta(days=(day.weekday() - week_start) % 7)


def _matcher(rule: Recurrence, first: date) -> Callable[[date], bool]:
    """A function that tells whether a day matches the BY parts; without any, the first day decides (RFC 5545)."""
    months, month_days, weekdays = rule.months, rule.month_days, rule.weekdays
    if not month_days and not weekdays:
        if rule.frequency == "WEEKLY":
            weekdays = ((0, first.weekday()),)
        elif rule.frequency in {"MONTHLY", "YEARLY"}:
            month_days = (first.day,)
            months = months or ((first.month,) if rule.frequency == "YEARLY" else ())
    in_month = rule.frequency == "MONTHLY" or bool(rule.months)

    def matches(day: date) -> bool:
        last = calendar.monthrange(day.year, day.month)[1]
        return (
            (not months or day.month in months)
            and (not month_days or day.day in month_days or day.day - last - 1 in month_days)
            and (not weekdays or any(day.weekday() == wanted and _is_nth(day, nth, in_month) for nth, wanted in weekdays))
        )

    return matches


def _is_nth(day: date, nth: int, in_month: bool) -> bool:
    """Whether the day is the nth (from the end if negative) of its weekday in its month or year; 0 means any."""
    if in_month:
        number, length = day.day, calendar.monthrange(day.year, day.month)[1]
    else:
        number, length = day.timetuple().tm_yday, 365 + calendar.isleap(day.year)
    return nth in {0, (number - 1) // 7 + 1, -((length - number) // 7 + 1)}
