"""A month or a week as a grid of days."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.shared.names import Invalid
from fairway.web.presenters.calendar_grid import Entry, instants, span, weeks

PARIS = ZoneInfo("Europe/Paris")


def entry(starts: str, ends: str = "", title: str = "one") -> Entry:
    begins = datetime.fromisoformat(starts).replace(tzinfo=PARIS)
    return Entry("release", title, begins, datetime.fromisoformat(ends).replace(tzinfo=PARIS) if ends else begins)


@given(st.dates(date(2000, 1, 1), date(2099, 12, 31)))
def test_a_month_is_whole_weeks_from_monday_and_holds_each_of_its_days_once(day: date) -> None:
    rows = weeks(span("month", day), [], zone=PARIS, today=day)
    assert all(len(row) == 7 and row[0].day.weekday() == 0 for row in rows)
    inside = [one.day for row in rows for one in row if not one.is_outside]
    assert inside == [day.replace(day=1) + timedelta(days=number) for number in range(len(inside))]
    assert (inside[-1] + timedelta(days=1)).day == 1
    assert [one.day for row in rows for one in row if one.is_today] == [day]


@given(st.dates(date(2001, 1, 1), date(2098, 12, 31)), st.sampled_from(["month", "week"]))
def test_one_page_on_and_back_shows_the_same(day: date, view: str) -> None:
    shown = span(view, day)
    again = span(view, span(view, shown.after).before)
    assert (again.first, again.last) == (shown.first, shown.last)


def test_an_entry_stands_on_each_day_it_touches() -> None:
    rows = weeks(
        span("month", date(2026, 3, 1)), [entry("2026-03-30T22:00", "2026-04-01T00:00")], zone=PARIS, today=date(2026, 3, 1)
    )
    touched = {one.day: one.pieces[0] for row in rows for one in row if one.pieces}
    assert sorted(touched) == [date(2026, 3, 30), date(2026, 3, 31)]
    first, last = touched[date(2026, 3, 30)], touched[date(2026, 3, 31)]
    assert (first.has_begun, first.goes_on, first.is_whole_day) == (False, True, False)
    assert (last.has_begun, last.goes_on, last.is_whole_day) == (True, False, True)


def test_an_instant_at_midnight_belongs_to_the_day_that_begins() -> None:
    rows = weeks(span("week", date(2026, 3, 4)), [entry("2026-03-05T00:00")], zone=PARIS, today=date(2026, 3, 4))
    assert [one.day for one in rows[0] if one.pieces] == [date(2026, 3, 5)]


def test_the_reader_sees_their_own_days() -> None:
    late = entry("2026-03-04T23:30")
    tokyo = weeks(span("week", date(2026, 3, 4)), [late], zone=ZoneInfo("Asia/Tokyo"), today=date(2026, 3, 4))
    assert [one.day for one in tokyo[0] if one.pieces] == [date(2026, 3, 5)]


def test_the_day_clocks_go_forward_is_23_hours_long() -> None:
    begins, ends = instants(span("week", date(2026, 3, 29)), PARIS)
    assert ends.timestamp() - begins.timestamp() == (7 * 24 - 1) * 3600


def test_whole_days_come_first_then_the_clock() -> None:
    entries = [entry("2026-03-04T18:00", title="late"), entry("2026-03-04T08:00", title="early")]
    entries.append(entry("2026-03-01T00:00", "2026-03-10T00:00", "freeze"))
    (row,) = weeks(span("week", date(2026, 3, 4)), entries, zone=PARIS, today=date(2026, 3, 4))
    assert [piece.entry.title for piece in row[2].pieces] == ["freeze", "early", "late"]


def test_a_date_nobody_plans_for_is_refused() -> None:
    with pytest.raises(Invalid, match="2000-01-01"):
        span("month", date(9999, 12, 31))
