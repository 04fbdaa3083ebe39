"""Stages of a pipeline: setting one up, changing and pausing it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Actor, Blocked
from fairway.activity.changes import Changed
from fairway.applications.queries import get_application as application_named
from fairway.environments.queries import environments_for, get_environment_for
from fairway.pipelines.commands import stages as commands
from fairway.pipelines.models import Stage
from fairway.pipelines.stage_rules import LONGEST_AFTER
from fairway.pipelines.stages import get_stage, sees_origin
from fairway.shared.names import Invalid
from fairway.web.confirming import is_confirmed
from fairway.web.errors import tell_blocked
from fairway.web.forms import refuse
from fairway.web.pages import page
from fairway.web.presenters.pipeline import free_targets, new_stage_shown, origins, stage_shown
from fairway.web.stale import as_of, tell_changed

Choices = list[tuple[str, str]]


class StageForm(forms.Form):
    """Where versions come from, after how long; when it is new, also where they go."""

    environment = forms.ChoiceField(label=gettext_lazy("Promote to"))
    origin = forms.ChoiceField(label=gettext_lazy("What runs in"))
    after_minutes = forms.IntegerField(
        label=gettext_lazy("Once it has been healthy for"), min_value=0, max_value=LONGEST_AFTER, initial=10
    )

    def __init__(self, *args: Any, origins: Choices, environments: Choices | None = None, **values: Any) -> None:
        super().__init__(*args, **values)
        self._offer("origin", origins)
        if environments is None:
            del self.fields["environment"]
        else:
            self._offer("environment", environments)

    def _offer(self, name: str, choices: Choices) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices
        field.required = "" not in dict(choices)


@require_http_methods(["GET", "POST"])
@needs(Act.PROMOTE)
def new(request: HttpRequest, slug: str) -> HttpResponse:
    """Set up a stage."""
    actor = actor_of(request)
    application = application_named(actor, slug)
    environments = list(environments_for(actor, application))
    targets = free_targets(actor, application, environments)
    to = request.GET.get("to", "")
    initial = {"environment": to, "origin": _before(environments, to)}
    form = StageForm(
        request.POST if request.method == "POST" else None,
        initial=initial,
        origins=origins(actor, application),
        environments=targets,
    )
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            stage = commands.create_stage(
                actor=actor,
                application=application,
                environment=get_environment_for(actor, application, given["environment"]),
                origin=get_environment_for(actor, application, given["origin"]),
                after_minutes=given["after_minutes"],
            )
        except Invalid as problem:
            refuse(form, problem)
        except Blocked as problem:
            tell_blocked(request, problem)
            context = {**new_stage_shown(actor, application), "form": form}
            return page(request, "pipelines/stage.html", context, status=409)
        else:
            messages.success(request, _("Versions are promoted automatically now, with your rights."))
            return redirect("stage", stage.pk)
    context = {**new_stage_shown(actor, application), "form": form}
    return page(request, "pipelines/stage.html", context, status=422 if form.errors else 200)


def _before(environments: list[Any], slug: str) -> str:
    """The environment before this one in the promotion order."""
    slugs = [one.slug for one in environments]
    return slugs[max(0, slugs.index(slug) - 1)] if slug in slugs else ""


@needs(Act.VIEW)
def show(request: HttpRequest, number: int) -> HttpResponse:
    """One stage: what it waits for, what it did, and the form that changes it."""
    actor = actor_of(request)
    return _page(request, actor, get_stage(actor, number))


@needs(Act.PROMOTE)
def save(request: HttpRequest, number: int) -> HttpResponse:
    """Change a stage; it then promotes with the rights of whoever saves it."""
    actor = actor_of(request)
    stage = get_stage(actor, number)
    form = StageForm(request.POST, origins=_origins_of(actor, stage))
    if form.is_valid():
        given = form.cleaned_data
        changes: dict[str, Any] = {"after_minutes": given["after_minutes"]}
        if given["origin"] and given["origin"] != stage.origin.slug:
            changes["origin"] = get_environment_for(actor, stage.application, given["origin"])
        try:
            commands.edit_stage(actor=actor, stage=stage, as_of=as_of(request), **changes)
        except Changed as problem:
            tell_changed(request, form, problem)
        except Invalid as problem:
            refuse(form, problem)
        except Blocked as problem:
            tell_blocked(request, problem)
            return _page(request, actor, stage, form, status=409)
        else:
            messages.success(request, _("Saved."))
            return redirect("stage", number)
    return _page(request, actor, stage, form, status=422)


@require_POST
@needs(Act.PROMOTE)
def pause(request: HttpRequest, number: int) -> HttpResponse:
    return _set_paused(request, number, is_paused=True)


@require_POST
@needs(Act.PROMOTE)
def resume(request: HttpRequest, number: int) -> HttpResponse:
    return _set_paused(request, number, is_paused=False)


def _set_paused(request: HttpRequest, number: int, *, is_paused: bool) -> HttpResponse:
    actor = actor_of(request)
    stage = get_stage(actor, number)
    try:
        commands.edit_stage(actor=actor, stage=stage, is_paused=is_paused)
    except Blocked as problem:
        tell_blocked(request, problem)
    except Invalid as problem:
        messages.error(request, f"{problem.field}: {problem.sentence}")
    else:
        said = (
            _("Nothing is promoted here until you resume it.")
            if is_paused
            else _("Versions are promoted again, with your rights.")
        )
        messages.success(request, said)
    return redirect("stage", number)


@require_POST
@needs(Act.PROMOTE)
def delete(request: HttpRequest, number: int) -> HttpResponse:
    """Delete it, once the name of its environment was typed."""
    actor = actor_of(request)
    stage = get_stage(actor, number)
    if not is_confirmed(request, stage.environment.slug):
        return redirect("stage", number)
    try:
        commands.delete_stage(actor=actor, stage=stage)
    except Blocked as problem:
        tell_blocked(request, problem)
        return redirect("stage", number)
    messages.success(
        request, _("Nothing is promoted to %(name)s automatically any more.") % {"name": stage.environment.name}
    )
    return redirect(reverse("application-deployments", args=[stage.application.slug]))


def _origins_of(actor: Actor, stage: Stage) -> Choices:
    """The choices for where versions come from; the one in use is "" if this actor may not see it."""
    found = _without(origins(actor, stage.application), stage.environment.slug)
    return found if sees_origin(actor, stage) else [("", _("another environment")), *found]


def _without(choices: Choices, slug: str) -> Choices:
    return [one for one in choices if one[0] != slug]


def _page(
    request: HttpRequest, actor: Actor, stage: Stage, form: StageForm | None = None, *, status: int = 200
) -> HttpResponse:
    origin = stage.origin.slug if sees_origin(actor, stage) else ""
    initial = {"origin": origin, "after_minutes": stage.after_minutes}
    form = form or StageForm(initial=initial, origins=_origins_of(actor, stage))
    return page(request, "pipelines/stage.html", {**stage_shown(actor, stage), "form": form}, status=status)
