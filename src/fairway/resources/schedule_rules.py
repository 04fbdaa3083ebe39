"""When backups are taken by themselves, which of them are kept, and when one is late. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from fairway.environments.cron import Cron, next_after, parse_cron
from fairway.shared.names import Invalid

LATE_AFTER = timedelta(hours=2)
LEAST_APART = 15  # minutes between two due times
MOST_KEPT = 366  # of each kind
DEFAULT_HOUR = 3  # after the hour at which most clocks change


@dataclass(frozen=True)
class Retention:
    """Of how many days, weeks and months one backup each is kept."""

    daily: int = 7
    weekly: int = 4
    monthly: int = 3


@dataclass(frozen=True)
class Copy:
    """One backup of one database. `is_needed`: it is being taken, or something is being restored from it."""

    number: int
    at: datetime
    is_verified: bool
    is_needed: bool = False


def default_schedule(number: int) -> str:
    """Every night. The minute depends on the resource's number, so that not all of them are copied at the same time."""
    return f"{number % 60} {DEFAULT_HOUR} * * *"


def parse_backup_cron(text: str) -> Cron:
    """A schedule of backups. Raises `Invalid` if it is none, or comes more often than every `LEAST_APART` minutes."""
    cron = parse_cron(text)
    minutes = [*cron.minutes, cron.minutes[0] + 60]
    if any(second - first < LEAST_APART for first, second in pairwise(minutes)):
        raise Invalid(
            "schedule", "comes too often; leave at least {minutes} minutes between two backups.", minutes=LEAST_APART
        )
    return cron


def parse_retention(*, daily: int, weekly: int, monthly: int) -> Retention:
    """Raises `Invalid` for a number that is out of range, or if nothing would be kept."""
    for field, number in (("daily", daily), ("weekly", weekly), ("monthly", monthly)):
        if not 0 <= number <= MOST_KEPT:
            raise Invalid(field, "must be from 0 to {most}.", most=MOST_KEPT)
    if not daily + weekly + monthly:
        raise Invalid("daily", "keep at least one backup: of a day, a week or a month.")
    return Retention(daily, weekly, monthly)


def kept(copies: Iterable[Copy], retention: Retention, zone: str) -> frozenset[int]:
    """The numbers of the backups that stay, of those of one database.

    Of each of the latest `daily` days that have a verified backup, the newest verified one stays; weeks (from Monday) and
    months likewise, on the clock of `zone`. Days without any backup do not count, so nothing goes only because time passes.
    A backup that is not verified takes nobody's place: it stays if it is the newest of one of the latest `daily` days, and
    that day has no verified one. The newest verified backup always stays, and so does what is needed.
    """
    newest_first = sorted(copies, key=lambda copy: (copy.at, copy.number), reverse=True)
    verified = [copy for copy in newest_first if copy.is_verified]
    where = ZoneInfo(zone)

    def day(copy: Copy) -> Hashable:
        return copy.at.astimezone(where).date()

    def week(copy: Copy) -> Hashable:
        return copy.at.astimezone(where).isocalendar()[:2]

    def month(copy: Copy) -> Hashable:
        local = copy.at.astimezone(where)
        return local.year, local.month

    stay = {copy.number for copy in newest_first if copy.is_needed} | {copy.number for copy in verified[:1]}
    for count, period in ((retention.daily, day), (retention.weekly, week), (retention.monthly, month)):
        stay |= {copy.number for copy in _newest_of_each(verified, period)[:count]}
    good_days = {day(copy) for copy in verified}
    for copy in _newest_of_each(newest_first, day)[: retention.daily]:
        if day(copy) not in good_days:
            stay.add(copy.number)
    return frozenset(stay)


def _newest_of_each(newest_first: Collection[Copy], period: Callable[[Copy], Hashable]) -> list[Copy]:
    found: dict[Hashable, Copy] = {}
    for copy in newest_first:
        found.setdefault(period(copy), copy)
    return list(found.values())


def late_since(cron: Cron, zone: str, *, since: datetime, now: datetime) -> datetime | None:
    """The due time that passed without a good backup; None if none is late.

    `since` is when the last good backup was requested, or when the schedule began if that was later. A backup is late two
    hours after its due time, or after half the time to the next one if that is shorter.
    """
    due = next_after(cron, zone, since)
    allowed = min(LATE_AFTER, (next_after(cron, zone, due) - due) / 2)
    return due if now > due + allowed else None
