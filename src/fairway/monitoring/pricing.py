"""Saying what environments cost. A price holds from a day on and never changes the past. One transaction, one event."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from django.db import transaction

from fairway.accounts.commands import require
from fairway.accounts.rules import Act, Actor, NotVisible
from fairway.activity.commands import record
from fairway.engine import clock
from fairway.environments.models import Environment
from fairway.environments.queries import visible_to
from fairway.environments.subjects import on_environment
from fairway.monitoring.models import Price
from fairway.monitoring.pricing_rules import AMOUNTS, Rates, parse_rates
from fairway.shared.names import Invalid, check_year


@transaction.atomic
def set_price(
    *,
    actor: Actor,
    environment: Environment,
    begins: date | None = None,
    currency: str,
    amounts: Mapping[str, str | Decimal | None],
) -> Price:
    """Say what an environment costs from a day (UTC) on, today if none is given. Only its first price may begin earlier,
    because nothing was said about that time. Raises `Blocked` or `Invalid`."""
    require(actor, Act.EDIT_ENVIRONMENT, environment=environment.slug)
    rates, today = parse_rates(currency=currency, **amounts), clock.now().date()
    Environment.objects.select_for_update(no_key=True).get(pk=environment.pk)
    first = begins or today
    check_year(first, field="begins")
    others = Price.objects.filter(environment=environment)
    if first < today and others.exists():
        raise Invalid("begins", "must not lie in the past: what was paid until now stays as it was.")
    if other := others.exclude(currency=rates.currency).exclude(begins=first).first():
        raise Invalid("currency", "is {known} in this environment already.", known=other.currency)
    before = others.filter(begins=first).first()
    values = {"currency": rates.currency, **{name: getattr(rates, name) for name in AMOUNTS}}
    if before and rates_of(before) == rates:
        return before
    row, _ = Price.objects.update_or_create(environment=environment, begins=first, defaults=values)
    record(
        who=actor.who,
        verb="environment.price_set",
        on=on_environment(environment),
        before=_facts(before) if before else {},
        after=_facts(row),
    )
    return row


def _facts(row: Price) -> dict[str, str]:
    rates = rates_of(row)
    said = {name: f"{getattr(rates, name).normalize():f}" for name in AMOUNTS}
    return {"begins": row.begins.isoformat(), "currency": row.currency, **said}


def rates_of(row: Price) -> Rates:
    return Rates(row.currency, *(getattr(row, name) for name in AMOUNTS))


def prices_of(actor: Actor, environment: Environment) -> list[Price]:
    """All prices of an environment, the newest first. Raises `NotVisible`."""
    if not visible_to(actor).filter(pk=environment.pk).exists():
        raise NotVisible("environment", environment.slug)
    return list(Price.objects.filter(environment=environment).order_by("-begins"))
