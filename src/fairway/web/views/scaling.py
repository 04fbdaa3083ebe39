"""How much of an application runs in one environment: when it sleeps."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Actor, Blocked
from fairway.activity.changes import Changed
from fairway.applications.queries import get_application as application_named
from fairway.deployments.commands.sleeping import set_sleep
from fairway.deployments.models import Placement
from fairway.deployments.queries import get_placement
from fairway.environments.queries import get_environment_for
from fairway.shared.names import Invalid
from fairway.web.errors import tell_blocked
from fairway.web.forms import refuse
from fairway.web.pages import page
from fairway.web.presenters.scaling import scaling_shown
from fairway.web.scaling_forms import SleepForm
from fairway.web.stale import as_of, tell_changed

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
    """Save when it falls asleep."""
    actor = actor_of(request)
    there = _there(actor, slug, environment)
    form, status = SleepForm(request.POST), 422
    if form.is_valid():
        values = form.cleaned_data
        try:
            set_sleep(
                actor=actor,
                placement=there,
                after=values["after"],
                keeps_workers=values["keeps_workers"],
                as_of=as_of(request),
            )
        except Changed as problem:
            tell_changed(request, form, problem)
        except Invalid as problem:
            refuse(form, problem)
        except Blocked as problem:
            tell_blocked(request, problem)
            status = 409
        else:
            messages.success(request, _("Saved."))
            return redirect("placement-scaling", slug, environment)
    return page(request, TEMPLATE, scaling_shown(actor, there, form), status=status)
