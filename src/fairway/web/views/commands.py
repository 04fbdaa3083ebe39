"""Commands: what was run once with an application, running one, its log, cancelling it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Page
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Actor, Blocked
from fairway.applications.models import Application
from fairway.applications.queries import get_application as application_named
from fairway.deployments.commands import jobs
from fairway.deployments.queries import collected_note, get_job, jobs_visible_to
from fairway.drivers.builders.spec_rules import command_text
from fairway.environments.models import Environment
from fairway.environments.queries import environments_for, get_environment_for
from fairway.shared.names import Invalid
from fairway.web import log_answers
from fairway.web.errors import tell_blocked
from fairway.web.forms import PLAIN, refuse
from fairway.web.long_lists import LongPaginator
from fairway.web.pages import page
from fairway.web.presenters.applications import head
from fairway.web.presenters.commands import command_shown, rows, running_shown
from fairway.web.presenters.schedules import schedules_shown
from fairway.web.stored_logs import JOB
from fairway.web.views.instance_logs import environment_shown

PER_PAGE = 30
LIST_FRAGMENTS = {"command-history": "history", "command-schedules": "schedules"}
FRAGMENTS = {f"command-{name}": name for name in ("head", "outcome", "facts")}


class CommandForm(forms.Form):
    """A command to run, in one line."""

    command = forms.CharField(label=gettext_lazy("Command"), max_length=10_000, widget=forms.TextInput(attrs=PLAIN))
    reason = forms.CharField(
        label=gettext_lazy("Why"), max_length=500, required=False, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )


@require_GET
@needs(Act.VIEW)
def application_commands(request: HttpRequest, slug: str) -> HttpResponse:
    """The tab: the form, the scheduled jobs and the history of one environment."""
    actor = actor_of(request)
    application = application_named(actor, slug)
    form = CommandForm(initial=_again(request, actor, application))
    return _tab(request, actor, application, environment_shown(request, actor, application), form)


def _again(request: HttpRequest, actor: Actor, application: Application) -> dict[str, Any]:
    """The words of the command ``?again=``, to be looked at before they run again."""
    number = request.GET.get("again", "")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        return {}
    one = jobs_visible_to(actor).filter(application=application, pk=int(number)).first()
    return {"command": command_text(tuple(one.command))} if one else {}


def _tab(
    request: HttpRequest,
    actor: Actor,
    application: Application,
    environment: Environment | None,
    form: CommandForm,
    status: int = 0,
) -> HttpResponse:
    found = jobs_visible_to(actor).filter(application=application, environment=environment)
    shown: Page[Any] = LongPaginator(found, PER_PAGE).get_page(request.GET.get("page"))
    shown.object_list = rows(list(shown.object_list))
    context = {
        **head(actor, application),
        "environment": environment,
        "environments": environments_for(actor, application),
        "running": running_shown(actor, application, environment) if environment else None,
        "schedules": schedules_shown(actor, application, environment) if environment else None,
        "form": form,
        "page": shown,
    }
    code = status or (422 if form.errors else 200)
    return page(request, "applications/commands.html", context, fragments=LIST_FRAGMENTS, status=code)


@require_POST
@needs(Act.RUN_COMMAND)
def run(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    """Run a command; its page shows what it prints."""
    actor = actor_of(request)
    application = application_named(actor, slug)
    where = get_environment_for(actor, application, environment)
    form = CommandForm(request.POST)
    if form.is_valid():
        try:
            made = jobs.run_command(
                actor=actor,
                application=application,
                environment=where,
                command=jobs.words_of_line(form.cleaned_data["command"]),
                reason=form.cleaned_data["reason"],
            )
        except Invalid as problem:
            refuse(form, problem)
        except Blocked as problem:
            tell_blocked(request, problem)
            return _tab(request, actor, application, where, form, status=409)
        else:
            return redirect("command-detail", made.pk)
    return _tab(request, actor, application, where, form)


@require_GET
@needs(Act.VIEW)
def detail(request: HttpRequest, number: int) -> HttpResponse:
    actor = actor_of(request)
    return _detail(request, actor, number)


def _detail(request: HttpRequest, actor: Actor, number: int, status: int = 200) -> HttpResponse:
    context = command_shown(actor, get_job(actor, number))
    return page(request, "commands/detail.html", context, fragments=FRAGMENTS, status=status)


@require_POST
@needs(Act.CANCEL)
def cancellation(request: HttpRequest, number: int) -> HttpResponse:
    """End a command that runs."""
    actor = actor_of(request)
    one = get_job(actor, number)
    try:
        jobs.cancel_job(actor=actor, job=one, reason=request.POST.get("reason", ""))
    except Blocked as problem:
        tell_blocked(request, problem)
        return _detail(request, actor, number, status=409)
    except Invalid as problem:
        messages.error(request, f"{problem.field}: {problem.sentence}")
        return _detail(request, actor, number, status=422)
    messages.success(request, _("The command is being ended."))
    return redirect("command-detail", number)


@require_GET
@needs(Act.VIEW)
def log_page(request: HttpRequest, number: int) -> JsonResponse:
    """The lines after ``?after=``, and the number of the last."""
    return log_answers.lines(request, get_job(actor_of(request), number), JOB)


@require_GET
@needs(Act.VIEW)
def log_stream(request: HttpRequest, number: int) -> HttpResponse:
    """New lines as they are written, then ``complete``."""
    return log_answers.stream(request, get_job(actor_of(request), number), JOB)


@require_GET
@needs(Act.VIEW)
def log_raw(request: HttpRequest, number: int) -> StreamingHttpResponse:
    """The whole log as plain text."""
    one = get_job(actor_of(request), number)
    begin = collected_note(one) if one.log_collected_at else ""
    return log_answers.raw(request, one, JOB, name=f"{one.application.slug}-command-{one.pk}", begin=begin)
