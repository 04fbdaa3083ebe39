"""What applications cost: the page of a month."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act
from fairway.applications.queries import visible_to as applications_visible_to
from fairway.engine import clock
from fairway.environments.queries import visible_to as environments_visible_to
from fairway.insights.costs import costs as costs_of
from fairway.monitoring.pricing_rules import parse_month
from fairway.shared.names import Invalid
from fairway.web.pages import page
from fairway.web.presenters.costs import costs_shown


@require_GET
@needs(Act.VIEW)
def costs(request: HttpRequest) -> HttpResponse:
    """The costs of the month in the URL. One that makes no sense is told, and this month is shown."""
    actor, now, problem = actor_of(request), clock.now(), None
    this = parse_month(f"{now:%Y-%m}")
    try:
        month = parse_month(request.GET["month"]) if request.GET.get("month") else this
    except Invalid as wrong:
        month, problem = this, wrong
    names = dict(applications_visible_to(actor).values_list("slug", "name"))
    environments = dict(environments_visible_to(actor).values_list("slug", "name"))
    context = {**costs_shown(costs_of(actor, month, now=now), names, environments), "problem": problem}
    return page(request, "costs/page.html", context, status=422 if problem else 200)
