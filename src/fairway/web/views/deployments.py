"""Deployments: history, one deployment live, its log, and its acts."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Page
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Actor, Blocked
from fairway.deployments.commands import approvals, requests
from fairway.deployments.queries import collected_note, get_deployment, history
from fairway.insights.rows import rows
from fairway.shared.names import Invalid
from fairway.web import log_answers
from fairway.web.errors import tell_blocked
from fairway.web.long_lists import LongPaginator
from fairway.web.pages import page
from fairway.web.presenters.deployments import deployment_shown
from fairway.web.presenters.filters import HISTORY_FILTERS, history_choices, history_wanted
from fairway.web.stored_logs import DEPLOYMENT

PER_PAGE = 30
FRAGMENTS = {f"deployment-{name}": name for name in ("head", "progress", "approval", "outcome", "facts")}


@require_GET
@needs(Act.VIEW)
def deployment_list(request: HttpRequest) -> HttpResponse:
    """The list of all deployments; the filters are in the URL."""
    return page(request, "deployments/list.html", history_context(request, actor_of(request)))


def history_context(request: HttpRequest, actor: Actor, application: str = "") -> dict[str, object]:
    """The context of ``deployments/history.html``; `application` limits it to one application."""
    filters = {name: request.GET.get(name, "") for name in HISTORY_FILTERS}
    chosen = history(actor, history_wanted(filters | ({"application": application} if application else {})))
    shown: Page[Any] = LongPaginator(chosen, PER_PAGE).get_page(request.GET.get("page"))
    shown.object_list = rows(list(shown.object_list))
    return {"filters": filters, "choices": history_choices(actor), "page": shown, "hide_application": bool(application)}


@require_GET
@needs(Act.VIEW)
def deployment_detail(request: HttpRequest, number: int) -> HttpResponse:
    return detail(request, actor_of(request), number)


def detail(request: HttpRequest, actor: Actor, number: int, status: int = 200) -> HttpResponse:
    context = deployment_shown(actor, get_deployment(actor, number))
    return page(request, "deployments/detail.html", context, fragments=FRAGMENTS, status=status)


@require_POST
@needs(Act.CANCEL)
def cancellation(request: HttpRequest, number: int) -> HttpResponse:
    """Cancel a deployment."""
    actor = actor_of(request)
    one = get_deployment(actor, number)
    try:
        requests.cancel(actor=actor, deployment=one, reason=request.POST.get("reason", ""))
    except Blocked as problem:
        tell_blocked(request, problem)
        return detail(request, actor, number, status=409)
    messages.success(request, _("Cancelling. What runs now keeps running."))
    return redirect("deployment-detail", number)


@require_POST
@needs(Act.DEPLOY)
def again(request: HttpRequest, number: int) -> HttpResponse:
    """Deploy the same artifact again, with the newest configuration."""
    actor = actor_of(request)
    one = get_deployment(actor, number)
    if one.artifact is None:
        raise Invalid("artifact", _("this deployment never produced an artifact; deploy the application instead."))
    try:
        made = requests.request_deployment(
            actor=actor,
            application=one.application,
            environment=one.environment,
            artifact=one.artifact,
            reason=request.POST.get("reason", ""),
        )
    except Blocked as problem:
        tell_blocked(request, problem)
        return detail(request, actor, number, status=409)
    return redirect("deployment-detail", made.pk)


@require_POST
@needs(Act.APPROVE)
def approval(request: HttpRequest, number: int) -> HttpResponse:
    """Approve or reject the fingerprint that the page showed."""
    actor = actor_of(request)
    one = get_deployment(actor, number)
    is_approved = request.POST.get("decision") == "approve"
    try:
        (approvals.approve if is_approved else approvals.reject)(
            actor=actor,
            deployment=one,
            fingerprint=request.POST.get("fingerprint", ""),
            comment=request.POST.get("comment", ""),
        )
    except Blocked as problem:
        tell_blocked(request, problem)
        return detail(request, actor, number, status=409)
    except Invalid as problem:
        messages.error(request, f"{problem.field}: {problem.sentence}")
        return detail(request, actor, number, status=422)
    messages.success(request, _("Approved.") if is_approved else _("Rejected."))
    return redirect("deployment-detail", number)


@require_GET
@needs(Act.VIEW)
def log_page(request: HttpRequest, number: int) -> JsonResponse:
    """The lines after ``?after=``, and the number of the last."""
    return log_answers.lines(request, get_deployment(actor_of(request), number), DEPLOYMENT)


@require_GET
@needs(Act.VIEW)
def log_stream(request: HttpRequest, number: int) -> HttpResponse:
    """New lines as they are written, then ``complete``."""
    return log_answers.stream(request, get_deployment(actor_of(request), number), DEPLOYMENT)


@require_GET
@needs(Act.VIEW)
def log_raw(request: HttpRequest, number: int) -> StreamingHttpResponse:
    """The whole log as plain text."""
    one = get_deployment(actor_of(request), number)
    begin = collected_note(one) if one.log_collected_at else ""
    return log_answers.raw(request, one, DEPLOYMENT, name=f"{one.application.slug}-{one.pk}", begin=begin)
