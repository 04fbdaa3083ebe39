"""Variables and write-only secrets of one application in one environment."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Actor, NotVisible
from fairway.activity.changes import Changed
from fairway.applications.commands import save_configuration
from fairway.applications.models import Application, Configuration
from fairway.applications.queries import get_application as application_named
from fairway.applications.queries import get_configuration as configuration_numbered
from fairway.applications.queries import latest_configuration
from fairway.environments.models import Environment
from fairway.environments.queries import environments_for, get_environment_for
from fairway.shared.names import Invalid
from fairway.web.pages import page
from fairway.web.presenters.configuration import configuration_shown, required_names
from fairway.web.stale import as_of, changed_sentence
from fairway.web.variables import Rows, mark_error, read_rows


@dataclass(frozen=True)
class PageScope:
    """The actor, application and environment of the page."""

    actor: Actor
    application: Application
    environment: Environment


def _page_scope(request: HttpRequest, slug: str) -> PageScope:
    actor = actor_of(request)
    application = application_named(actor, slug)
    wanted = request.GET.get("environment", "")
    first = environments_for(actor, application).first()
    if not wanted and first is None:
        raise NotVisible("environment", "")
    return PageScope(
        actor, application, get_environment_for(actor, application, wanted) if wanted or first is None else first
    )


@needs(Act.VIEW)
def configuration(request: HttpRequest, slug: str) -> HttpResponse:
    scope = _page_scope(request, slug)
    older = _numbered(scope, request.GET.get("version", ""))
    compared = _compared(request, scope)
    context = configuration_shown(scope.actor, scope.application, scope.environment, older, compared)
    return page(request, "applications/configuration.html", context)


@sensitive_post_parameters()
@needs(Act.CONFIGURE)
def configuration_saved(request: HttpRequest, slug: str) -> HttpResponse:
    """Save the form as a new version; empty secrets are kept."""
    scope = _page_scope(request, slug)
    latest = latest_configuration(scope.application, scope.environment)
    known = latest.secret_names if latest else []
    rows = Rows()
    try:
        shown = _numbered(scope, request.GET.get("version", "")) or latest
        before = shown.variables if shown else {}
        rows = read_rows(request.POST, known, required_names(scope.application), before)
        saved = save_configuration(
            actor=scope.actor,
            application=scope.application,
            environment=scope.environment,
            variables=rows.variables,
            secrets=rows.secrets,
            removed_secrets=rows.removed(known),
            comment=request.POST.get("comment", ""),
            as_of=as_of(request),
        )
    except Invalid as problem:
        error = problem.sentence if problem.field == "comment" else mark_error(rows.shown, problem.sentence)
        return _refused(request, scope, rows, error)
    except Changed as problem:
        return _refused(request, scope, rows, changed_sentence(request, problem), status=409)
    messages.success(request, _("Version %(number)s is saved; the next deployment uses it.") % {"number": saved.version})
    url = reverse("application-configuration", args=[scope.application.slug])
    return redirect(f"{url}?environment={scope.environment.slug}")


def _refused(request: HttpRequest, scope: PageScope, rows: Rows, error: str, status: int = 422) -> HttpResponse:
    context = configuration_shown(scope.actor, scope.application, scope.environment)
    typed = {"variables": rows.shown, "form_error": error, "comment": request.POST.get("comment", "")}
    return page(request, "applications/configuration.html", {**context, **typed}, status=status)


def _numbered(scope: PageScope, text: str) -> Configuration | None:
    """The configuration with this version number; None for 0 or an empty text."""
    if not (text.isascii() and text.isdigit() and len(text) < 10) or int(text) == 0:
        return None
    return configuration_numbered(scope.application, scope.environment, int(text))


def _compared(request: HttpRequest, scope: PageScope) -> tuple[Configuration | None, Configuration | None] | None:
    if not request.GET.get("to"):
        return None
    return _numbered(scope, request.GET.get("from", "")), _numbered(scope, request.GET["to"])
