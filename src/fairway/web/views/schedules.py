"""Scheduled jobs: adding, changing, pausing, running and deleting them, and what a cron line says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Blocked
from fairway.activity.changes import Changed
from fairway.applications.queries import get_application as application_named
from fairway.deployments.commands import scheduled_jobs as commands
from fairway.deployments.commands.jobs import words_of_line
from fairway.deployments.models import ScheduledJob
from fairway.deployments.queries import get_scheduled_job
from fairway.drivers.builders.spec_rules import command_text
from fairway.environments.queries import get_environment_for
from fairway.shared.names import Invalid
from fairway.web.confirming import is_confirmed
from fairway.web.errors import tell_blocked
from fairway.web.forms import PLAIN, refuse
from fairway.web.freeze_form import LongSelect
from fairway.web.pages import page
from fairway.web.presenters.schedules import form_shown, preview_shown
from fairway.web.stale import as_of, tell_changed
from fairway.web.zones import zones


class ScheduleForm(forms.Form):
    """A scheduled job: its command in one line, its schedule as five fields of cron."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=80, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    command = forms.CharField(label=gettext_lazy("Command"), max_length=10_000, widget=forms.TextInput(attrs=PLAIN))
    schedule = forms.CharField(label=gettext_lazy("When"), max_length=250, widget=forms.TextInput(attrs=PLAIN))
    zone = forms.ChoiceField(label=gettext_lazy("Time zone"), widget=LongSelect)

    def __init__(self, *args: Any, zones: Iterable[str], **values: Any) -> None:
        super().__init__(*args, **values)
        field = self.fields["zone"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(zone, zone) for zone in zones]

    def values(self) -> dict[str, Any]:
        """The arguments for the commands. Raises `Invalid`."""
        return {**self.cleaned_data, "command": words_of_line(self.cleaned_data["command"])}


@require_http_methods(["GET", "POST"])
@needs(Act.RUN_COMMAND)
def new(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    """Schedule a command in this environment."""
    actor = actor_of(request)
    application = application_named(actor, slug)
    where = get_environment_for(actor, application, environment)
    form = _form(request, {"zone": timezone.get_current_timezone_name()})
    context = form_shown(actor, application, where, None)
    if request.method == "POST" and form.is_valid():
        try:
            job = commands.create_job(actor=actor, application=application, environment=where, **form.values())
        except Invalid as problem:
            refuse(form, problem)
        except Blocked as problem:
            tell_blocked(request, problem)
            return _page(request, context, form, status=409)
        else:
            messages.success(request, _("“%(name)s” is scheduled.") % {"name": job.name})
            return redirect(context["back"])
    return _page(request, context, form)


@require_http_methods(["GET", "POST"])
@needs(Act.RUN_COMMAND)
def edit(request: HttpRequest, number: int) -> HttpResponse:
    """Change a scheduled job."""
    actor = actor_of(request)
    job = get_scheduled_job(actor, number)
    initial = {"name": job.name, "command": command_text(tuple(job.command)), "schedule": job.schedule, "zone": job.zone}
    form = _form(request, initial)
    context = form_shown(actor, job.application, job.environment, job)
    if request.method == "POST" and form.is_valid():
        try:
            commands.edit_job(actor=actor, job=job, as_of=as_of(request), **form.values())
        except Changed as problem:
            tell_changed(request, form, problem)
        except Invalid as problem:
            refuse(form, problem)
        except Blocked as problem:
            tell_blocked(request, problem)
            return _page(request, context, form, status=409)
        else:
            messages.success(request, _("Saved."))
            return redirect(context["back"])
    return _page(request, context, form)


@require_POST
@needs(Act.RUN_COMMAND)
def preview(request: HttpRequest) -> HttpResponse:
    """What the schedule in the form says, and its next due times; nothing is stored."""
    schedule, zone = request.POST.get("schedule", "").strip(), request.POST.get("zone", "")
    context: dict[str, Any] = {}
    if schedule:
        try:
            context = preview_shown(schedule, zone)
        except Invalid as problem:
            context = {"problem": problem.sentence[:1].upper() + problem.sentence[1:]}
    return render(request, "schedules/when.html#preview", context)


@require_POST
@needs(Act.RUN_COMMAND)
def run(request: HttpRequest, number: int) -> HttpResponse:
    """Run it now; the page of the run shows what it prints."""
    actor = actor_of(request)
    job = get_scheduled_job(actor, number)
    try:
        made = commands.run_job_now(actor=actor, job=job)
    except Blocked as problem:
        tell_blocked(request, problem)
    except Invalid as problem:
        messages.error(request, f"{problem.field}: {problem.sentence}")
    else:
        return redirect("command-detail", made.pk)
    return redirect(_tab(job))


@require_POST
@needs(Act.RUN_COMMAND)
def pause(request: HttpRequest, number: int) -> HttpResponse:
    return _set_paused(request, number, is_paused=True)


@require_POST
@needs(Act.RUN_COMMAND)
def resume(request: HttpRequest, number: int) -> HttpResponse:
    return _set_paused(request, number, is_paused=False)


def _set_paused(request: HttpRequest, number: int, *, is_paused: bool) -> HttpResponse:
    actor = actor_of(request)
    job = get_scheduled_job(actor, number)
    said = _("“%(name)s” is paused.") if is_paused else _("“%(name)s” runs again, with your rights.")
    try:
        commands.edit_job(actor=actor, job=job, is_paused=is_paused)
    except Blocked as problem:
        tell_blocked(request, problem)
    except Invalid as problem:
        messages.error(request, f"{problem.field}: {problem.sentence}")
    else:
        messages.success(request, said % {"name": job.name})
    return redirect(_tab(job))


@require_POST
@needs(Act.RUN_COMMAND)
def delete(request: HttpRequest, number: int) -> HttpResponse:
    """Delete it, once its name was typed."""
    actor = actor_of(request)
    job = get_scheduled_job(actor, number)
    if not is_confirmed(request, job.name):
        return redirect("schedule-edit", job.pk)
    try:
        commands.delete_job(actor=actor, job=job)
    except Blocked as problem:
        tell_blocked(request, problem)
        return redirect(_tab(job))
    messages.success(request, _("%(name)s is deleted.") % {"name": job.name})
    return redirect(_tab(job))


def _tab(job: ScheduledJob) -> str:
    return f"{reverse('application-commands', args=[job.application.slug])}?environment={job.environment.slug}"


def _form(request: HttpRequest, initial: dict[str, Any]) -> ScheduleForm:
    return ScheduleForm(request.POST if request.method == "POST" else None, initial=initial, zones=zones())


def _page(request: HttpRequest, context: dict[str, Any], form: ScheduleForm, status: int = 0) -> HttpResponse:
    code = status or (422 if form.errors else 200)
    is_filled = not form.is_bound and "schedule" in form.initial
    preview = preview_shown(form.initial["schedule"], form.initial["zone"]) if is_filled else {}
    return page(request, "schedules/form.html", {**context, **preview, "form": form}, status=code)
