"""What applications cost, and what environments cost."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Schema
from ninja import Status as Answer
from pydantic import Field

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act
from fairway.api.routing import PermissionRouter
from fairway.api.schemas import Asked, Given, Slug, Text
from fairway.engine import clock
from fairway.environments.queries import get_environment
from fairway.insights.costs import Costs, Line, Sum, costs, csv_text
from fairway.monitoring.models import Price
from fairway.monitoring.pricing import prices_of, rates_of, set_price
from fairway.monitoring.pricing_rules import AMOUNTS, parse_month

router = PermissionRouter(tags=["costs"])
CSV = {"responses": {200: {"description": "Lines as CSV", "content": {"text/csv": {}}}}}


class CostsAsked(Asked):
    """The costs of a `month` (``2026-11``, in UTC); of this month if nothing is given."""

    month: Text = Field("", max_length=10)


class LineShown(Schema):
    """What an application costs in an environment; `application` is empty for what nobody used there. Amounts are texts of
    exact decimals. `used` is paid for what it used, `idle` for what its limits reserved besides; `total` is both.

    `forecast` is what the month costs if it goes on like this; null on its first day. `read` is the share of the time so far
    in which its use was read (0 to 1): what was not read costs nothing here.
    """

    application: str
    environment: str
    currency: str
    used: str
    idle: str
    total: str
    forecast: str | None
    cpu_hours: float
    cpu_reserved_hours: float
    memory_gb_hours: float
    memory_reserved_gb_hours: float
    replica_hours: float
    read: float


class SumShown(Schema):
    """The sum of all lines in one currency, to the cent."""

    currency: str
    used: str
    idle: str
    total: str
    forecast: str | None


class CostsShown(Schema):
    """`unpriced` are environments in which something ran on a day without a price."""

    month: str
    until: datetime
    sums: list[SumShown]
    lines: list[LineShown]
    unpriced: list[str]


class PriceWanted(Given):
    """What an environment costs from the day `begins` on (UTC, today if null): for each CPU and hour, each GB (2³⁰ bytes) of
    memory and hour, used or reserved; and for a month of all of it, which is shared by use. `currency` is a code of ISO
    4217."""

    begins: date | None = None
    currency: Text = Field(max_length=10)
    cpu_hour: Decimal | None = None
    memory_gb_hour: Decimal | None = None
    month: Decimal | None = None


class PriceShown(Schema):
    begins: date
    currency: str
    cpu_hour: str
    memory_gb_hour: str
    month: str


@router.get("/costs", response=CostsShown)
@needs(Act.VIEW)
def show_costs(request: HttpRequest, asked: Query[CostsAsked]) -> CostsShown:
    """What applications cost in a month."""
    found = _costs(request, asked)
    return CostsShown(
        month=f"{found.month:%Y-%m}",
        until=found.until,
        sums=[SumShown(currency=one.currency, **_amounts(one)) for one in found.sums],
        lines=[_line(one) for one in found.lines],
        unpriced=found.unpriced,
    )


@router.get("/costs/csv", response={200: None}, openapi_extra=CSV)
@needs(Act.VIEW)
def download_costs(request: HttpRequest, asked: Query[CostsAsked]) -> HttpResponse:
    """The same lines as CSV."""
    found = _costs(request, asked)
    response = HttpResponse(csv_text(found), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="costs-{found.month:%Y-%m}.csv"'
    return response


@router.get("/environments/{env}/prices", response=list[PriceShown])
@needs(Act.VIEW)
def list_prices(request: HttpRequest, env: Slug) -> list[PriceShown]:
    """What an environment costs, and did: the newest price first."""
    actor = actor_of(request)
    return [_price(row) for row in prices_of(actor, get_environment(actor, env))]


@router.post("/environments/{env}/prices", response={201: PriceShown})
@needs(Act.EDIT_ENVIRONMENT)
def add_price(request: HttpRequest, env: Slug, given: PriceWanted) -> Answer[PriceShown]:
    """Say what an environment costs from a day on. What was paid until then stays as it was."""
    actor = actor_of(request)
    row = set_price(
        actor=actor,
        environment=get_environment(actor, env),
        begins=given.begins,
        currency=given.currency,
        amounts={name: getattr(given, name) for name in AMOUNTS},
    )
    return Answer(201, _price(row))


def _costs(request: HttpRequest, asked: CostsAsked) -> Costs:
    now = clock.now()
    return costs(actor_of(request), parse_month(asked.month or f"{now:%Y-%m}"), now=now)


def _amounts(one: Line | Sum) -> dict[str, Any]:
    amounts: dict[str, Any] = {name: f"{getattr(one, name)}" for name in ("used", "idle", "total")}
    return {**amounts, "forecast": None if one.forecast is None else f"{one.forecast}"}


def _line(one: Line) -> LineShown:
    used = one.metered
    names = ("cpu_hours", "cpu_reserved_hours", "memory_gb_hours", "memory_reserved_gb_hours")
    hours: dict[str, Any] = {name: round(float(getattr(used, name)), 3) for name in names}
    return LineShown(
        application=one.application,
        environment=one.environment,
        currency=one.currency,
        **_amounts(one),
        **hours,
        replica_hours=round(used.replica_seconds / 3600, 3),
        read=round(one.read, 4),
    )


def _price(row: Price) -> PriceShown:
    rates = rates_of(row)
    return PriceShown(
        begins=row.begins, currency=rates.currency, **{name: f"{getattr(rates, name).normalize():f}" for name in AMOUNTS}
    )
