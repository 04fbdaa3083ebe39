"""Prices: the parts are the whole, cents are rounded once, and the past is not rewritten."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairway.accounts.rules import SYSTEM, Actor, Blocked, Grant, Role
from fairway.activity.models import Event
from fairway.applications.commands import create_application
from fairway.engine import clock
from fairway.insights.costs import costs, csv_text
from fairway.monitoring.metering_rules import DAY, GB, HOUR, Metered
from fairway.monitoring.models import Meter
from fairway.monitoring.pricing import set_price
from fairway.monitoring.pricing_rules import Rates, cost_of_day, forecast, parse_month, parse_rates, rounded
from fairway.shared.names import Invalid
from tests.conftest import make_environment
from tests.exploring import examples

MONTH = date(2026, 3, 1)
HALF = datetime(2026, 3, 11, 12, tzinfo=UTC)  # ten days and a half have passed
FULL = Metered(DAY, DAY, DAY * 500, DAY * 1000, DAY * GB // 2, DAY * GB)
METERS = st.builds(
    lambda cpu, idle, memory, more: Metered(DAY, DAY, cpu, cpu + idle, memory, memory + more),
    *[st.integers(0, 10**15)] * 4,
)
AMOUNT = st.decimals(0, 1000, places=4)


@given(st.dictionaries(st.integers(1, 9), METERS, max_size=5), AMOUNT, AMOUNT, AMOUNT)
@settings(max_examples=examples(80), deadline=None)
def test_the_parts_of_a_day_are_the_whole(meters, cpu, memory, month):
    paid, nobody = cost_of_day(Rates("EUR", cpu, memory, month), MONTH, meters)
    held = sum(
        (Fraction(cpu) * one.cpu_reserved_ms / 1000 + Fraction(memory) * one.memory_reserved_byte_seconds / GB) / HOUR
        for one in meters.values()
    )
    assert sum(one.total for one in paid.values()) + nobody == held + Fraction(month) / 31
    assert all(one.used >= 0 and one.idle >= 0 for one in paid.values())


@given(st.dictionaries(st.text(max_size=2), st.fractions(0, 10**6), max_size=8))
@settings(max_examples=examples(80), deadline=None)
def test_cents_are_rounded_once(amounts):
    found = rounded(amounts)
    exact = sum(amounts.values(), Fraction(0))
    assert sum(found.values(), Decimal(0)) == Decimal(round(exact * 100)).scaleb(-2)
    assert all(abs(Fraction(found[key]) - amounts[key]) < Fraction(1, 100) for key in amounts)


def test_a_forecast_goes_on_like_this_and_says_nothing_on_the_first_day():
    assert forecast(Fraction(10), passed=Fraction(5), days=30) == 60
    assert forecast(Fraction(10), passed=Fraction(1, 2), days=30) is None


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"currency": "€"}, "currency"),
        ({"currency": "EUR", "cpu_hour": "-1"}, "cpu_hour"),
        ({"currency": "EUR", "cpu_hour": "NaN"}, "cpu_hour"),
        ({"currency": "EUR", "memory_gb_hour": "0.0000001"}, "memory_gb_hour"),
        ({"currency": "EUR", "month": "1e9"}, "month"),
        ({"currency": "EUR", "month": "a lot"}, "month"),
    ],
)
def test_a_wrong_price_is_refused_by_its_field(given, field):
    with pytest.raises(Invalid) as refused:
        parse_rates(**given)
    assert refused.value.field == field


@pytest.mark.parametrize("text", ["", "2026-13", "2026", "1999-01", "٢٠٢٦-01"])
def test_a_wrong_month_is_refused(text):
    with pytest.raises(Invalid):
        parse_month(text)


def ran(application, environment, day, metered=FULL):
    at = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    Meter.objects.create(
        placement=application.pk * 1000 + environment.pk, application=application, environment=environment, length=DAY,
        at=at, **vars(metered),
    )  # fmt: skip


def price(environment, begins, *, actor=SYSTEM, currency="EUR", **amounts):
    return set_price(actor=actor, environment=environment, begins=begins, currency=currency, amounts=amounts)


def viewer(application, environment):
    return Actor(id=1, name="vera", grants=(Grant(Role.VIEWER, application=application, environment=environment),))


@pytest.fixture
def two(db):
    made = [
        create_application(actor=SYSTEM, name=name, source_kind="image", source={"image": "registry.test/hello:1"})
        for name in ("One", "Two")
    ]
    return *made, make_environment("staging"), make_environment("production")


def test_a_new_price_changes_nothing_that_was_paid_before(two, monkeypatch):
    one, _, staging, _ = two
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 3, 2, tzinfo=UTC))
    price(staging, MONTH, cpu_hour="1")
    for number in range(10):
        ran(one, staging, MONTH + timedelta(days=number))
    assert costs(SYSTEM, MONTH, now=HALF).sums[0].total == 240
    monkeypatch.setattr(clock, "now", lambda: HALF)
    price(staging, date(2026, 3, 11), cpu_hour="2")
    price(staging, date(2026, 3, 11), cpu_hour="2")
    assert Event.objects.filter(verb="environment.price_set").count() == 2, "the same again is no change"
    ran(one, staging, date(2026, 3, 11))
    found = costs(SYSTEM, MONTH, now=HALF)
    assert (found.sums[0].used, found.sums[0].idle) == (Decimal(144), Decimal(144))
    assert found.sums[0].forecast == round(Decimal(288) * 31 / Decimal("10.5"), 2)
    for begins, currency in ((date(2026, 3, 10), "EUR"), (date(2026, 3, 12), "USD")):
        with pytest.raises(Invalid):
            price(staging, begins, currency=currency)


def test_a_price_of_a_month_is_shared_by_use_and_what_nobody_used_has_its_own_line(two):
    one, other, staging, production = two
    price(staging, MONTH, month="310")
    ran(one, staging, MONTH)
    ran(other, staging, MONTH, Metered(DAY, DAY, 3 * DAY * 500, 3 * DAY * 500, DAY * GB // 2, DAY * GB // 2))
    ran(one, production, MONTH)
    found = costs(SYSTEM, MONTH, now=HALF)
    assert {(line.application, line.used, line.idle) for line in found.lines} == {
        ("", Decimal(0), Decimal(95)), ("one", Decimal("3.75"), Decimal(0)), ("two", Decimal("6.25"), Decimal(0)),
    }  # fmt: skip
    assert found.sums[0].total == 105
    assert found.unpriced == ["production"]
    assert csv_text(found).splitlines()[1].startswith("2026-03,,staging,EUR,0.00,95.00,95.00,")


def test_nobody_learns_what_others_cost(two):
    one, other, staging, production = two
    for place in (staging, production):
        price(place, MONTH, month="310")
        ran(one, place, MONTH)
        ran(other, place, MONTH)
    seen = costs(viewer("one", "staging"), MONTH, now=HALF)
    assert [(line.application, line.environment, line.total) for line in seen.lines] == [("one", "staging", Decimal(5))]
    assert seen.sums[0].total == 5
    here = costs(viewer("", "staging"), MONTH, now=HALF)
    assert {(line.application, line.environment) for line in here.lines} == {
        ("", "staging"), ("one", "staging"), ("two", "staging"),
    }  # fmt: skip
    with pytest.raises(Blocked):
        price(staging, MONTH, actor=viewer("", ""), month="1")
