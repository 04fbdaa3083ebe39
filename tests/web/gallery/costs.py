"""Sample costs of a month."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from fairway.insights.costs import Costs, Line, Sum
from fairway.monitoring.metering_rules import Metered
from fairway.web.presenters.costs import costs_shown
from fairway.web.views.prices import PriceForm
from tests.web.gallery.samples import blocker

NAMES = {"storefront": "Storefront", "payments": "Payments"}
ENVIRONMENTS = {"production": "Production", "staging": "Staging"}
UNTIL = datetime(2026, 11, 21, 12, tzinfo=UTC)


def _line(application: str, environment: str, used: str, idle: str, ahead: str) -> Line:
    return Line(application, environment, "EUR", Decimal(used), Decimal(idle), Decimal(ahead), Metered(), 0.98)


def full() -> dict[str, object]:
    lines = [
        _line("storefront", "production", "41.20", "12.05", "77.93"),
        _line("payments", "production", "18.44", "30.10", "71.03"),
        _line("", "staging", "0.00", "9.00", "13.17"),
        _line("payments", "staging", "0.61", "3.92", "6.63"),
    ]
    total = Sum("EUR", Decimal("60.25"), Decimal("55.07"), Decimal("168.76"))
    found = Costs(date(2026, 11, 1), UNTIL, lines, [total], ["development"])
    return {**costs_shown(found, NAMES, ENVIRONMENTS), "problem": None}


def none() -> dict[str, object]:
    return {**costs_shown(Costs(date(2026, 11, 1), UNTIL), NAMES, ENVIRONMENTS), "problem": None}


def prices(**more: object) -> dict[str, object]:
    rows = [
        {
            "begins": date(2026, 11, 1),
            "currency": "EUR",
            "cpu_hour": Decimal("0.012"),
            "memory_gb_hour": Decimal("0.004"),
            "month": Decimal(0),
        },
        {
            "begins": date(2026, 3, 1),
            "currency": "EUR",
            "cpu_hour": Decimal(0),
            "memory_gb_hour": Decimal(0),
            "month": Decimal("89.00"),
        },
    ]
    return {
        "environment": {"slug": "production", "name": "Production"},
        "prices": rows,
        "form": PriceForm(initial={"currency": "EUR"}),
        "blockers": [],
        **more,
    }


def prices_wrong() -> dict[str, object]:
    form = PriceForm({"begins": "", "currency": "euros", "cpu_hour": "-1", "memory_gb_hour": "", "month": ""})
    form.add_error("currency", "must be a code of three letters from ISO 4217, like EUR or USD.")
    return prices(form=form, prices=[])


def prices_to_look_at() -> dict[str, object]:
    return prices(blockers=[blocker("role", "This needs the role Admin here.", "an Admin, by granting it")])
