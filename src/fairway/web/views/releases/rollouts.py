"""All of a release at once: ask before, watch it, decide, cancel, fall back."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Actor, Blocked, may
from fairway.environments.models import Environment
from fairway.environments.queries import environment as environment_named
from fairway.releases import queries
from fairway.releases.commands import rollouts as commands
from fairway.releases.commands.schedule import cancel_schedule
from fairway.releases.models import Release, Rollout
from fairway.releases.rules import Choice
from fairway.shared.names import Invalid
from fairway.web.confirming import refuse_unconfirmed
from fairway.web.errors import tell_blocked
from fairway.web.forms import refuse
from fairway.web.pages import page
from fairway.web.presenters.rollouts import confirms_falling_back, rolling_out_shown, rollout_shown, rollouts_shown
from fairway.web.release_forms import RollingOutForm

PROGRESS = {"rollout-progress": "progress"}


@require_GET
@needs(Act.VIEW)
def rollouts(request: HttpRequest, number: int) -> HttpResponse:
    actor = actor_of(request)
    context = rollouts_shown(actor, queries.release(actor, number))
    return page(request, "releases/rollouts.html", context, fragments={"release-rollouts": "rollouts"})


@require_GET
@needs(Act.VIEW)
def rollout(request: HttpRequest, number: int, rollout: int) -> HttpResponse:
    actor = actor_of(request)
    return _page(request, actor, queries.rollout(actor, rollout))


def _page(request: HttpRequest, actor: Actor, one: Rollout, status: int = 200) -> HttpResponse:
    return page(request, "releases/rollout.html", rollout_shown(actor, one), fragments=PROGRESS, status=status)


@require_http_methods(["GET", "POST"])
@needs(Act.ROLL_OUT)
def roll_out(request: HttpRequest, number: int, environment: str) -> HttpResponse:
    return _begin(request, number, environment, is_back=False)


@require_http_methods(["GET", "POST"])
@needs(Act.FALL_BACK_RELEASE)
def fall_back(request: HttpRequest, number: int, environment: str) -> HttpResponse:
    return _begin(request, number, environment, is_back=True)


def _begin(request: HttpRequest, number: int, slug: str, *, is_back: bool) -> HttpResponse:
    """What will happen first; with POST it does."""
    actor = actor_of(request)
    release, environment = queries.release(actor, number), environment_named(actor, slug)
    queries.require_whole(release, actor, environment)
    may_override = may(actor, Act.BREAK_GLASS, environment=environment.slug)
    shown = rolling_out_shown(actor, release, environment, is_back=is_back)
    confirm = environment.slug if shown["goes_down"] else ""
    form = RollingOutForm(request.POST or None, may_break_glass=may_override, is_back=is_back, confirm=confirm)
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            return redirect("rollout-detail", release.pk, _begun(actor, release, environment, form, is_back=is_back).pk)
        except Invalid as problem:
            refuse(form, problem)
        except Blocked as problem:
            tell_blocked(request, problem)
            status = 409
    context = {**shown, "form": form}
    return page(request, "releases/rolling_out.html", context, status=422 if form.errors else status)


def _begun(actor: Actor, release: Release, environment: Environment, form: RollingOutForm, *, is_back: bool) -> Rollout:
    begin = commands.fall_back_release if is_back else commands.roll_out
    values = {name: value for name, value in form.cleaned_data.items() if name != "confirm"}
    return begin(actor=actor, release=release, environment=environment, **values)


@require_POST
@needs(Act.ROLL_OUT)
def decision(request: HttpRequest, number: int, rollout: int) -> HttpResponse:
    """How it goes on."""
    actor = actor_of(request)
    one = queries.rollout(actor, rollout)
    reason = request.POST.get("reason", "")
    try:
        if request.POST.get("decision") == Choice.FALL_BACK_ALL:
            refuse_unconfirmed(request, confirms_falling_back(one))
        commands.decide(actor=actor, rollout=one, choice=request.POST.get("decision", ""), reason=reason)
    except Invalid as problem:
        messages.error(request, f"{problem.field}: {problem.sentence}")
        return _page(request, actor, one, status=422)
    except Blocked as problem:
        tell_blocked(request, problem)
        return _page(request, actor, queries.rollout(actor, rollout), status=409)
    return redirect("rollout-detail", number, rollout)


@require_POST
@needs(Act.ROLL_OUT)
def cancellation(request: HttpRequest, number: int, rollout: int) -> HttpResponse:
    """End what runs."""
    sentence = _("It is being cancelled. What has not started will not start.")
    return _ended(request, number, rollout, commands.cancel_rollout, sentence)


@require_POST
@needs(Act.SCHEDULE_RELEASE)
def unscheduling(request: HttpRequest, number: int, rollout: int) -> HttpResponse:
    """Take what is planned off the calendar."""
    return _ended(request, number, rollout, cancel_schedule, _("The schedule was cancelled."))


def _ended(request: HttpRequest, number: int, rollout: int, end: Callable[..., Rollout], sentence: str) -> HttpResponse:
    actor = actor_of(request)
    one = queries.rollout(actor, rollout)
    try:
        end(actor=actor, rollout=one, reason=request.POST.get("reason", ""))
    except Blocked as problem:
        tell_blocked(request, problem)
        return _page(request, actor, queries.rollout(actor, rollout), status=409)
    messages.success(request, sentence)
    return redirect("rollout-detail", number, rollout)
