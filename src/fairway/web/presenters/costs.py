"""What the page of costs shows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.urls import reverse
from django.utils.formats import number_format

from fairway.insights.costs import Costs, Line, Sum
from fairway.monitoring.pricing_rules import days_of


def costs_shown(found: Costs, names: Mapping[str, str], environments: Mapping[str, str]) -> dict[str, Any]:
    """The context of `costs/page.html`; `names` and `environments` are names by slug."""
    most = max((line.total for line in found.lines), default=Decimal(0)) or Decimal(1)
    before, after = found.month - timedelta(days=1), found.month + timedelta(days=days_of(found.month))
    return {
        "month": found.month,
        "until": found.until,
        "before": _address(before),
        "after": _address(after) if after <= found.until.date() else "",
        "sums": [_amounts(one) for one in found.sums],
        "lines": [
            {
                "application": names.get(line.application, line.application),
                "environment": environments.get(line.environment, line.environment),
                "url": reverse("application-detail", args=[line.application]) if line.application in names else "",
                "read": round(100 * line.read),
                "used_width": f"{100 * line.used / most:.2f}",
                "idle_width": f"{100 * line.idle / most:.2f}",
                **_amounts(line),
            }
            for line in found.lines
        ],
        "unpriced": [_environment(slug, environments) for slug in found.unpriced],
        "environments": [_environment(slug, environments) for slug in environments],
        "csv_url": f"/api/v1/costs/csv?month={found.month:%Y-%m}",
    }


def _environment(slug: str, environments: Mapping[str, str]) -> dict[str, str]:
    return {"name": environments.get(slug, slug), "url": reverse("environment-prices", args=[slug])}


def _address(month: date) -> str:
    return f"{reverse('costs')}?month={month:%Y-%m}"


def _amounts(one: Line | Sum) -> dict[str, str]:
    ahead = "" if one.forecast is None else _money(one.forecast, one.currency)
    return {**{name: _money(getattr(one, name), one.currency) for name in ("used", "idle", "total")}, "forecast": ahead}


def _money(amount: Decimal, currency: str) -> str:
    return f"{number_format(amount, decimal_pos=2, force_grouping=True)} {currency}"
