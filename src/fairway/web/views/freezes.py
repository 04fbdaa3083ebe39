"""Freeze windows: list, create, edit, preview, delete."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Actor, Blocked
from fairway.activity.changes import Changed
from fairway.applications.queries import visible_to as applications_visible_to
from fairway.environments import freeze_commands as commands
from fairway.environments.freeze_queries import get_freeze as freeze_numbered
from fairway.environments.freeze_rules import Kind
from fairway.environments.models import FreezeWindow
from fairway.environments.queries import visible_to as environments_visible_to
from fairway.shared.names import Invalid
from fairway.web.confirming import is_confirmed
from fairway.web.errors import tell_blocked
from fairway.web.forms import refuse
from fairway.web.freeze_form import OWN_RULE, FreezeForm
from fairway.web.pages import page
from fairway.web.presenters.freezes import delete_button, list_shown, may_change, occurrences_shown
from fairway.web.stale import as_of, tell_changed
from fairway.web.words import REPEATS
from fairway.web.zones import zones


@require_GET
@needs(Act.VIEW)
def freeze_list(request: HttpRequest) -> HttpResponse:
    return page(request, "freezes/list.html", list_shown(actor_of(request)), fragments={"freeze-list": "list"})


@require_http_methods(["GET", "POST"])
@needs(Act.FREEZE_ENVIRONMENT)
def new(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    given = request.GET
    initial = {
        "kind": Kind.DENY.value,
        "zone": timezone.get_current_timezone_name(),
        "starts": given.get("starts", ""),
        "ends": given.get("ends", ""),
        "environments": given.getlist("environment"),
        "applications": given.getlist("application"),
    }
    form = _form(request, actor, initial)
    if request.method == "POST" and form.is_valid():
        try:
            made = commands.create_freeze(actor=actor, **form.values())
        except Invalid as problem:
            refuse(form, problem)
        except Blocked as problem:
            tell_blocked(request, problem)
            return _page(request, None, form, status=409)
        else:
            messages.success(request, _("“%(name)s” is created.") % {"name": made.name})
            return redirect("freeze-list")
    return _page(request, None, form)


@require_http_methods(["GET", "POST"])
@needs(Act.FREEZE_ENVIRONMENT)
def edit(request: HttpRequest, number: int) -> HttpResponse:
    actor = actor_of(request)
    row = freeze_numbered(actor, number)
    form = _form(request, actor, _initial(row))
    if request.method == "POST" and form.is_valid():
        try:
            commands.edit_freeze(actor=actor, freeze=row, as_of=as_of(request), **form.values())
        except Changed as problem:
            tell_changed(request, form, problem)
        except Invalid as problem:
            refuse(form, problem)
        except Blocked as problem:
            tell_blocked(request, problem)
            return _page(request, row, form, status=409)
        else:
            messages.success(request, _("Saved."))
            return redirect("freeze-list")
    return _page(request, row, form, may_delete=may_change(actor, row))


@require_POST
@needs(Act.FREEZE_ENVIRONMENT)
def preview(request: HttpRequest) -> HttpResponse:
    """The next occurrences of the window in the form; nothing is stored."""
    form = _form(request, actor_of(request), {})
    form.is_valid()
    context: dict[str, Any] = {"occurrences": [], "problem": ""}
    times = {name: form.cleaned_data.get(name, "") for name in ("starts", "ends", "zone")}
    if all(times.values()):
        try:
            row = FreezeWindow(kind=Kind.DENY.value, **commands.parsed_times(**times, rrule=form.rule()))
            context["occurrences"] = occurrences_shown(row.window)
        except Invalid as problem:
            context["problem"] = problem.sentence[:1].upper() + problem.sentence[1:]
        context["is_asked"] = True
    return render(request, "freezes/form.html#preview", context)


@require_POST
@needs(Act.FREEZE_ENVIRONMENT)
def delete(request: HttpRequest, number: int) -> HttpResponse:
    actor = actor_of(request)
    row = freeze_numbered(actor, number)
    if not is_confirmed(request, row.name):
        return redirect("freeze-edit", row.pk)
    try:
        commands.delete_freeze(actor=actor, freeze=row)
    except Blocked as problem:
        tell_blocked(request, problem)
        return redirect("freeze-edit", row.pk)
    messages.success(request, _("%(name)s is deleted.") % {"name": row.name})
    return redirect("freeze-list")


def _initial(row: FreezeWindow) -> dict[str, Any]:
    names = ("kind", "name", "reason", "starts", "zone", "environments", "applications")
    is_known = row.rrule in REPEATS
    return {
        **{name: getattr(row, name) for name in names},
        "ends": row.ends.isoformat("T", "minutes"),
        "repeats": row.rrule if is_known else OWN_RULE,
        "rrule": "" if is_known else row.rrule,
    }


def _form(request: HttpRequest, actor: Actor, initial: dict[str, Any]) -> FreezeForm:
    environments = [(environment.slug, environment.name) for environment in environments_visible_to(actor)]
    applications = [(application.slug, application.name) for application in applications_visible_to(actor)]
    return FreezeForm(
        request.POST if request.method == "POST" else None,
        initial=initial,
        environments=environments,
        applications=applications,
        zones=zones(),
    )


def _page(
    request: HttpRequest, row: FreezeWindow | None, form: FreezeForm, status: int = 0, may_delete: bool = False
) -> HttpResponse:
    context = {
        "freeze": row,
        "form": form,
        "delete": delete_button(row) if row is not None and may_delete else None,
        "occurrences": occurrences_shown(row.window) if row is not None and not form.is_bound else [],
        "problem": "",
    }
    return page(request, "freezes/form.html", context, status=status or (422 if form.errors else 200))
