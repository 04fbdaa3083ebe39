"""DORA's figures, by tables of what happened and by properties that hold for any history."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.insights.delivery.dora import AFTER, BEFORE, REMEDY, Cause, Row, dora, ended_in, failures_in, judged, rework_in
from fairway.insights.delivery.periods import Period

BEGIN = datetime(2026, 11, 2, 8, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def row(number, kind="deploy", status="succeeded", *, hours=None, place="shop", live=True, **more):
    at = BEGIN + HOUR * (number if hours is None else hours)
    values = {
        "created_at": at - MINUTE, "started_at": at - MINUTE / 2, "switched_at": at if live else None,
        "finished_at": at + MINUTE,
    }  # fmt: skip
    return Row(number, place, "production", kind, status, **{**values, **more})


def figures(*rows):
    return dora(rows, *judged(rows))


CASES = [
    ("nothing happened", [], {}, set()),
    ("all is well", [row(1), row(2, replaces=1)], {}, set()),
    ("a person rolled it back", [row(1), row(2, replaces=1), row(3, "rollback", replaces=2)],
     {2: Cause.ROLLED_BACK}, {3}),
    ("Fairway rolled it back", [row(1), row(2, replaces=1), row(3, "automatic_rollback", replaces=2)],
     {2: Cause.ROLLED_BACK_BY_FAIRWAY}, {3}),
    ("and the fix is rework, too", [row(2), row(3, "rollback", replaces=2), row(4, replaces=3), row(5, replaces=4)],
     {2: Cause.ROLLED_BACK}, {3, 4}),
    ("a restart is looked through", [row(1), row(2, "restart", replaces=1), row(3, "rollback", replaces=2)],
     {1: Cause.ROLLED_BACK}, {3}),
    ("a rollback that did not go live", [row(1), row(2, "rollback", "failed", live=False, replaces=1)], {}, set()),
    ("it answers worse", [row(1, is_judged_worse=True), row(2, replaces=1)], {1: Cause.JUDGED_WORSE}, {2}),
    ("it was held", [row(1, is_held=True)], {1: Cause.HELD}, set()),
    ("it gave the traffic back", [row(1), row(2, status="failed", replaces=1)], {2: Cause.TAKEN_BACK}, set()),
    ("it never went live", [row(1, status="failed", live=False), row(2)], {}, set()),
    ("too late to be a remedy", [row(1), row(2, "rollback", hours=8 * 24, replaces=1)], {}, {2}),
    ("just in time", [row(1, hours=0), row(2, "rollback", hours=7 * 24, replaces=1)], {1: Cause.ROLLED_BACK}, {2}),
    ("a fix a week later is planned", [row(1, is_judged_worse=True, hours=0), row(2, hours=7 * 24 + 1)],
     {1: Cause.JUDGED_WORSE}, set()),
    ("a rollback of a rollback is no failed change", [row(1, "rollback"), row(2, "rollback", replaces=1)], {}, {1, 2}),
    ("a restart that is judged is none", [row(1, "restart", is_judged_worse=True)], {}, set()),
    ("rows that name each other in a circle end", [row(1, "restart", replaces=2), row(2, "restart", replaces=1),
     row(3, "rollback", replaces=2)], {}, {3}),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "causes", "rework"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_failed_and_what_was_rework(rows, causes, rework):
    found = failures_in(rows)
    assert {one.row.number: one.cause for one in found} == causes
    assert rework_in(rows, found) == rework


def test_recovery_is_from_going_live_to_the_next_good_version():
    rows = [row(1), row(2, replaces=1), row(3, replaces=2, is_judged_worse=True), row(4, "rollback", replaces=3)]
    rows[1] = rows[1]._replace(is_judged_worse=True)
    found = {one.row.number: one.seconds for one in failures_in(rows)}
    assert found == {2: 2 * 3600, 3: 3600}, "3 is bad as well, so 2 was over only with 4"


def test_what_gave_the_traffic_back_has_recovered_when_it_ended():
    (found,) = failures_in([row(1, status="errored")])
    assert found.seconds == 60


def test_what_nothing_followed_has_not_recovered():
    assert failures_in([row(1, is_held=True)])[0].recovered_at is None
    assert failures_in([row(1, is_held=True, hours=0), row(2, hours=7 * 24 + 1)])[0].recovered_at is None


def test_the_five_figures():
    commit = BEGIN - 3 * HOUR
    found = figures(
        row(1, committed_at=commit), row(2, committed_at=commit, replaces=1), row(3, "rollback", replaces=2),
        row(4, replaces=3), row(5, "restart", replaces=4), row(6, status="failed", live=False),
        row(7, "promote", committed_at=commit, is_first=False),
    )  # fmt: skip
    assert found.new == (1, 2, 4, 7)
    assert found.per_day(2) == 2
    assert (found.shipped, found.lead_time) == ((1, 2), 4.5 * 3600), "7 was there before"
    assert found.without_commit == (4,)
    assert (found.failed, found.fail_rate) == ((2,), 0.25)
    assert (found.recovered, found.recovery_time) == ((2,), 3600)
    assert (found.live, found.rework, found.rework_rate) == ((1, 2, 3, 4, 7), (3, 4), 0.4)


def test_without_deployments_nothing_is_claimed():
    found = figures()
    assert (found.lead_time, found.fail_rate, found.recovery_time, found.rework_rate) == (None, None, None, None)


def test_a_commit_from_the_future_took_no_time():
    assert figures(row(1, committed_at=BEGIN + DAY)).lead_time == 0


# -- any history


@st.composite
def histories(draw):
    """What may have happened in two places in three weeks, with each deployment replacing what was live."""
    rows = []
    live = {}
    at = BEGIN
    for number in range(1, draw(st.integers(0, 40)) + 1):
        at += draw(st.sampled_from([MINUTE, HOUR, 7 * HOUR, 30 * HOUR, 4 * DAY]))
        place = draw(st.sampled_from(["shop", "mail"]))
        kind = draw(st.sampled_from(["deploy", "deploy", "promote", "rollback", "automatic_rollback", "restart"]))
        status = draw(st.sampled_from(["succeeded", "succeeded", "succeeded", "failed", "errored", "cancelled"]))
        is_live = status == "succeeded" or draw(st.booleans())
        one = row(
            number, kind, status, place=place, live=is_live, replaces=live.get(place),
            hours=(at - BEGIN) / HOUR, is_judged_worse=draw(st.booleans()) and draw(st.booleans()),
            committed_at=draw(st.sampled_from([None, BEGIN, at - MINUTE])),
        )  # fmt: skip
        rows.append(one)
        if status == "succeeded":
            live[place] = number
    return rows


COUNTED = ("new", "live", "shipped", "without_commit", "failed", "recovered", "rework", "lead_seconds", "recovery_seconds")


@given(histories())
def test_the_places_add_up_to_the_whole(rows):
    known = judged(rows)
    whole = dora(rows, *known)
    parts = [dora([one for one in rows if one.application == place], *known) for place in ("shop", "mail")]
    for name in COUNTED:
        assert sorted(getattr(whole, name)) == sorted(value for part in parts for value in getattr(part, name)), name


@given(histories(), st.sampled_from(["UTC", "Europe/Paris", "Asia/Kathmandu", "America/St_Johns"]), st.integers(1, 90))
def test_the_days_of_any_zone_add_up_to_the_period(rows, zone, days):
    period = Period(date(2026, 11, 1), date(2026, 11, 1) + (days - 1) * DAY, ZoneInfo(zone))
    known = judged(rows)
    inside = ended_in(rows, period)
    parts = [ended_in(rows, part) for part in period.parts()]
    assert sorted(inside) == sorted(one for part in parts for one in part)
    whole = dora(inside, *known)
    sums = [dora(part, *known) for part in parts]
    for name in COUNTED:
        assert sorted(getattr(whole, name)) == sorted(value for part in sums for value in getattr(part, name)), name


@given(histories(), st.integers(0, 40), st.integers(1, 10))
def test_what_lies_further_away_changes_nothing(rows, first, days):
    """Reading the rows around a period is enough: the figures are those of the whole history."""
    since = date(2026, 11, 2) + first * DAY
    period = Period(since, since + (days - 1) * DAY, ZoneInfo("Europe/Paris"))
    near = [one for one in rows if period.begins - BEFORE <= one.finished_at < period.ends + AFTER]
    assert dora(ended_in(rows, period), *judged(rows)) == dora(ended_in(near, period), *judged(near))


@given(histories())
def test_what_failed_went_live_as_something_new_and_is_counted_once(rows):
    found = figures(*rows)
    assert set(found.failed) <= set(found.new) <= set(found.live)
    assert set(found.recovered) <= set(found.failed)
    assert set(found.rework) <= set(found.live)
    assert len(set(found.failed)) == len(found.failed)
    assert all(0 <= seconds <= REMEDY.total_seconds() for seconds in found.recovery_seconds)
