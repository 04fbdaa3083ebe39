"""Which backups stay, when one is late, and which schedules are accepted."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.environments.cron import next_after, parse_cron
from fairway.resources.schedule_rules import (
    Copy,
    Retention,
    default_schedule,
    kept,
    late_since,
    parse_backup_cron,
    parse_retention,
)
from fairway.shared.names import Invalid

START = datetime(2026, 1, 1, tzinfo=UTC)
ZONES = st.sampled_from(["UTC", "Europe/Paris", "America/New_York", "Pacific/Kiritimati"])
COUNTS = st.builds(Retention, st.integers(0, 9), st.integers(0, 6), st.integers(0, 5))


@st.composite
def histories(draw: st.DrawFn) -> list[Copy]:
    """Backups of one database over half a year, good and bad ones, several on some days."""
    minutes = draw(st.lists(st.integers(0, 60 * 24 * 180), max_size=40))
    return [
        Copy(
            number,
            START + timedelta(minutes=at),
            is_verified=draw(st.booleans()),
            is_needed=draw(st.integers(0, 9)) == 0,
        )
        for number, at in enumerate(minutes, start=1)
    ]


def newest_first(copies: list[Copy]) -> list[Copy]:
    return sorted(copies, key=lambda copy: (copy.at, copy.number), reverse=True)


def by_day(copies: list[Copy], zone: str) -> dict[object, list[Copy]]:
    found: dict[object, list[Copy]] = defaultdict(list)
    for copy in newest_first(copies):
        found[copy.at.astimezone(ZoneInfo(zone)).date()].append(copy)
    return found


@given(histories(), COUNTS, ZONES)
def test_the_newest_verified_one_always_stays(copies: list[Copy], keep: Retention, zone: str) -> None:
    verified = [copy.number for copy in newest_first(copies) if copy.is_verified]
    assert set(verified[:1]) <= kept(copies, keep, zone)


@given(histories(), COUNTS, ZONES)
def test_what_is_needed_always_stays(copies: list[Copy], keep: Retention, zone: str) -> None:
    assert {copy.number for copy in copies if copy.is_needed} <= kept(copies, keep, zone)


@given(histories(), COUNTS, ZONES)
def test_of_the_latest_days_with_a_verified_one_the_newest_verified_stays(
    copies: list[Copy], keep: Retention, zone: str
) -> None:
    days = by_day([copy for copy in copies if copy.is_verified], zone)
    wanted = {days[day][0].number for day in list(days)[: keep.daily]}
    assert wanted <= kept(copies, keep, zone)


@given(histories(), COUNTS, ZONES)
def test_one_that_is_not_verified_stays_for_no_day_that_has_a_verified_one(
    copies: list[Copy], keep: Retention, zone: str
) -> None:
    stay = kept(copies, keep, zone)
    for there in by_day(copies, zone).values():
        bad = [copy for copy in there if copy.number in stay and not copy.is_verified and not copy.is_needed]
        assert len(bad) <= 1
        assert not (bad and any(copy.is_verified for copy in there))


@given(histories(), COUNTS, ZONES)
def test_bad_ones_push_no_good_one_out(copies: list[Copy], keep: Retention, zone: str) -> None:
    good = [copy for copy in copies if copy.is_verified]
    assert kept(good, keep, zone) == kept(copies, keep, zone) & {copy.number for copy in good}


@given(histories(), COUNTS, ZONES)
def test_no_more_stay_than_was_asked_for(copies: list[Copy], keep: Retention, zone: str) -> None:
    stay = kept(copies, keep, zone)
    verified = [copy for copy in copies if copy.is_verified and not copy.is_needed and copy.number in stay]
    assert len(verified) <= max(1, keep.daily + keep.weekly + keep.monthly)
    bad = [copy for copy in copies if not copy.is_verified and not copy.is_needed and copy.number in stay]
    assert len(bad) <= keep.daily


@given(histories(), COUNTS, ZONES)
def test_removing_twice_removes_nothing_more(copies: list[Copy], keep: Retention, zone: str) -> None:
    once = kept(copies, keep, zone)
    assert kept([copy for copy in copies if copy.number in once], keep, zone) == once


@given(histories(), COUNTS, COUNTS, ZONES)
def test_keeping_more_removes_nothing_that_stayed(copies: list[Copy], keep: Retention, more: Retention, zone: str) -> None:
    larger = Retention(keep.daily + more.daily, keep.weekly + more.weekly, keep.monthly + more.monthly)
    assert kept(copies, keep, zone) <= kept(copies, larger, zone)


@given(st.integers(40, 400))
def test_a_nightly_schedule_keeps_seven_days_four_weeks_and_three_months(nights: int) -> None:
    """As it happens: what is not kept is removed after every backup."""
    there: list[Copy] = []
    for night in range(nights):
        there.append(Copy(night, START + timedelta(days=night, hours=3), is_verified=True))
        stay = kept(there, Retention(), "UTC")
        there = [copy for copy in there if copy.number in stay]
    days = [(START + timedelta(days=copy.number)).date() for copy in there]
    newest = (START + timedelta(days=nights - 1)).date()
    assert {newest - timedelta(days=back) for back in range(7)} <= set(days)
    assert len({day.isocalendar()[:2] for day in days}) >= 4
    assert len({(day.year, day.month) for day in days}) >= min(
        3, len({(START + timedelta(days=n)).month for n in range(nights)})
    )
    assert len(days) <= 14


def test_a_week_without_any_good_one_costs_no_old_one() -> None:
    good = [Copy(number, START + timedelta(days=number), is_verified=True) for number in range(3)]
    bad = [Copy(10 + number, START + timedelta(days=10 + number), is_verified=False) for number in range(20)]
    stay = kept([*good, *bad], Retention(3, 0, 0), "UTC")
    assert stay == {0, 1, 2, 27, 28, 29}


def test_days_are_those_of_the_zone() -> None:
    late, early = datetime(2026, 6, 1, 22, 30, tzinfo=UTC), datetime(2026, 6, 2, 21, 30, tzinfo=UTC)
    copies = [Copy(1, late, True), Copy(2, early, True)]
    assert kept(copies, Retention(2, 0, 0), "UTC") == {1, 2}
    assert kept(copies, Retention(2, 0, 0), "Europe/Paris") == {2}


@pytest.mark.parametrize(
    ("schedule", "minutes_after", "is_late"),
    [
        ("0 3 * * *", 119, False),
        ("0 3 * * *", 121, True),
        ("0 * * * *", 29, False),
        ("0 * * * *", 31, True),
        ("*/15 * * * *", 7, False),
        ("*/15 * * * *", 8, True),
        ("0 3 1 * *", 121, True),
    ],
)
def test_late_is_two_hours_or_half_the_time_to_the_next(schedule: str, minutes_after: int, is_late: bool) -> None:
    cron, since = parse_cron(schedule), datetime(2026, 3, 10, 12, 1, tzinfo=UTC)
    due = next_after(cron, "UTC", since)
    found = late_since(cron, "UTC", since=since, now=due + timedelta(minutes=minutes_after))
    assert found == (due if is_late else None)


def test_before_the_first_due_time_nothing_is_late_and_long_after_the_first_one_is_named() -> None:
    cron, since = parse_cron("0 3 * * *"), datetime(2026, 3, 10, 12, tzinfo=UTC)
    assert late_since(cron, "UTC", since=since, now=since) is None
    first = datetime(2026, 3, 11, 3, tzinfo=UTC)
    assert late_since(cron, "UTC", since=since, now=since + timedelta(days=30)) == first


@pytest.mark.parametrize("text", ["* * * * *", "*/5 * * * *", "0,10 * * * *", "0,50 * * * *"])
def test_what_comes_too_often_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="too often") as refused:
        parse_backup_cron(text)
    assert refused.value.field == "schedule"


@pytest.mark.parametrize("text", ["*/15 * * * *", "0 * * * *", "@daily", "30 2 * * MON"])
def test_what_leaves_time_is_accepted(text: str) -> None:
    assert parse_backup_cron(text) == parse_cron(text)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"daily": -1}, "daily"),
        ({"weekly": 367}, "weekly"),
        ({"monthly": 1000}, "monthly"),
        ({"daily": 0, "weekly": 0, "monthly": 0}, "daily"),
    ],
)
def test_retention_that_makes_no_sense_names_its_field(values: dict[str, int], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_retention(**{"daily": 1, "weekly": 1, "monthly": 1, **values})
    assert refused.value.field == field


@given(st.integers(1, 10**6))
def test_the_default_is_one_night_time_a_day(number: int) -> None:
    cron = parse_backup_cron(default_schedule(number))
    assert (cron.hours, len(cron.minutes), cron.by_day, cron.by_weekday) == ((3,), 1, False, False)
