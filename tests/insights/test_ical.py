"""Planned releases as iCalendar, read again by a parser."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar

from fairway.insights.ical import Certainty, Item, icalendar_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
URL = "https://fairway.example.com/releases/7"


def item(starts: datetime, certainty: Certainty = Certainty.CONFIRMED, text: str = "") -> Item:
    ends = starts + timedelta(hours=1)
    return Item("rollout-7@fairway", 2, "Autumn; 2026, “11”", starts, ends, certainty, URL, text)


def read_again(*items: Item) -> Calendar:
    return Calendar.from_ical(icalendar_of(items, name="Fairway", now=NOW))


@pytest.mark.parametrize("zone", ["Europe/Paris", "America/New_York"])
@pytest.mark.parametrize("day", [(2026, 3, 28), (2026, 3, 30), (2026, 10, 24), (2026, 10, 26), (2026, 11, 2)])
def test_wall_time_and_zone_survive_on_both_sides_of_the_clock_change(zone: str, day: tuple[int, int, int]) -> None:
    starts = datetime(*day, 20, 30, tzinfo=ZoneInfo(zone))
    (event,) = read_again(item(starts)).walk("VEVENT")
    assert event["DTSTART"].params["TZID"] == zone
    assert event.decoded("DTSTART").replace(tzinfo=None) == starts.replace(tzinfo=None)
    assert event.decoded("DTSTART").astimezone(UTC) == starts.astimezone(UTC)


def test_the_rules_of_the_zone_come_along() -> None:
    calendar = read_again(item(datetime(2026, 3, 30, 20, tzinfo=ZoneInfo("Europe/Paris"))))
    assert [str(one["TZID"]) for one in calendar.walk("VTIMEZONE")] == ["Europe/Paris"]


def test_what_a_program_needs_to_follow_a_change_is_there() -> None:
    (event,) = read_again(item(NOW, Certainty.CANCELLED, "Production; 2 packages")).walk("VEVENT")
    assert (str(event["UID"]), event["SEQUENCE"], str(event["STATUS"])) == ("rollout-7@fairway", 2, "CANCELLED")
    assert (str(event["SUMMARY"]), str(event["DESCRIPTION"])) == ("Autumn; 2026, “11”", "Production; 2 packages")
    assert str(event["URL"]) == URL


def test_an_empty_calendar_is_a_calendar() -> None:
    calendar = read_again()
    assert (str(calendar["VERSION"]), calendar.walk("VEVENT")) == ("2.0", [])
