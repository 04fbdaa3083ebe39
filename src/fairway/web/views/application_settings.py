"""The settings of an application: how it runs, its source, its domains, who may open it; and its deletion."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Actor, Blocked
from fairway.activity.changes import Changed
from fairway.applications.commands import edit_application
from fairway.applications.models import Application
from fairway.applications.queries import get_application as application_named
from fairway.deployments.commands.placements import delete_application, set_access, set_domains
from fairway.deployments.models import Placement
from fairway.deployments.queries import get_placement
from fairway.environments.queries import get_environment_for
from fairway.shared.names import Invalid
from fairway.web.errors import tell_blocked
from fairway.web.forms import refuse
from fairway.web.pages import page
from fairway.web.presenters.settings import SourceForm, settings_shown, source_form_of
from fairway.web.source_forms import RunSettingsForm
from fairway.web.stale import as_of, changed_sentence, tell_changed


@needs(Act.VIEW)
def settings_page(request: HttpRequest, slug: str) -> HttpResponse:
    actor = actor_of(request)
    application = application_named(actor, slug)
    keep = request.GET.get("keep", "")
    return page(request, "applications/settings.html", settings_shown(actor, application, keep=keep))


@needs(Act.EDIT_APPLICATION)
def settings_saved(request: HttpRequest, slug: str) -> HttpResponse:
    """Save one of the page's two forms; the field ``section`` says which."""
    actor = actor_of(request)
    application = application_named(actor, slug)
    if request.POST.get("section") == "source":
        return _save_source(request, actor, application)
    return _save_run(request, actor, application)


def _save_run(request: HttpRequest, actor: Actor, application: Application) -> HttpResponse:
    form = RunSettingsForm(request.POST)
    if form.is_valid():
        values = form.cleaned_data
        try:
            edit_application(
                actor=actor,
                application=application,
                name=values["name"],
                description=values["description"],
                spec=form.overrides(application.spec or {}),
                as_of=as_of(request),
            )
        except Changed as problem:
            tell_changed(request, form, problem)
        except Invalid as problem:
            refuse(form, problem)
        except Blocked as problem:
            return _blocked(request, actor, application, problem)
        else:
            return _saved(request, application)
    return page(request, "applications/settings.html", settings_shown(actor, application, form), status=422)


def _save_source(request: HttpRequest, actor: Actor, application: Application) -> HttpResponse:
    form = source_form_of(application, request.POST)
    if form is None:
        raise Invalid("source", _("an upload is replaced by uploading again."))
    if form.is_valid():
        try:
            edit_application(actor=actor, application=application, source=_source(application, form), as_of=as_of(request))
        except Changed as problem:
            tell_changed(request, form, problem)
        except Invalid as problem:
            refuse(form, Invalid("reference", problem.sentence) if problem.field == "image" else problem)
        except Blocked as problem:
            return _blocked(request, actor, application, problem)
        else:
            return _saved(request, application)
    context = settings_shown(actor, application, source_form=form)
    return page(request, "applications/settings.html", context, status=422)


def _source(application: Application, form: SourceForm) -> dict[str, str]:
    """The entered source; parts without a field (a folder, a credential) keep their value."""
    return {**application.source, **form.source()}


def _saved(request: HttpRequest, application: Application) -> HttpResponse:
    messages.success(request, _("Saved; the next deployment uses it."))
    return redirect("application-settings", application.slug)


def _blocked(request: HttpRequest, actor: Actor, application: Application, problem: Blocked) -> HttpResponse:
    tell_blocked(request, problem)
    return page(request, "applications/settings.html", settings_shown(actor, application), status=409)


def _there(actor: Actor, slug: str, environment: str) -> Placement:
    application = application_named(actor, slug)
    return get_placement(actor, application, get_environment_for(actor, application, environment))


@require_POST
@needs(Act.ROUTE)
def domains(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    """Add the domain in ``host``, or remove the one in ``remove``."""
    actor = actor_of(request)
    there = _there(actor, slug, environment)
    host, gone = request.POST.get("host", "").strip(), request.POST.get("remove", "")
    wanted = [domain for domain in there.domains if domain != gone] + ([host] if host or not gone else [])
    try:
        set_domains(actor=actor, placement=there, domains=wanted)
    except Invalid as problem:
        refused = {"environment": environment, "value": host, "error": problem.sentence}
        context = settings_shown(actor, there.application, domain=refused)
        return page(request, "applications/settings.html", context, status=422)
    except Blocked as problem:
        return _blocked(request, actor, there.application, problem)
    return redirect("application-settings", slug)


@require_POST
@needs(Act.ROUTE)
def access(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    """Set who may open the application."""
    actor = actor_of(request)
    there = _there(actor, slug, environment)
    try:
        set_access(actor=actor, placement=there, access=request.POST.get("access", ""), as_of=as_of(request))
    except Changed as problem:
        messages.error(request, changed_sentence(request, problem))
        return page(request, "applications/settings.html", settings_shown(actor, there.application), status=409)
    except Blocked as problem:
        return _blocked(request, actor, there.application, problem)
    return redirect("application-settings", slug)


@require_POST
@needs(Act.DELETE_APPLICATION)
def delete(request: HttpRequest, slug: str) -> HttpResponse:
    actor = actor_of(request)
    application = application_named(actor, slug)
    confirmed, volumes = request.POST.get("confirm", ""), request.POST.get("remove_volumes") == "on"
    try:
        delete_application(actor=actor, application=application, confirmed=confirmed, volumes=volumes)
    except Invalid as problem:
        messages.error(request, problem.sentence)
        return page(request, "applications/settings.html", settings_shown(actor, application), status=422)
    except Blocked as problem:
        return _blocked(request, actor, application, problem)
    messages.success(request, _("%(name)s is being removed.") % {"name": application.name})
    return redirect("application-list")
