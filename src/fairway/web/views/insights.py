"""How well deployments go: the page with DORA's figures, and the lists of the deployments behind them."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act
from fairway.deployments.queries import visible_to
from fairway.environments.queries import visible_to as environments_visible_to
from fairway.insights.delivery.figures import OUTCOME_WORDS
from fairway.insights.delivery.queries import behind
from fairway.insights.rows import rows
from fairway.shared.names import Invalid
from fairway.web.pages import page
from fairway.web.presenters.insights import Links, filters_shown, found_for, insights_shown, wanted_filters

PER_PAGE = 30


@require_GET
@needs(Act.VIEW)
def insights(request: HttpRequest) -> HttpResponse:
    """The page; the filters are in the URL. A filter that makes no sense is told, and the usual period is shown."""
    actor = actor_of(request)
    environments = list(environments_visible_to(actor))
    filters = wanted_filters(request.GET.dict(), environments)
    found, problem = found_for(actor, filters, timezone.now(), timezone.get_current_timezone())
    context = {**insights_shown(actor, found, filters, environments), "problem": problem}
    return page(request, "insights/page.html", context, status=422 if problem else 200)


@require_GET
@needs(Act.VIEW)
def deployments(request: HttpRequest) -> HttpResponse:
    """The deployments behind one figure."""
    actor = actor_of(request)
    environments = list(environments_visible_to(actor))
    filters = wanted_filters(request.GET.dict(), environments)
    found, problem = found_for(actor, filters, timezone.now(), timezone.get_current_timezone())
    if problem:
        raise problem
    figure, like = request.GET.get("figure") or "ended", request.GET.get("like", "")
    numbers = behind(found, figure, like=int(like) if like.isascii() and like.isdecimal() and len(like) < 16 else 0)
    shown: Page[Any] = Paginator(numbers, PER_PAGE).get_page(request.GET.get("page"))
    shown.object_list = rows(list(visible_to(actor).filter(pk__in=list(shown.object_list))))
    context = {
        **filters_shown(actor, found.asked.period, filters, environments),
        "title": _title(figure),
        "page": shown,
        "back": Links(found.asked.period, filters).page(),
    }
    return page(request, "insights/deployments.html", context)


def _title(figure: str) -> Any:
    """What the deployments behind a figure have in common."""
    titles: dict[str, Any] = {
        "new": _("New versions that went live"),
        "lead_time": _("New versions with a known lead time"),
        "without_commit": _("New versions without a commit"),
        "failed": _("New versions that failed after going live"),
        "recovered": _("Failed new versions that a good one followed"),
        "not_recovered": _("Failed new versions that no good one followed"),
        "rework": _("Deployments that were rework"),
        "ended": _("Deployments that ended"),
        "cause": _("Deployments that failed for the same reason"),
        **{f"outcome_{outcome.value}": words for outcome, words in OUTCOME_WORDS.items()},
    }
    if figure not in titles:
        raise Invalid("figure", "is not one of {names}.", names=", ".join(titles))
    return titles[figure]
