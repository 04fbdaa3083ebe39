"""Freeze windows to the minute, on clocks that jump; checked against walks and against another implementation."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fairway.environments.freeze_rules import Kind, Window, instant_of, occurrences, state_at
from fairway.environments.recurrence import parse_recurrence, wall_starts
from fairway.shared.names import Invalid
from tests.exploring import examples

MINUTE = timedelta(minutes=1)
PARIS, NEW_YORK = "Europe/Paris", "America/New_York"


def window(starts: str, hours: float, rrule: str = "", *, zone: str = PARIS, kind: Kind = Kind.DENY, **more) -> Window:
    rule = parse_recurrence(rrule, ZoneInfo(zone))
    return Window(kind, datetime.fromisoformat(starts), timedelta(hours=hours), zone, rule, **more)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(instant: datetime, zone: str) -> str:
    return instant.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M%z")


# --- the clock


@pytest.mark.parametrize(
    ("wall", "zone", "instant"),
    [
        ("2026-03-29T01:59", PARIS, "2026-03-29T00:59"),
        ("2026-03-29T02:00", PARIS, "2026-03-29T01:00"),  # does not exist: the change itself
        ("2026-03-29T02:30", PARIS, "2026-03-29T01:00"),
        ("2026-03-29T03:00", PARIS, "2026-03-29T01:00"),
        ("2026-10-25T02:30", PARIS, "2026-10-25T00:30"),  # happens twice: the first
        ("2026-10-25T03:00", PARIS, "2026-10-25T02:00"),
        ("2026-03-08T02:30", NEW_YORK, "2026-03-08T07:00"),
        ("2026-11-01T01:30", NEW_YORK, "2026-11-01T05:30"),
        ("2026-11-01T02:00", NEW_YORK, "2026-11-01T07:00"),
        ("2011-12-30T12:00", "Pacific/Apia", "2011-12-30T10:00"),  # a day that was skipped whole
    ],
)
def test_a_wall_time_is_the_first_instant_at_which_the_clock_shows_it_or_later(wall, zone, instant):
    assert instant_of(datetime.fromisoformat(wall), zone) == utc(instant)


def test_a_window_keeps_its_wall_time_across_both_changes():
    nightly = window("2026-03-27T22:00", 8, "FREQ=DAILY")
    shown = [(local(one.starts, PARIS), local(one.ends, PARIS)) for one in occurrences(nightly, utc("2026-03-28T00:00"), 3)]
    assert shown == [
        ("2026-03-27 22:00+0100", "2026-03-28 06:00+0100"),
        ("2026-03-28 22:00+0100", "2026-03-29 06:00+0200"),
        ("2026-03-29 22:00+0200", "2026-03-30 06:00+0200"),
    ]
    autumn = occurrences(nightly, utc("2026-10-24T12:00"), 2)
    assert [one.ends - one.starts for one in autumn] == [timedelta(hours=9), timedelta(hours=8)]


def test_a_window_wholly_in_skipped_time_does_not_happen():
    skipped = window("2026-03-28T02:00", 1, "FREQ=DAILY")
    assert [local(one.starts, PARIS) for one in occurrences(skipped, utc("2026-03-28T12:00"), 2)] == [
        "2026-03-30 02:00+0200",
        "2026-03-31 02:00+0200",
    ]


def clock_says(at: datetime, zone: str) -> datetime:
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


CHANGES = [
    (PARIS, utc("2026-03-29T01:00")), (PARIS, utc("2026-10-25T01:00")),
    (NEW_YORK, utc("2026-03-08T07:00")), (NEW_YORK, utc("2026-11-01T06:00")),
    ("Australia/Lord_Howe", utc("2026-04-04T15:00")),  # half an hour
]  # fmt: skip


@st.composite
def windows_near_a_change(draw):
    """A few windows around one clock change, with the walk's span."""
    zone, change = draw(st.sampled_from(CHANGES))
    middle = clock_says(change, zone)
    found = []
    for _ in range(draw(st.integers(1, 3))):
        starts = middle + MINUTE * draw(st.integers(-2 * 24 * 60, 24 * 60))
        lasts = MINUTE * draw(st.one_of(st.integers(1, 240), st.integers(241, 1600)))
        rrule = draw(
            st.sampled_from(
                ["", "FREQ=DAILY", "FREQ=DAILY;INTERVAL=2", "FREQ=WEEKLY;BYDAY=SA,SU", "FREQ=DAILY;BYHOUR=1,2,3"]
            )
        )
        kind = draw(st.sampled_from(list(Kind)))
        found.append(Window(kind, starts, lasts, zone, parse_recurrence(rrule, ZoneInfo(zone))))
    return found, change


