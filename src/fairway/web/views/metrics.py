"""How an application does in one environment: the page with its charts, and what they draw."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import conditional_page, require_GET

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act
from fairway.applications.queries import get_application as application_named
from fairway.deployments.queries import get_placement, placements_visible_to
from fairway.environments.queries import environments_for, get_environment_for
from fairway.monitoring.alert_queries import open_alerts
from fairway.web.pages import page
from fairway.web.presenters.alerts import alert_shown
from fairway.web.presenters.applications import head
from fairway.web.presenters.metrics import PERIODS, chart_data, metrics_shown
from fairway.web.views.instance_logs import environment_shown


@require_GET
@needs(Act.VIEW)
def metrics(request: HttpRequest, slug: str) -> HttpResponse:
    """The page, for ``?environment=`` and ``?since=``."""
    actor = actor_of(request)
    application = application_named(actor, slug)
    environment = environment_shown(request, actor, application)
    there = placements_visible_to(actor).filter(application=application, environment=environment).first()
    context = {
        **head(actor, application),
        "environment": environment,
        "environments": environments_for(actor, application),
        "is_running": bool(there and there.current and there.wanted == "running"),
        "alerts": [alert_shown(actor, one) for one in open_alerts(actor, there)] if there else [],
        **metrics_shown(actor, there, _period(request)),
    }
    return page(request, "applications/metrics.html", context)


@require_GET
@needs(Act.VIEW)
@conditional_page
def placement_metrics(request: HttpRequest, slug: str, environment: str) -> JsonResponse:
    """What the charts draw now. A browser that has it already is only told so."""
    actor = actor_of(request)
    application = application_named(actor, slug)
    there = get_placement(actor, application, get_environment_for(actor, application, environment))
    response = JsonResponse(chart_data(actor, there, _period(request)))
    response["Cache-Control"] = "private, no-cache"
    return response


def _period(request: HttpRequest) -> str:
    """The period that the page offers and the address names; else the shortest."""
    wanted = request.GET.get("since", "")
    return wanted if wanted in PERIODS else PERIODS[0]
