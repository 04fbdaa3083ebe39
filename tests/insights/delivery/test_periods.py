"""Periods of whole days on the reader's clock: their borders, their parts, and what is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.insights.delivery.periods import Period, last_days, parse_period
from fairway.shared.names import Invalid

NOW = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")


def parsed(zone=UTC, **given):
    return parse_period(**{"days": None, "since": "", "until": "", **given}, now=NOW, zone=zone)


def test_the_usual_period_is_the_last_thirty_days_of_the_reader():
    assert (parsed().since, parsed().until) == (date(2026, 11, 1), date(2026, 11, 30))
    assert parsed(PARIS).until == date(2026, 12, 1), "it is tomorrow there already"


@pytest.mark.parametrize(
    ("given", "since", "until"),
    [
        ({"days": 7}, "2026-11-24", "2026-11-30"),
        ({"since": "2026-11-03"}, "2026-11-03", "2026-11-30"),
        ({"until": "2026-10-30"}, "2026-10-01", "2026-10-30"),
        ({"since": "2026-02-28", "until": "2026-03-01"}, "2026-02-28", "2026-03-01"),
        ({"since": "2024-01-01", "until": "2024-12-31"}, "2024-01-01", "2024-12-31"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_what_is_asked_for(given, since, until):
    assert (str(parsed(**given).since), str(parsed(**given).until)) == (since, until)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"days": 0}, "days"),
        ({"days": 367}, "days"),
        ({"days": 7, "since": "2026-11-01"}, "days"),
        ({"since": "yesterday"}, "since"),
        ({"since": "20261101"}, "since"),
        ({"until": "2026-02-30"}, "until"),
        ({"since": "2026-11-02", "until": "2026-11-01"}, "until"),
        ({"since": "2026-12-24"}, "since"),
        ({"since": "2024-01-01", "until": "2025-01-01"}, "since"),
        ({"since": "0001-01-01", "until": "0001-01-02"}, "until"),
        ({"until": "9999-12-31"}, "until"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused_by_the_name_of_its_field(given, field):
    with pytest.raises(Invalid) as refused:
        parsed(**given)
    assert refused.value.field == field


def test_a_day_has_23_hours_where_the_clock_goes_forward():
    period = Period(date(2026, 3, 29), date(2026, 3, 29), PARIS)
    assert period.ends.astimezone(UTC) - period.begins.astimezone(UTC) == timedelta(hours=23)


def test_only_days_that_have_begun_count():
    november = Period(date(2026, 11, 1), date(2026, 11, 30), UTC)
    assert november.days_so_far(datetime(2026, 11, 10, 0, 1, tzinfo=UTC)) == 10
    assert november.days_so_far(datetime(2027, 1, 1, tzinfo=UTC)) == 30
    assert november.days_so_far(datetime(2026, 10, 1, tzinfo=UTC)) == 1


def test_weeks_begin_on_monday():
    parts = last_days(90, NOW, UTC).parts()
    assert all(part.since.weekday() == 0 for part in parts[1:])
    assert all(part.days == 7 for part in parts[1:-1])


@given(
    st.dates(date(1980, 1, 1), date(2100, 1, 1)),
    st.integers(1, 366),
    st.sampled_from(["UTC", "Europe/Paris", "Asia/Kolkata"]),
)
def test_parts_cover_every_day_once_and_the_period_before_ends_where_it_begins(since, days, zone):
    period = Period(since, since + timedelta(days=days - 1), ZoneInfo(zone))
    assert [day for part in period.parts() for day in part.dates()] == period.dates()
    assert period.before.days == period.days
    assert period.before.ends == period.begins
    assert all(earlier.ends == later.begins for earlier, later in zip(period.parts(), period.parts()[1:], strict=False))
