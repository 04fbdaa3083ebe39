"""Events: who did what, when, and through which interface."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Page
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.record import acknowledge, request_verification
from fairway.accounts.rules import Act
from fairway.applications.queries import get_application as application_named
from fairway.releases.queries import get_release as release_numbered
from fairway.shared.failures import Refused
from fairway.shared.names import Invalid
from fairway.web.failure_words import in_words
from fairway.web.long_lists import LongPaginator
from fairway.web.pages import page
from fairway.web.presenters.applications import head as application_head
from fairway.web.presenters.events import FILTERS, chain, choices, chosen, events_shown, exports, newest, severity
from fairway.web.presenters.releases import head_shown as release_head

PER_PAGE = 50


@require_GET
@needs(Act.VIEW)
def event_list(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    filters = {name: request.GET.get(name, "") for name in FILTERS}
    offered = choices(actor, filters)
    for name in ("package", "rollout"):  # drop filters that belong to another release, which was chosen before
        if filters[name] not in {one["key"] for one in offered[f"{name}s"]}:
            filters[name] = ""
    shown: Page[Any] = LongPaginator(chosen(actor, filters), PER_PAGE).get_page(request.GET.get("page"))
    shown.object_list = events_shown(list(shown.object_list))
    context = {
        "filters": filters,
        "choices": offered,
        "page": shown,
        "chain": chain(actor),
        "severity": severity(filters),
        "exports": exports(filters),
        "is_newest": shown.number == 1 and not any(filters.values()),
    }
    return page(request, "events/list.html", context, fragments={"event-list": "list"})


@require_GET
@needs(Act.VIEW)
def application_events(request: HttpRequest, slug: str) -> HttpResponse:
    actor = actor_of(request)
    application = application_named(actor, slug)
    return page(
        request,
        "applications/events.html",
        {**application_head(actor, application), **newest(actor, application=slug, q=request.GET.get("q", ""))},
    )


@require_GET
@needs(Act.VIEW)
def release_events(request: HttpRequest, number: int) -> HttpResponse:
    actor = actor_of(request)
    release = release_numbered(actor, number)
    return page(
        request,
        "releases/events.html",
        {**release_head(actor, release), **newest(actor, release=str(number), q=request.GET.get("q", ""))},
    )


@require_POST
@needs(Act.MANAGE_SYSTEM)
def acknowledgement(request: HttpRequest) -> HttpResponse:
    """Acknowledge that an older backup was restored on purpose, with a reason."""
    try:
        acknowledge(actor=actor_of(request), reason=request.POST.get("reason", ""))
    except (Invalid, Refused) as problem:
        is_input = isinstance(problem, Invalid)
        messages.error(request, f"{_('Why')}: {problem.sentence}" if is_input else in_words(problem.sentence))
    else:
        messages.success(
            request, _("Acknowledged. The chain is compared from here on; what was found stays in it as an event.")
        )
    return redirect("event-list")


@require_POST
@needs(Act.MANAGE_SYSTEM)
def verification(request: HttpRequest) -> HttpResponse:
    """Let the worker verify the whole chain again; the page shows the result."""
    request_verification(actor=actor_of(request))
    messages.success(request, _("The whole chain is being checked again; this page will show the result."))
    return redirect("event-list")
