"""Environments: list, show, create, edit, protect, lock, unlock, delete."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Actor, Blocked
from fairway.activity.changes import Changed
from fairway.drivers.runtimes.registry import runtime_names
from fairway.environments import commands
from fairway.environments.models import Environment
from fairway.environments.queries import get_environment as environment_named
from fairway.environments.queries import visible_to
from fairway.shared.hostnames import readable_hostname
from fairway.shared.names import Invalid, check_year
from fairway.web.confirming import is_confirmed
from fairway.web.errors import tell_blocked
from fairway.web.forms import EnvironmentForm, ProtectionForm, refuse
from fairway.web.pages import page
from fairway.web.presenters.environments import environment_shown, list_shown, runtimes_shown, state_shown
from fairway.web.stale import as_of, tell_changed

FRAGMENTS = {
    "environment-state": "state",
    "environment-protection": "protection",
    "environment-host": "host",
    "environment-placements": "placements",
}


@require_GET
@needs(Act.VIEW)
def environment_list(request: HttpRequest) -> HttpResponse:
    context = list_shown(actor_of(request))
    return page(request, "environments/list.html", context, fragments={"environment-list": "list"})


@require_GET
@needs(Act.VIEW)
def environment_detail(request: HttpRequest, slug: str) -> HttpResponse:
    actor = actor_of(request)
    return _detail(request, actor, environment_named(actor, slug))


@require_GET
@needs(Act.VIEW)
def target(request: HttpRequest, slug: str = "") -> HttpResponse:
    """Redirect to the environment: a deployment target is an environment under the release desk's name."""
    return redirect("environment-detail", slug) if slug else redirect("environment-list")


def _detail(
    request: HttpRequest, actor: Actor, environment: Environment, status: int = 200, lock_form: dict[str, Any] | None = None
) -> HttpResponse:
    context = {**environment_shown(actor, environment), **state_shown(actor, environment, lock_form)}
    return page(request, "environments/detail.html", context, fragments=FRAGMENTS, status=status)


@require_http_methods(["GET", "POST"])
@needs(Act.CREATE_ENVIRONMENT)
def new(request: HttpRequest) -> HttpResponse:
    form = EnvironmentForm(request.POST or None, runtimes=runtime_names(), is_new=True)
    if request.method == "POST" and form.is_valid():
        try:
            made = commands.create_environment(actor=actor_of(request), **form.wanted({}))
        except Invalid as problem:
            refuse(form, problem)
        else:
            return redirect("environment-detail", made.slug)
    return _form(request, None, form)


@require_http_methods(["GET", "POST"])
@needs(Act.EDIT_ENVIRONMENT)
def edit(request: HttpRequest, slug: str) -> HttpResponse:
    actor = actor_of(request)
    one = environment_named(actor, slug)
    initial = {name: getattr(one, name) for name in ("name", "host", "description", "runtime", "position")}
    initial["host"] = readable_hostname(one.host)
    initial["docker_host"] = one.options.get("host", "")
    initial["require"], initial["reads"] = one.options.get("require", []), "\n".join(one.options.get("reads", []))
    names = sorted({*runtime_names(), one.runtime})
    form = EnvironmentForm(request.POST or None, initial=initial, runtimes=names, is_new=False)
    if request.method == "POST" and form.is_valid():
        changes = {name: value for name, value in form.wanted(one.options).items() if value is not None}
        try:
            commands.edit_environment(actor=actor, environment=one, as_of=as_of(request), **changes)
        except Changed as problem:
            tell_changed(request, form, problem)
        except Invalid as problem:
            refuse(form, problem)
        except Blocked as problem:
            tell_blocked(request, problem)
            return _form(request, one, form, status=409)
        else:
            messages.success(request, _("Saved."))
            return redirect("environment-detail", one.slug)
    return _form(request, one, form)


def _form(request: HttpRequest, environment: Environment | None, form: EnvironmentForm, status: int = 0) -> HttpResponse:
    context = {"environment": environment, "form": form, "runtimes": runtimes_shown()}
    return page(request, "environments/form.html", context, status=status or (422 if form.errors else 200))


@require_http_methods(["GET", "POST"])
@needs(Act.EDIT_ENVIRONMENT)
def protection(request: HttpRequest, slug: str) -> HttpResponse:
    """Edit the environment's protection."""
    actor = actor_of(request)
    one = environment_named(actor, slug)
    others = [(other.slug, other.name) for other in visible_to(actor) if other.pk != one.pk]
    form = ProtectionForm(request.POST or None, initial=ProtectionForm.filled(one), others=others)
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            commands.edit_environment(actor=actor, environment=one, as_of=as_of(request), **form.wanted())
        except Changed as problem:
            tell_changed(request, form, problem)
        except Invalid as problem:
            refuse(form, problem)
        except Blocked as problem:
            tell_blocked(request, problem)
            status = 409
        else:
            messages.success(request, _("Saved."))
            return redirect("environment-detail", one.slug)
    context = {"environment": one, "form": form}
    return page(request, "environments/protection.html", context, status=422 if form.errors else status)


@require_POST
@needs(Act.LOCK_ENVIRONMENT)
def lock(request: HttpRequest, slug: str) -> HttpResponse:
    """Lock the environment."""
    actor = actor_of(request)
    one = environment_named(actor, slug)
    typed = {"reason": request.POST.get("reason", ""), "until": request.POST.get("until", "")}
    try:
        commands.lock_environment(actor=actor, environment=one, reason=typed["reason"], until=_time(typed["until"]))
    except Invalid as problem:
        form = {**typed, "errors": {problem.field: problem.sentence}}
        return _detail(request, actor, one, status=422, lock_form=form)
    except Blocked as problem:
        tell_blocked(request, problem)
        return _detail(request, actor, one, status=409)
    messages.success(request, _("%(name)s is locked. What runs keeps running.") % {"name": one.name})
    return redirect("environment-detail", one.slug)


def _time(text: str) -> datetime | None:
    """A wall time in the reader's zone; None for "". Raises `Invalid`."""
    if not text.strip():
        return None
    try:
        found = parse_datetime(text.strip())
    except ValueError:
        found = None
    if found is None:
        raise Invalid("until", _("is not a date and time."))
    check_year(found, field="until")
    return timezone.make_aware(found) if timezone.is_naive(found) else found


@require_POST
@needs(Act.LOCK_ENVIRONMENT)
def unlock(request: HttpRequest, slug: str) -> HttpResponse:
    actor = actor_of(request)
    one = environment_named(actor, slug)
    try:
        commands.unlock_environment(actor=actor, environment=one)
    except Blocked as problem:
        tell_blocked(request, problem)
        return _detail(request, actor, one, status=409)
    messages.success(request, _("%(name)s is open again.") % {"name": one.name})
    return redirect("environment-detail", one.slug)


@require_POST
@needs(Act.DELETE_ENVIRONMENT)
def delete(request: HttpRequest, slug: str) -> HttpResponse:
    actor = actor_of(request)
    one = environment_named(actor, slug)
    if not is_confirmed(request, one.slug):
        return _detail(request, actor, one, status=422)
    try:
        commands.delete_environment(actor=actor, environment=one)
    except Blocked as problem:
        tell_blocked(request, problem)
        return _detail(request, actor, one, status=409)
    messages.success(request, _("%(name)s is deleted.") % {"name": one.name})
    return redirect("environment-list")