def marks_of(one: Window, near: tuple[datetime, timedelta]) -> list[tuple[datetime, datetime]]:
    """When the clock must show what for the window to open and to close, as far as it matters for these days."""
    low, high = near[0] - timedelta(days=2), near[0] + near[1] + timedelta(days=2)
    starts = [start for year in (2025, 2026) for start in wall_starts(one.recurrence, one.starts, year)]
    return [(start, start + one.lasts) for start in starts if start <= high and start + one.lasts >= low]


def walked(windows: list[Window], first: datetime, minutes: int) -> list[bool]:
    """Whether each minute is closed, by looking at the clock minute for minute and at nothing else."""
    opened = {id(one): False for one in windows}
    answers = []
    marks = {id(one): marks_of(one, near=(clock_says(first, "UTC"), MINUTE * minutes)) for one in windows}
    highest = dict.fromkeys(opened, datetime.min)
    for step in range(minutes):
        at = first + MINUTE * step
        for one in windows:
            shows = clock_says(at, one.zone)
            highest[id(one)] = max(highest[id(one)], shows)  # an hour that comes again starts and ends nothing
            opened[id(one)] = any(start <= highest[id(one)] < end for start, end in marks[id(one)])
        denies = [opened[id(one)] for one in windows if one.kind == Kind.DENY]
        allows = [opened[id(one)] for one in windows if one.kind == Kind.ALLOW]
        answers.append(any(denies) or (bool(allows) and not any(allows)))
    return answers


@settings(max_examples=examples(15))
@given(windows_near_a_change())
def test_the_answer_is_that_of_a_walk_minute_by_minute(drawn):
    windows, change = drawn
    first = change - timedelta(hours=30)
    answers = walked(windows, first, 48 * 60)
    for step in range(0, len(answers), 23):
        at = first + MINUTE * step
        answer = state_at(windows, at)
        assert answer.is_closed == answers[step], local(at, windows[0].zone)
        rest = answers[step:]
        opens = rest.index(False) if False in rest else None
        if opens is not None:
            assert answer.opens_at == at + MINUTE * opens
            after = rest[opens:]
            if True in after:
                assert answer.closes_at == at + MINUTE * (opens + after.index(True))
        elif answer.opens_at is not None:
            assert answer.opens_at >= first + MINUTE * len(answers)


@pytest.mark.parametrize(("zone", "change"), CHANGES[:4])
def test_every_minute_of_the_days_around_a_change_is_right(zone, change):
    windows = [
        window("2026-01-01T01:30", 1.25, "FREQ=DAILY", zone=zone),
        window("2026-01-01T22:00", 3, "FREQ=WEEKLY;BYDAY=SA", zone=zone),
    ]
    first = change - timedelta(hours=30)
    answers = walked(windows, first, 54 * 60)
    assert answers == [state_at(windows, first + MINUTE * step).is_closed for step in range(len(answers))]
    assert {True, False} == set(answers)


# --- union


def test_outside_of_every_allow_window_it_is_closed_and_a_deny_closes_even_inside():
    office = window("2026-01-05T09:00", 8, "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH", kind=Kind.ALLOW, name="Office hours")
    audit = window("2026-06-02T00:00", 24, name="Audit")
    assert not state_at([office], utc("2026-06-01T08:00")).is_closed
    friday = state_at([office], utc("2026-06-05T08:00"))
    assert (friday.is_closed, friday.closed_by, friday.opens_at) == (True, (office,), utc("2026-06-08T07:00"))
    assert friday.closes_at == utc("2026-06-08T15:00")
    tuesday = state_at([office, audit], utc("2026-06-02T08:00"))
    assert (tuesday.closed_by, tuesday.opens_at) == ((audit,), utc("2026-06-03T07:00"))


def test_what_was_allowed_once_never_opens_again():
    once = window("2026-01-05T09:00", 8, kind=Kind.ALLOW)
    answer = state_at([once], utc("2026-02-01T00:00"))
    assert (answer.is_closed, answer.opens_at, answer.closes_at) == (True, None, None)


def test_a_deny_without_a_gap_never_opens():
    assert state_at([window("2026-01-01T00:00", 24, "FREQ=DAILY")], utc("2026-02-01T00:00")).opens_at is None


def test_without_windows_everything_is_open():
    answer = state_at([], utc("2026-02-01T00:00"))
    assert (answer.is_closed, answer.closes_at) == (False, None)


def test_a_window_selects_by_environment_and_application():
    one = window("2026-01-01T00:00", 1, environments=frozenset({"production"}), applications=frozenset({"shop"}))
    assert one.selects("production", "shop")
    assert not one.selects("staging", "shop")
    assert not one.selects("production", "blog")


# --- recurrence


def weekdays(*ordinals: int):
    day = st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"])
    return st.lists(
        st.builds(lambda n, name: f"{n or ''}{name}", st.sampled_from(ordinals), day), min_size=1, max_size=3, unique=True
    )


