"""Applications: the list, and tabs of one application."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Actor
from fairway.applications.models import Application
from fairway.applications.queries import get_application as application_named
from fairway.web.pages import page
from fairway.web.presenters.alerts import application_alerts
from fairway.web.presenters.applications import head, list_shown, overview
from fairway.web.presenters.ci import ci_link
from fairway.web.presenters.forges import forge_button
from fairway.web.presenters.pipeline import pipeline_shown
from fairway.web.presenters.previews import previews_shown
from fairway.web.presenters.triggers import triggers_shown
from fairway.web.views.deployments import history_context


@require_GET
@needs(Act.VIEW)
def application_list(request: HttpRequest) -> HttpResponse:
    context = list_shown(actor_of(request), request.GET.get("q", ""))
    return page(request, "applications/list.html", context, fragments={"application-list": "list"})


@require_GET
@needs(Act.VIEW)
def application_detail(request: HttpRequest, slug: str) -> HttpResponse:
    actor = actor_of(request)
    return overview_page(request, actor, application_named(actor, slug))


def overview_page(request: HttpRequest, actor: Actor, application: Application, status: int = 200) -> HttpResponse:
    fragments = {"application-recent": "recent"}
    context = {**overview(actor, application), **application_alerts(actor, application)}
    return page(request, "applications/detail.html", context, fragments=fragments, status=status)


@require_GET
@needs(Act.VIEW)
def application_deployments(request: HttpRequest, slug: str) -> HttpResponse:
    actor = actor_of(request)
    application = application_named(actor, slug)
    context = {**history_context(request, actor, application.slug), **head(actor, application)}
    triggers = triggers_shown(actor, application)
    context |= {"triggers": triggers, "pipeline": pipeline_shown(actor, application), "ci": ci_link(application)}
    context |= {"forge": forge_button(application), "previews": previews_shown(actor, application)}
    return page(request, "applications/deployments.html", context)
