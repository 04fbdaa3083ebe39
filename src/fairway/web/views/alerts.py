"""Alerts: what is wrong now and was, acknowledging, and an environment's thresholds and silences."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Page
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Blocked
from fairway.activity.changes import Changed
from fairway.environments.queries import get_environment as environment_named
from fairway.monitoring import alert_commands as commands
from fairway.monitoring.alert_queries import alerts, get_alert, get_silence, rules_of
from fairway.shared.names import Invalid
from fairway.web.alert_forms import RulesForm, SilenceForm, choices_of_applications
from fairway.web.errors import tell_blocked
from fairway.web.forms import refuse
from fairway.web.long_lists import LongPaginator
from fairway.web.pages import page, safe_next
from fairway.web.presenters.alerts import FILTERS, alert_page, alerts_shown, choices, environment_alerts, wanted
from fairway.web.stale import as_of, tell_changed

PER_PAGE = 50


@require_GET
@needs(Act.VIEW)
def alert_list(request: HttpRequest) -> HttpResponse:
    """Open alerts first, then those that ended, for ``?state=``, ``kind``, ``environment`` and ``application``."""
    actor = actor_of(request)
    filters = {name: request.GET.get(name, "") for name in FILTERS}
    shown: Page[Any] = LongPaginator(alerts(actor, wanted(filters)), PER_PAGE).get_page(request.GET.get("page"))
    shown.object_list = alerts_shown(actor, list(shown.object_list))
    context = {"filters": filters, "choices": choices(actor), "page": shown}
    return page(request, "alerts/list.html", context, fragments={"alert-list": "list"})


@require_GET
@needs(Act.VIEW)
def alert_detail(request: HttpRequest, number: int) -> HttpResponse:
    actor = actor_of(request)
    return page(request, "alerts/detail.html", alert_page(actor, get_alert(actor, number)))


@require_POST
@needs(Act.HANDLE_ALERTS)
def acknowledge(request: HttpRequest, number: int) -> HttpResponse:
    """Say that somebody takes care of it."""
    actor = actor_of(request)
    alert = get_alert(actor, number)
    try:
        commands.acknowledge(actor=actor, alert=alert)
    except Blocked as problem:
        tell_blocked(request, problem)
    except Invalid:
        messages.info(request, _("It is over already."))
    else:
        messages.success(request, _("Acknowledged: everybody sees that you take care of it."))
    return redirect(safe_next(request, reverse("alert-detail", args=[number])))


@require_GET
@needs(Act.VIEW)
def of_environment(request: HttpRequest, slug: str) -> HttpResponse:
    """When there are alerts in an environment, and what is silenced there."""
    actor = actor_of(request)
    environment = environment_named(actor, slug)
    context = environment_alerts(actor, environment, RulesForm(rules=rules_of(environment)))
    return page(request, "environments/alerts.html", context)


@require_POST
@needs(Act.EDIT_ENVIRONMENT)
def save_rules(request: HttpRequest, slug: str) -> HttpResponse:
    actor = actor_of(request)
    environment = environment_named(actor, slug)
    form = RulesForm(request.POST, rules=rules_of(environment))
    status = 422
    if form.is_valid():
        try:
            commands.set_rules(actor=actor, environment=environment, rules=form.wanted(), as_of=as_of(request))
        except Changed as problem:
            tell_changed(request, form, problem)
        except Invalid as problem:
            refuse(form, problem)
        except Blocked as problem:
            tell_blocked(request, problem)
            status = 409
        else:
            messages.success(request, _("Saved."))
            return redirect("environment-alerts", slug)
    return page(request, "environments/alerts.html", environment_alerts(actor, environment, form), status=status)


@require_POST
@needs(Act.HANDLE_ALERTS)
def silence(request: HttpRequest, slug: str) -> HttpResponse:
    """Let channels hear of no alert there for a while."""
    actor = actor_of(request)
    environment = environment_named(actor, slug)
    form = SilenceForm(request.POST, applications=choices_of_applications(actor, environment))
    status = 422
    if form.is_valid():
        try:
            commands.silence(actor=actor, environment=environment, **form.values())
        except Invalid as problem:
            refuse(form, problem)
        except Blocked as problem:
            tell_blocked(request, problem)
            status = 409
        else:
            messages.success(request, _("Silenced. Pages go on showing the alerts."))
            return redirect("environment-alerts", slug)
    rules = RulesForm(rules=rules_of(environment))
    return page(request, "environments/alerts.html", environment_alerts(actor, environment, rules, form), status=status)


@require_POST
@needs(Act.HANDLE_ALERTS)
def end_silence(request: HttpRequest, number: int) -> HttpResponse:
    actor = actor_of(request)
    row = get_silence(actor, number)
    try:
        commands.end_silence(actor=actor, silence=row)
    except Blocked as problem:
        tell_blocked(request, problem)
    else:
        messages.success(request, _("The silence is over."))
    return redirect("environment-alerts", row.environment.slug)
