"""What a day in an environment costs, as exact decimals, and who pays which part of it. Pure.

Nothing is rounded here: sums are rounded once, where they are shown.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from fairway.monitoring.metering_rules import GB, HOUR, MILLI, Metered
from fairway.shared.names import Invalid

CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)
MOST = Decimal(100_000)  # of a rate
PLACES = 6  # of a rate; a price of a month has cents
AMOUNTS: Mapping[str, int] = {"cpu_hour": PLACES, "memory_gb_hour": PLACES, "month": 2}


@dataclass(frozen=True)
class Rates:
    """What is paid for each CPU and hour, each GB (2³⁰ bytes) of memory and hour, whether it is used or only reserved; and
    for a whole month of the environment, which is shared by use."""

    currency: str
    cpu_hour: Decimal = Decimal(0)
    memory_gb_hour: Decimal = Decimal(0)
    month: Decimal = Decimal(0)


@dataclass(frozen=True)
class Parts:
    """What something costs: for what was used, and for what was reserved and not used (`idle`)."""

    used: Fraction = Fraction(0)
    idle: Fraction = Fraction(0)

    def __add__(self, other: Parts) -> Parts:
        return Parts(self.used + other.used, self.idle + other.idle)

    @property
    def total(self) -> Fraction:
        return self.used + self.idle


def parse_rates(*, currency: str, **amounts: str | Decimal | None) -> Rates:
    """Rates as somebody entered them; what is left out costs nothing. Raises `Invalid`."""
    code = currency.strip().upper()
    if not CURRENCY.fullmatch(code):
        raise Invalid("currency", "must be a code of three letters from ISO 4217, like EUR or USD.")
    return Rates(code, **{name: _amount(name, amounts.get(name), places) for name, places in AMOUNTS.items()})


def _amount(name: str, given: str | Decimal | None, places: int) -> Decimal:
    if given is None or given == "":
        return Decimal(0)
    try:
        amount = Decimal(given)
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or not 0 <= amount <= MOST or amount != round(amount, places):
        raise Invalid(
            name, "must be a number from 0 to {most}, with at most {places} decimals.", most=f"{MOST}", places=places
        )
    return amount


def parse_month(text: str, *, field: str = "month") -> date:
    """The first day of a month, e.g. ``2026-11``. Raises `Invalid`."""
    found = MONTH.fullmatch(text.strip())
    if not found or not 2000 <= int(found[1]) <= 2200:
        raise Invalid(field, "must be a month like 2026-11.")
    return date(int(found[1]), int(found[2]), 1)


def days_of(month: date) -> int:
    return monthrange(month.year, month.month)[1]


def cost_of_day(
    rates: Rates, day: date, meters: Mapping[int, Metered], part: Fraction = Fraction(1)
) -> tuple[dict[int, Parts], Fraction]:
    """What each placement costs on a day of which this `part` has passed, and what nobody used: a day's part of the price of
    a month if nothing ran.

    That part is shared by use: half of it by CPU time and half by memory; all of it by the one if nobody used the other.
    """
    costs = {key: _by_rates(rates, one) for key, one in meters.items()}
    flat = part * Fraction(rates.month) / days_of(day)
    cpu, memory = sum(one.cpu_ms for one in meters.values()), sum(one.memory_byte_seconds for one in meters.values())
    kinds = bool(cpu) + bool(memory)
    if not kinds:
        return costs, flat
    for key, one in meters.items():
        shares = (Fraction(one.cpu_ms, cpu) if cpu else 0) + (Fraction(one.memory_byte_seconds, memory) if memory else 0)
        costs[key] += Parts(used=flat * shares / kinds)
    return costs, Fraction(0)


def _by_rates(rates: Rates, one: Metered) -> Parts:
    cpu, memory = Fraction(rates.cpu_hour) / (MILLI * HOUR), Fraction(rates.memory_gb_hour) / (GB * HOUR)
    used = cpu * one.cpu_ms + memory * one.memory_byte_seconds
    held = cpu * one.cpu_reserved_ms + memory * one.memory_reserved_byte_seconds
    return Parts(used, held - used)


def rounded(amounts: Mapping[str, Fraction], places: int = 2) -> dict[str, Decimal]:
    """The amounts in cents, so that their sum is the rounded sum: the largest remainders are rounded up."""
    unit = 10**places
    floors = {key: amount * unit // 1 for key, amount in amounts.items()}
    total = round(sum(amounts.values(), Fraction(0)) * unit)
    by_remainder = sorted(amounts, key=lambda key: (floors[key] - amounts[key] * unit, key))
    for key in by_remainder[: int(total - sum(floors.values()))]:
        floors[key] += 1
    return {key: Decimal(int(cents)).scaleb(-places) for key, cents in floors.items()}


def forecast(so_far: Fraction, *, passed: Fraction, days: int) -> Fraction | None:
    """What a month of so many days costs if it goes on like this: by the days that have `passed`; None within the first
    one, which says too little."""
    return so_far * days / passed if passed >= 1 else None
