"""Acts on one application in one environment. Each calls one command; errors are shown on the application's page."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Actor, Blocked, Blocker, NotVisible
from fairway.applications.models import Application
from fairway.applications.queries import get_application as application_named
from fairway.deployments.commands import placements, requests, sleeping
from fairway.deployments.models import Deployment, Placement
from fairway.deployments.queries import get_deployment, get_placement
from fairway.drivers.runtimes.contract import MAIN
from fairway.environments.models import Environment
from fairway.environments.queries import get_environment_for
from fairway.shared.names import Invalid
from fairway.web.confirming import refuse_unconfirmed
from fairway.web.errors import tell_blocked
from fairway.web.pages import safe_next
from fairway.web.views.applications import overview_page

Doing = Callable[[HttpRequest, Actor, Application, Environment], Deployment | str]
View = Callable[..., HttpResponse]


def act(needed: Act) -> Callable[[Doing], View]:
    """Decorate an act on an application in an environment to make it a view.

    The act returns the deployment to show next, or a sentence to show on the application's page.
    """

    def decorate(doing: Doing) -> View:
        @require_POST
        @needs(needed)
        @wraps(doing)
        def view(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
            actor = actor_of(request)
            application = application_named(actor, slug)
            try:
                done = doing(request, actor, application, get_environment_for(actor, application, environment))
            except Blocked as problem:
                tell_blocked(request, problem)
                return overview_page(request, actor, application, status=409)
            except Invalid as problem:
                messages.error(request, f"{problem.field}: {problem.sentence}")
                return overview_page(request, actor, application, status=422)
            if isinstance(done, Deployment):
                return redirect("deployment-detail", done.pk)
            messages.success(request, done)
            return redirect(safe_next(request, application_url(application)))

        return view

    return decorate


def application_url(application: Application) -> str:
    return reverse("application-detail", args=[application.slug])


def _asked(request: HttpRequest) -> dict[str, Any]:
    return {"reason": request.POST.get("reason", ""), "break_glass": request.POST.get("break_glass", "")}


@act(Act.PROMOTE)
def promote(request: HttpRequest, actor: Actor, application: Application, environment: Environment) -> Deployment:
    """Deploy here what runs in the environment named in ``from``."""
    origin = get_environment_for(actor, application, request.POST.get("from", ""))
    return requests.promote(
        actor=actor, application=application, environment=environment, from_environment=origin, **_asked(request)
    )


@act(Act.ROLL_BACK)
def roll_back(request: HttpRequest, actor: Actor, application: Application, environment: Environment) -> Deployment:
    """Roll back to deployment ``to``, or to the last good one."""
    number = request.POST.get("to", "")
    to = get_deployment(actor, _number(number)) if number else None
    return requests.roll_back(actor=actor, application=application, environment=environment, to=to, **_asked(request))


@act(Act.RESTART)
def restart(request: HttpRequest, actor: Actor, application: Application, environment: Environment) -> Deployment:
    reason = request.POST.get("reason", "")
    return requests.restart(actor=actor, application=application, environment=environment, reason=reason)


@act(Act.STOP)
def stop(request: HttpRequest, actor: Actor, application: Application, environment: Environment) -> str:
    placements.stop(actor=actor, placement=_there(actor, application, environment), reason=request.POST.get("reason", ""))
    return _("Stopping %(name)s.") % {"name": _name(application, environment)}


@act(Act.START)
def start(request: HttpRequest, actor: Actor, application: Application, environment: Environment) -> str:
    placements.start(actor=actor, placement=_there(actor, application, environment), reason=request.POST.get("reason", ""))
    return _("Starting %(name)s.") % {"name": _name(application, environment)}


@act(Act.STOP)
def sleep(request: HttpRequest, actor: Actor, application: Application, environment: Environment) -> str:
    sleeping.put_to_sleep(actor=actor, placement=_there(actor, application, environment))
    return _("Putting %(name)s to sleep. The next visit wakes it.") % {"name": _name(application, environment)}


@act(Act.START)
def wake(request: HttpRequest, actor: Actor, application: Application, environment: Environment) -> str:
    sleeping.wake(actor=actor, placement=_there(actor, application, environment))
    return _("Waking %(name)s.") % {"name": _name(application, environment)}


@act(Act.SCALE)
def scale(request: HttpRequest, actor: Actor, application: Application, environment: Environment) -> str:
    replicas, service = _number(request.POST.get("replicas", ""), "replicas"), request.POST.get("service", MAIN)
    placements.scale(actor=actor, placement=_there(actor, application, environment), replicas=replicas, service=service)
    words = {"name": _name(application, environment), "service": service, "replicas": replicas}
    if service == MAIN:
        return _("Scaling %(name)s to %(replicas)s.") % words
    return _("Scaling %(service)s of %(name)s to %(replicas)s.") % words


@act(Act.REMOVE)
def remove(request: HttpRequest, actor: Actor, application: Application, environment: Environment) -> str:
    """Remove the application from here; its volumes are deleted only with ``volumes_confirmed``."""
    there = _there(actor, application, environment)
    refuse_unconfirmed(request, there.name)
    placements.remove(
        actor=actor,
        placement=there,
        reason=request.POST.get("reason", ""),
        volumes_confirmed=request.POST.get("volumes_confirmed", ""),
    )
    return _("Removing %(name)s.") % {"name": _name(application, environment)}


@act(Act.RELEASE_HOLD)
def release_hold(request: HttpRequest, actor: Actor, application: Application, environment: Environment) -> str:
    placements.release_hold(actor=actor, placement=_there(actor, application, environment))
    return _("Automatic deployments can continue for %(name)s.") % {"name": _name(application, environment)}


@act(Act.EDIT_APPLICATION)
def dismiss_writes(request: HttpRequest, actor: Actor, application: Application, environment: Environment) -> str:
    placements.dismiss_writes(actor=actor, placement=_there(actor, application, environment))
    return _("Dismissed. You will be told again if other files are affected.")


def _there(actor: Actor, application: Application, environment: Environment) -> Placement:
    """The placement, or an unsaved one, so that the gate says that nothing is deployed, instead of a 404."""
    try:
        return get_placement(actor, application, environment)
    except NotVisible:
        sentence = _("Nothing is deployed here yet.")
        raise Blocked([Blocker(code="nothing_there", sentence=sentence, who=_("a Deployer, by deploying"))]) from None


def _name(application: Application, environment: Environment) -> str:
    return f"{application.name} · {environment.name}"


def _number(text: str, field: str = "to") -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Invalid(field, _("is not a number."))
    return int(text)
