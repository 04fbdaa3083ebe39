"""What applications cost in a month, of what an actor may see."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction

from django.db.models import Q

from fairway.accounts.queries import reached
from fairway.accounts.rules import Actor, reach_of
from fairway.environments.models import Environment
from fairway.environments.queries import visible_to
from fairway.monitoring.metering_rules import DAY, Metered
from fairway.monitoring.models import Meter, Price
from fairway.monitoring.pricing import rates_of
from fairway.monitoring.pricing_rules import Parts, Rates, cost_of_day, days_of, forecast, rounded

Pair = tuple[int, int]  # the ids of an application and an environment


@dataclass(frozen=True)
class Line:
    """What an application costs in an environment, or what nobody used there (`application` is empty). `read` is the share
    of the time so far of which anything was read, 0 to 1; the rest costs nothing here, because nobody knows."""

    application: str
    environment: str
    currency: str
    used: Decimal
    idle: Decimal
    forecast: Decimal | None
    metered: Metered
    read: float

    @property
    def total(self) -> Decimal:
        return self.used + self.idle


@dataclass(frozen=True)
class Sum:
    """The sum of all lines in one currency."""

    currency: str
    used: Decimal
    idle: Decimal
    forecast: Decimal | None

    @property
    def total(self) -> Decimal:
        return self.used + self.idle


@dataclass(frozen=True)
class Costs:
    """A month's lines, the most expensive first, and their sums. `unpriced` are environments that used something and have
    no price for a day of it."""

    month: date
    until: datetime
    lines: list[Line] = field(default_factory=list)
    sums: list[Sum] = field(default_factory=list)
    unpriced: list[str] = field(default_factory=list)


def costs(actor: Actor, month: date, *, now: datetime) -> Costs:
    """What a month costs, until now if it goes on. A price of a month is shared among all that ran; what others paid of it
    is not told."""
    first = datetime.combine(month, time(), UTC)
    days = days_of(month)
    until = max(first, min(now, first + timedelta(days=days)))
    passed = Fraction(int((until - first).total_seconds()), DAY)
    rows = Meter.objects.filter(length=DAY, at__gte=first.timestamp(), at__lt=until.timestamp())
    reach = reach_of(actor)
    here, ours = visible_to(actor), _scope(actor) & Q(application__deleted_at=None)
    if reach.is_everything:  # the slug of what was deleted may be another's now, so only they see what it cost
        here, ours = Environment.objects.all(), Q()
    names = dict(here.values_list("pk", "slug"))
    ends = {row.pk: row.deleted_at.date() for row in here if row.deleted_at}
    seen = _Month(names, ends, _prices(names), first.date(), passed)
    for row in rows.filter(environment__in=names).select_related("application"):
        seen.add(row)
    seen.pay()
    own = {
        (application, environment)
        for application, environment in rows.filter(ours).values_list("application", "environment").distinct()
    }
    whole = {pk for pk, slug in names.items() if reach.covers("", slug)}
    return seen.result(own, whole, until, days)


def _scope(actor: Actor) -> Q:
    return reached(reach_of(actor), application="application__slug", environment="environment__slug")


def _prices(environments: Iterable[int]) -> dict[int, list[Price]]:
    found: dict[int, list[Price]] = defaultdict(list)
    for row in Price.objects.filter(environment__in=environments).order_by("begins"):
        found[row.environment_id].append(row)
    return found


class _Month:
    """Collects what was metered, and pays each day by the price that held on it."""

    def __init__(
        self, names: dict[int, str], ends: dict[int, date], prices: dict[int, list[Price]], first: date, passed: Fraction
    ) -> None:
        self._names, self._ends, self._prices, self._first, self._passed = names, ends, prices, first, passed
        self._days: dict[tuple[int, date], dict[int, Metered]] = defaultdict(dict)
        self._slugs: dict[int, str] = {}
        self._paid: dict[Pair, Parts] = defaultdict(Parts)
        self._metered: dict[Pair, Metered] = defaultdict(Metered)
        self._nobody: dict[int, Fraction] = defaultdict(Fraction)
        self._currency: dict[int, str] = {}
        self._unpriced: set[Pair] = set()

    def add(self, row: Meter) -> None:
        day = datetime.fromtimestamp(row.at, UTC).date()
        of_day = self._days[row.environment_id, day]
        of_day[row.application_id] = of_day.get(row.application_id, Metered()) + row.metered
        self._metered[row.application_id, row.environment_id] += row.metered
        self._slugs[row.application_id] = row.application.slug

    def pay(self) -> None:
        whole, rest = divmod(self._passed, 1)
        for environment in self._names:
            for number in range(int(whole) + bool(rest)):
                day = self._first + timedelta(days=number)
                self._pay_day(environment, day, Fraction(1) if number < whole else rest)

    def _pay_day(self, environment: int, day: date, part: Fraction) -> None:
        meters = self._days.get((environment, day), {})
        rates = self._rates(environment, day)
        if rates is None:
            self._unpriced |= {(application, environment) for application in meters}
            return
        self._currency[environment] = rates.currency
        paid, nobody = cost_of_day(rates, day, meters, part)
        for application, parts in paid.items():
            self._paid[application, environment] += parts
        self._nobody[environment] += nobody

    def _rates(self, environment: int, day: date) -> Rates | None:
        if day > self._ends.get(environment, day):
            return None
        holding = [row for row in self._prices.get(environment, ()) if row.begins <= day]
        return rates_of(holding[-1]) if holding else None

    def result(self, own: set[Pair], whole: set[int], until: datetime, days: int) -> Costs:
        parts: dict[str, dict[tuple[str, int, int], Parts]] = defaultdict(dict)
        for (application, environment), one in self._paid.items():
            if (application, environment) in own:
                parts[self._currency[environment]][self._slugs[application], application, environment] = one
        for environment, amount in self._nobody.items():
            if amount and environment in whole:
                parts[self._currency[environment]]["", 0, environment] = Parts(idle=amount)
        lines, sums = [], []
        for currency, of in sorted(parts.items()):
            made, total = self._lines(currency, of, days)
            lines += made
            sums.append(total)
        lines.sort(key=lambda line: (line.currency, -line.total, line.application, line.environment))
        unpriced = sorted({self._names[environment] for application, environment in self._unpriced & own})
        return Costs(self._first, until, lines, sums, unpriced)

    def _lines(self, currency: str, of: dict[tuple[str, int, int], Parts], days: int) -> tuple[list[Line], Sum]:
        """The lines of one currency. All parts are rounded together, so that they are the sum."""
        amounts = {f"used {key}": one.used for key, one in of.items()} | {f"idle {key}": one.idle for key, one in of.items()}
        cents = rounded(amounts)
        ahead = {f"{key}": forecast(one.total, passed=self._passed, days=days) for key, one in of.items()}
        known = {key: amount for key, amount in ahead.items() if amount is not None}
        expected = rounded(known)
        seconds = int(self._passed * DAY) or 1
        made = [
            Line(
                application=key[0],
                environment=self._names[key[2]],
                currency=currency,
                used=cents[f"used {key}"],
                idle=cents[f"idle {key}"],
                forecast=expected.get(f"{key}"),
                metered=self._metered.get((key[1], key[2]), Metered()),
                read=min(1.0, self._metered.get((key[1], key[2]), Metered()).seconds / seconds),
            )
            for key in of
        ]
        used, idle = sum((line.used for line in made), Decimal(0)), sum((line.idle for line in made), Decimal(0))
        return made, Sum(currency, used, idle, sum(expected.values(), Decimal(0)) if expected else None)


COLUMNS = (
    "month", "application", "environment", "currency", "used", "idle", "total", "forecast", "cpu_hours",
    "cpu_reserved_hours", "memory_gb_hours", "memory_reserved_gb_hours", "replica_hours", "read",
)  # fmt: skip


def csv_text(found: Costs) -> str:
    """The lines as CSV, with a line of names first."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for line in found.lines:
        used = line.metered
        hours = (used.cpu_hours, used.cpu_reserved_hours, used.memory_gb_hours, used.memory_reserved_gb_hours)
        writer.writerow(
            [
                f"{found.month:%Y-%m}", line.application, line.environment, line.currency, line.used, line.idle, line.total,
                "" if line.forecast is None else line.forecast, *(round(one, 3) for one in hours),
                round(used.replica_seconds / 3600, 3), round(line.read, 4),
            ]
        )  # fmt: skip
    return text.getvalue()
