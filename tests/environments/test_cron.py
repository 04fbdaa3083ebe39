"""Five fields of cron: what they mean, also when the clock changes, and what is said about wrong ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.environments.cron import NICKNAMES, Cron, newest_until, next_after, parse_cron
from fairway.shared.names import Invalid

ZONES = ("UTC", "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata")
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2028, 12, 1), timezones=st.just(UTC))


def following(text: str, zone: str, at: str, count: int = 3) -> list[str]:
    """The next due times as the zone's clock shows them."""
    moment, found = datetime.fromisoformat(at).astimezone(UTC), []
    for _ in range(count):
        moment = next_after(parse_cron(text), zone, moment)
        found.append(moment.astimezone(ZoneInfo(zone)).strftime("%a %m-%d %H:%M %z"))
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*/20 * * * *", ["Mon 03-02 10:20 +0100", "Mon 03-02 10:40 +0100", "Mon 03-02 11:00 +0100"]),
        ("30 2 * * *", ["Tue 03-03 02:30 +0100", "Wed 03-04 02:30 +0100", "Thu 03-05 02:30 +0100"]),
        ("0 9 * * MON-FRI/2", ["Wed 03-04 09:00 +0100", "Fri 03-06 09:00 +0100", "Mon 03-09 09:00 +0100"]),
        ("0 9 * * fri-sun", ["Fri 03-06 09:00 +0100", "Sat 03-07 09:00 +0100", "Sun 03-08 09:00 +0100"]),
        ("0 0 13 * FRI", ["Fri 03-06 00:00 +0100", "Fri 03-13 00:00 +0100", "Fri 03-20 00:00 +0100"]),
        ("0 12 1,15 jan,jul *", ["Wed 07-01 12:00 +0200", "Wed 07-15 12:00 +0200", "Fri 01-01 12:00 +0100"]),
        ("@weekly", ["Sun 03-08 00:00 +0100", "Sun 03-15 00:00 +0100", "Sun 03-22 00:00 +0100"]),
        ("0 0 29 2 *", ["Tue 02-29 00:00 +0100", "Sun 02-29 00:00 +0100", "Fri 02-29 00:00 +0100"]),
        ("0 0 * * 7", ["Sun 03-08 00:00 +0100", "Sun 03-15 00:00 +0100", "Sun 03-22 00:00 +0100"]),
    ],
)
def test_what_it_means(text: str, expected: list[str]) -> None:
    assert following(text, "Europe/Paris", "2026-03-02T10:05+01:00") == expected


def test_a_time_that_the_clock_skips_comes_at_the_change() -> None:
    skipped = following("30 2 * * *", "Europe/Paris", "2026-03-28T12:00+01:00", 2)
    assert skipped == ["Sun 03-29 03:00 +0200", "Mon 03-30 02:30 +0200"]
    hourly = following("30 * * * *", "Europe/Paris", "2026-03-29T00:45+01:00", 2)
    assert hourly == ["Sun 03-29 01:30 +0100", "Sun 03-29 03:30 +0200"]


def test_a_time_that_the_clock_shows_twice_comes_once_but_every_hour_goes_on() -> None:
    twice = following("30 2 * * *", "Europe/Paris", "2026-10-24T12:00+02:00", 2)
    assert twice == ["Sun 10-25 02:30 +0200", "Mon 10-26 02:30 +0100"]
    hourly = following("30 */1 * * *", "Europe/Paris", "2026-10-25T01:45+02:00", 3)
    assert hourly == ["Sun 10-25 02:30 +0200", "Sun 10-25 02:30 +0100", "Sun 10-25 03:30 +0100"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has 0:"),
        ("* * * *", "has 4:"),
        ("60 * * * *", "minute “60” must be from 0 to 59"),
        ("* 24 * * *", "hour “24”"),
        ("* * 0 * *", "day of the month “0”"),
        ("* * * foo *", "month “foo”"),
        ("* * * * 8", "weekday “8”"),
        ("*/0 * * * *", "minute “0” must be from 1"),
        ("9-5 * * * *", "ends before it begins"),
        ("1- * * * *", "not a number, a range or a step"),
        ("*-5 * * * *", "not a number, a range or a step"),
        ("1,,2 * * * *", "not a number"),
        ("0 0 30 2 *", "never comes"),
        ("0 0 31 4,6,9,11 *", "never comes"),
        ("@reboot", "@reboot is not known; use @hourly"),
        ("@", "is not known"),
        ("* " * 200, "longer than"),
        ("٣ * * * *", "must be from"),
    ],
)
def test_what_is_wrong_is_named(text: str, words: str) -> None:
    with pytest.raises(Invalid, match=words) as caught:
        parse_cron(text)
    assert caught.value.field == "schedule"


@st.composite
def crons(draw: st.DrawFn) -> Cron:
    def field(least: int, most: int) -> str:
        number = st.integers(least, most)
        span = st.tuples(number, number).map(lambda pair: "{}-{}".format(*sorted(pair)))
        return draw(st.one_of(st.just("*"), number.map(str), span, st.integers(1, most).map("*/{}".format)))

    return parse_cron(f"{field(0, 59)} {field(0, 23)} {field(1, 28)} * {field(0, 7)}")


@given(crons(), st.sampled_from(ZONES), MOMENTS)
def test_the_next_time_is_later_and_none_is_between(cron: Cron, zone: str, at: datetime) -> None:
    found = next_after(cron, zone, at)
    assert found > at
    assert found.second == 0
    shown = found.astimezone(ZoneInfo(zone))
    is_regular = shown.hour in cron.hours and shown.minute in cron.minutes and cron.is_on(shown.date())
    before = (found - timedelta(minutes=1)).astimezone(ZoneInfo(zone)).utcoffset()
    assert is_regular or before != shown.utcoffset(), "only where the clock changes"
    assert newest_until(cron, zone, at + timedelta(microseconds=1), found) == found
    assert newest_until(cron, zone, found - timedelta(hours=1), found - timedelta(seconds=1)) != found


@given(st.sampled_from(ZONES), MOMENTS)
def test_every_minute_is_every_minute_that_passes(zone: str, at: datetime) -> None:
    found = [at]
    for _ in range(5):
        found.append(next_after(parse_cron("* * * * *"), zone, found[-1]))
    assert all(later - earlier == timedelta(minutes=1) for earlier, later in pairwise(found[1:]))


@given(st.sampled_from(ZONES), st.integers(0, 23), st.integers(0, 59), MOMENTS)
def test_a_daily_time_comes_once_a_day(zone: str, hour: int, minute: int, at: datetime) -> None:
    days, moment = [], at
    for _ in range(10):
        moment = next_after(parse_cron(f"{minute} {hour} * * *"), zone, moment)
        days.append(moment.astimezone(ZoneInfo(zone)).date())
    assert all(later - earlier == timedelta(days=1) for earlier, later in pairwise(days))


def test_nicknames_are_schedules() -> None:
    assert all(parse_cron(name) == parse_cron(text) for name, text in NICKNAMES.items())
    assert parse_cron("@Daily") == parse_cron("0 0 * * *")
