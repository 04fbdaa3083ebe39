"""How much of an application runs in one environment: its replicas, its limits, and when it sleeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Actor, Blocked
from fairway.activity.changes import Changed
from fairway.applications.queries import get_application as application_named
from fairway.deployments.commands.limits import set_limits
from fairway.deployments.commands.sleeping import set_sleep
from fairway.deployments.models import Placement
from fairway.deployments.queries import get_placement
from fairway.environments.queries import get_environment_for
from fairway.monitoring.scaling_commands import set_scaling
from fairway.shared.names import Invalid
from fairway.web.errors import tell_blocked
from fairway.web.forms import refuse
from fairway.web.pages import page
from fairway.web.presenters.scaling import scaling_shown
from fairway.web.scaling_forms import LimitsForm, ScalingForm, SleepForm
from fairway.web.stale import as_of, tell_changed

F = TypeVar("F", bound=Form)
TEMPLATE = "applications/scaling.html"


def _there(actor: Actor, slug: str, environment: str) -> Placement:
    application = application_named(actor, slug)
    return get_placement(actor, application, get_environment_for(actor, application, environment))


@require_GET
@needs(Act.VIEW)
def show(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    actor = actor_of(request)
    return page(request, TEMPLATE, scaling_shown(actor, _there(actor, slug, environment)))


@require_POST
@needs(Act.SCALE)
def save(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    """Save one of the page's forms; the field ``section`` says which."""
    actor = actor_of(request)
    there = _there(actor, slug, environment)
    base = as_of(request)
    if request.POST.get("section") == "sleep":
        sleep_form = SleepForm(request.POST)
        status = _saved(
            request,
            sleep_form,
            lambda form: set_sleep(actor=actor, placement=there, **form.cleaned_data, as_of=base),
        )
        context = scaling_shown(actor, there, sleep_form=sleep_form)
    elif request.POST.get("section") == "limits":
        limits_form = LimitsForm(request.POST, auto_id=f"limits_{request.POST.get('service', '')[:40]}_%s")
        status = _saved(
            request,
            limits_form,
            lambda form: set_limits(
                actor=actor, placement=there, service=form.cleaned_data["service"], given=form.given(), as_of=base
            ),
        )
        context = scaling_shown(actor, there, limits_form=limits_form)
    else:
        form = ScalingForm(request.POST)
        status = _saved(
            request,
            form,
            lambda form: set_scaling(actor=actor, placement=there, given=form.given(), as_of=base),
        )
        context = scaling_shown(actor, there, form=form)
    return page(request, TEMPLATE, context, status=status) if status else redirect("placement-scaling", slug, environment)


def _saved(request: HttpRequest, form: F, save: Callable[[F], object]) -> int:
    """Save what the form has; 0, or the status of the page that says why not."""
    if not form.is_valid():
        return 422
    try:
        save(form)
    except Changed as problem:
        tell_changed(request, form, problem)
    except Invalid as problem:
        refuse(form, problem)
    except Blocked as problem:
        tell_blocked(request, problem)
        return 409
    else:
        messages.success(request, _("Saved."))
        return 0
    return 422