@st.composite
def rules(draw):
    frequency = draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]))
    is_long = frequency in {"MONTHLY", "YEARLY"}
    parts = {"FREQ": frequency, "INTERVAL": draw(st.integers(1, 4))}
    if draw(st.booleans()):
        parts["BYMONTH"] = draw(st.integers(1, 12))
    if draw(st.booleans()):
        # With and without numbers in one list: RFC 5545 means either, the other implementation both at once.
        parts["BYDAY"] = ",".join(draw(weekdays(1, 2, -1) if is_long and draw(st.booleans()) else weekdays(0)))
    if frequency != "WEEKLY" and draw(st.booleans()):
        parts["BYMONTHDAY"] = draw(st.sampled_from(["1", "31", "-1", "13,-5"]))
    if draw(st.integers(0, 4)) == 0:
        parts["BYHOUR"] = "6,18"
    if is_long and {"BYDAY", "BYMONTHDAY"} & set(parts) and draw(st.booleans()):
        parts["BYSETPOS"] = draw(st.sampled_from([1, 2, -1]))
    if draw(st.booleans()):
        parts["WKST"] = draw(st.sampled_from(["MO", "SU"]))
    ending = draw(st.sampled_from(["", "COUNT", "UNTIL"]))
    if ending:
        parts[ending] = draw(st.integers(1, 20)) if ending == "COUNT" else "20280615T120000"
    return ";".join(f"{name}={value}" for name, value in parts.items())


@settings(max_examples=examples(150))
@given(rules(), st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)))
@example("FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3", datetime(2026, 1, 31, 2))
def test_it_recurs_as_another_implementation_says(rule, first):
    first = first.replace(second=0, microsecond=0)
    parsed = parse_recurrence(rule, ZoneInfo("UTC"))
    ours = [at for year in range(2026, 2031) for at in wall_starts(parsed, first, year)]
    # The other one would look for a rule that never matches until the year 9999, hence the end of its own.
    bounded = rule if "UNTIL" in rule or "COUNT" in rule else f"{rule};UNTIL=20310101T000000"
    theirs = rrulestr(bounded, dtstart=first).between(first, datetime(2030, 12, 31, 23, 59), inc=True)
    assert ours == theirs


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("FREQ=SECONDLY", "FREQ=SECONDLY is not supported"),
        ("FREQ=MINUTELY;COUNT=5", "FREQ=MINUTELY is not supported"),
        ("FREQ=HOURLY", "not supported"),
        ("FREQ=DAILY;COUNT=1000000000", "COUNT=1000000000 must be a number from 1 to 10000"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL"),
        ("FREQ=DAILY;BYHOUR=0,1,2,3,4;BYMINUTE=0,1,2,3,4", "more than 24 times a day"),
        ("FREQ=DAILY;BYSECOND=1", "BYSECOND is not supported"),
        ("FREQ=WEEKLY;BYDAY=XX", "not a weekday"),
        ("FREQ=WEEKLY;BYDAY=1MO", "needs FREQ=MONTHLY or YEARLY"),
        ("FREQ=DAILY;UNTIL=tomorrow", "UNTIL=TOMORROW is not a date"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20260101", "both COUNT and UNTIL"),
        ("FREQ=DAILY;FREQ=WEEKLY", "given twice"),
        ("every Friday", "not of the form"),
        ("INTERVAL=2", "add FREQ"),
        ("FREQ=MONTHLY;BYSETPOS=1", "BYSETPOS"),
        ("FREQ=DAILY;BYMONTHDAY=٣", "BYMONTHDAY"),
        ("FREQ=DAILY\nDTSTART:20260101", "one RRULE line"),
        ("FREQ=DAILY;" + "X" * 600, "at most 500"),
    ],
)
def test_a_rule_that_cannot_be_used_is_refused_with_what_is_wrong(rule, words):
    with pytest.raises(Invalid) as refused:
        parse_recurrence(rule, ZoneInfo(PARIS))
    assert words in str(refused.value)
    assert refused.value.field == "rrule"


def test_a_rule_that_never_matches_is_cheap_and_has_no_occurrence():
    never = window("2026-01-01T00:00", 1, "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30")
    began = time.process_time()
    assert occurrences(never, utc("2026-01-01T00:00"), 1) == []
    assert not state_at([never], utc("2026-01-01T00:00")).is_closed
    assert time.process_time() - began < 10  # the year 9999 takes minutes


def test_until_in_universal_time_is_read_on_the_windows_own_clock():
    evening = window("2026-07-01T22:00", 1, "FREQ=DAILY;UNTIL=20260703T200000Z")  # 22:00 in Paris
    assert len(occurrences(evening, utc("2026-07-01T00:00"), 9)) == 3


def test_the_calendar_asks_for_a_span():
    nightly = window("2026-03-01T22:00", 8, "FREQ=DAILY")
    march = occurrences(nightly, utc("2026-03-01T00:00"), until=utc("2026-04-01T00:00"))
    assert len(march) == 31
    with pytest.raises(ValueError, match="count or an until"):
        occurrences(nightly, utc("2026-03-01T00:00"))
