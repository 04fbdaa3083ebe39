"""Seal, approve, schedule; and what stands in the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Actor, Blocked
from fairway.activity.changes import Changed
from fairway.environments.queries import environment as environment_named
from fairway.insights import desk
from fairway.releases import queries
from fairway.releases.commands import approvals, schedule
from fairway.releases.models import Release
from fairway.shared.names import Invalid
from fairway.web.confirming import refuse_unconfirmed
from fairway.web.errors import tell_blocked
from fairway.web.pages import page
from fairway.web.presenters.release_plan import plan_shown, readiness_shown
from fairway.web.stale import as_of, changed_sentence
from fairway.web.zones import zone_of

FRAGMENTS = {"release-approvals": "approvals", "release-sealing": "sealing", "release-planned": "planned"}
Doing = Callable[[HttpRequest, Actor, Release], str]
View = Callable[..., HttpResponse]
SCHEDULE_FIELDS = {"start_by_minutes": "start_by"}


@require_GET
@needs(Act.VIEW)
def readiness(request: HttpRequest, number: int) -> HttpResponse:
    actor = actor_of(request)
    context = readiness_shown(actor, queries.release(actor, number))
    return page(request, "releases/readiness.html", context, fragments={"release-readiness": "readiness"})


@require_GET
@needs(Act.VIEW)
def plan(request: HttpRequest, number: int) -> HttpResponse:
    actor = actor_of(request)
    asked = {"at": request.GET.get("at", "")[:16], "environment": request.GET.get("target", "")[:40]}
    return _page(request, actor, queries.release(actor, number), {name: value for name, value in asked.items() if value})


def _page(
    request: HttpRequest,
    actor: Actor,
    release: Release,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    context = plan_shown(actor, release, typed or {}, errors or {}, zone=zone_of(request).key)
    return page(request, "releases/plan.html", context, fragments=FRAGMENTS, status=status)


def _on_release(needed: Act) -> Callable[[Doing], View]:
    """Make a view of something done to a release; it returns what to say."""

    def decorate(doing: Doing) -> View:
        @require_POST
        @needs(needed)
        @wraps(doing)
        def view(request: HttpRequest, number: int) -> HttpResponse:
            actor = actor_of(request)
            release = queries.release(actor, number)
            try:
                sentence = doing(request, actor, release)
            except Blocked as problem:
                tell_blocked(request, problem)
                return _page(request, actor, queries.release(actor, number), status=409)
            except Invalid as problem:
                messages.error(request, f"{problem.field}: {problem.sentence}")
                return _page(request, actor, release, status=422)
            messages.success(request, sentence)
            return redirect("release-plan", number)

        return view

    return decorate


@_on_release(Act.SEAL_RELEASE)
def seal(request: HttpRequest, actor: Actor, release: Release) -> str:
    approvals.seal(actor=actor, release=release)
    return _("%(release)s is sealed.") % {"release": release}


@_on_release(Act.SEAL_RELEASE)
def settings(request: HttpRequest, actor: Actor, release: Release) -> str:
    """Those that were saved since it was sealed."""
    refuse_unconfirmed(request, queries.confirms_unsealing(release))
    approvals.use_new_settings(actor=actor, release=release)
    return _("%(release)s has the new settings now; it needs its approvals again.") % {"release": release}


@_on_release(Act.SEAL_RELEASE)
def unseal(request: HttpRequest, actor: Actor, release: Release) -> str:
    refuse_unconfirmed(request, queries.confirms_unsealing(release))
    approvals.unseal(actor=actor, release=release, reason=request.POST.get("reason", ""))
    return _("%(release)s may be changed again; its approvals are void.") % {"release": release}


@_on_release(Act.APPROVE)
def approval(request: HttpRequest, actor: Actor, release: Release) -> str:
    """Yes or no, to the fingerprint that the page showed."""
    environment = environment_named(actor, request.POST.get("environment", ""))
    is_approved = request.POST.get("decision") == "approve"
    (approvals.approve if is_approved else approvals.reject)(
        actor=actor,
        release=release,
        environment=environment,
        fingerprint=request.POST.get("fingerprint", ""),
        comment=request.POST.get("comment", ""),
    )
    return _("Approved.") if is_approved else _("Rejected.")


@require_POST
@needs(Act.SCHEDULE_RELEASE)
def scheduling(request: HttpRequest, number: int) -> HttpResponse:
    """Plan it, or move what is planned already."""
    actor = actor_of(request)
    release = queries.release(actor, number)
    typed = {name: request.POST.get(name, "").strip()[:100] for name in ("environment", "at", "zone", "start_by")}
    try:
        _schedule(actor, release, typed, as_of(request))
    except Changed as problem:
        messages.error(request, changed_sentence(request, problem))
        return _page(request, actor, release, typed, status=409)
    except Invalid as problem:
        field = SCHEDULE_FIELDS.get(problem.field, problem.field)
        return _page(request, actor, release, typed, {field: capfirst(problem.sentence)}, status=422)
    except Blocked as problem:
        tell_blocked(request, problem)
        return _page(request, actor, release, typed, status=409)
    messages.success(request, _("%(release)s is on the calendar.") % {"release": release})
    return redirect("release-plan", number)


def _schedule(actor: Actor, release: Release, typed: Mapping[str, str], as_of: int | None) -> None:
    environment = environment_named(actor, typed["environment"])
    queries.require_whole(release, actor, environment)
    minutes = typed["start_by"]
    if not (minutes.isascii() and minutes.isdigit() and len(minutes) < 7):
        raise Invalid("start_by", _("is not a number."))
    at, zone, late = typed["at"], typed["zone"], int(minutes)
    planned = desk.all_planned(release, actor).filter(environment=environment).first()
    if planned is not None:
        schedule.reschedule(actor=actor, rollout=planned, at=at, zone=zone, start_by_minutes=late, as_of=as_of)
    else:
        schedule.schedule_release(
            actor=actor, release=release, environment=environment, at=at, zone=zone, start_by_minutes=late
        )
