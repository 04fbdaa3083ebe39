"""What an environment costs: its prices, and the form that says a new one."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Actor, Blocked, may, role_blocker
from fairway.environments.models import Environment
from fairway.environments.queries import get_environment
from fairway.monitoring.models import Price
from fairway.monitoring.pricing import prices_of, rates_of, set_price
from fairway.monitoring.pricing_rules import AMOUNTS
from fairway.shared.names import Invalid
from fairway.web.errors import shown
from fairway.web.forms import PLAIN, refuse
from fairway.web.pages import page


def _amount(label: Any) -> forms.DecimalField:
    return forms.DecimalField(label=label, required=False, localize=True, widget=forms.TextInput(attrs=PLAIN))


class PriceForm(forms.Form):
    """A price from a day on."""

    begins = forms.DateField(
        label=gettext_lazy("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    currency = forms.CharField(label=gettext_lazy("Currency"), max_length=10, widget=forms.TextInput(attrs=PLAIN))
    cpu_hour = _amount(gettext_lazy("A CPU for an hour"))
    memory_gb_hour = _amount(gettext_lazy("A GB of memory for an hour"))
    month = _amount(gettext_lazy("All of it for a month"))


@needs(Act.VIEW)
def show(request: HttpRequest, slug: str) -> HttpResponse:
    """The prices of an environment, the newest first."""
    actor = actor_of(request)
    environment = get_environment(actor, slug)
    rows = prices_of(actor, environment)
    newest = {"currency": rows[0].currency} if rows else {}
    return _page(request, actor, environment, PriceForm(initial=newest))


@needs(Act.EDIT_ENVIRONMENT)
def save(request: HttpRequest, slug: str) -> HttpResponse:
    """Say what the environment costs from a day on."""
    actor = actor_of(request)
    environment = get_environment(actor, slug)
    form, status = PriceForm(request.POST), 422
    if form.is_valid():
        given = form.cleaned_data
        amounts = {name: given[name] for name in AMOUNTS}
        try:
            set_price(
                actor=actor, environment=environment, begins=given["begins"], currency=given["currency"], amounts=amounts
            )
        except Invalid as problem:
            refuse(form, problem)
        except Blocked as problem:
            form.add_error(None, str(problem))
            status = 409
        else:
            messages.success(request, _("Saved. What was paid until then stays as it was."))
            return redirect("environment-prices", slug)
    return _page(request, actor, environment, form, status)


def _shown(row: Price, name: str) -> str:
    """An amount as people write it, without zeros at its end."""
    return str(number_format(getattr(rates_of(row), name).normalize()))


def _page(request: HttpRequest, actor: Actor, environment: Environment, form: PriceForm, status: int = 200) -> HttpResponse:
    is_allowed = may(actor, Act.EDIT_ENVIRONMENT, environment=environment.slug)
    rows: list[dict[str, Any]] = [
        {"begins": row.begins, "currency": row.currency, **{name: _shown(row, name) for name in AMOUNTS}}
        for row in prices_of(actor, environment)
    ]
    context = {
        "environment": environment,
        "prices": rows,
        "form": form,
        "blockers": [] if is_allowed else shown([role_blocker(Act.EDIT_ENVIRONMENT)]),
    }
    return page(request, "costs/prices.html", context, status=status)
