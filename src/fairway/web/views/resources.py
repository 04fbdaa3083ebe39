"""Resources: list, create, one; binding applications; backups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Actor, Blocked
from fairway.activity.changes import Changed
from fairway.applications.queries import get_application
from fairway.drivers.resources.engines import ENGINES
from fairway.environments.models import Environment
from fairway.environments.queries import get_environment
from fairway.resources import commands, deleting, restoring
from fairway.resources.backup_files import clear_pieces
from fairway.resources.models import BackupSchedule, Resource
from fairway.resources.queries import get_backup, get_binding, get_resource
from fairway.resources.rules import RUNTIME
from fairway.resources.schedule_rules import MOST_KEPT
from fairway.resources.schedules import offered, save_schedule, schedule_of
from fairway.shared.failures import Failure
from fairway.shared.names import Invalid
from fairway.web.confirming import refuse_unconfirmed
from fairway.web.errors import tell_blocked
from fairway.web.failure_words import in_words
from fairway.web.forms import PLAIN, refuse
from fairway.web.freeze_form import LongSelect
from fairway.web.pages import page
from fairway.web.presenters.resources import (
    detail_shown,
    engines_shown,
    list_shown,
    places_for,
    restore_shown,
    schedule_form_shown,
)
from fairway.web.presenters.schedules import preview_shown
from fairway.web.stale import as_of, tell_changed
from fairway.web.zones import zones

FRAGMENTS = {"resource-state": "state", "resource-bindings": "bindings", "resource-backups": "backups"}


class ResourceForm(forms.Form):
    """A new resource: what, where, and its name."""

    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"),
        choices=[(engine.kind, engine.label) for engine in ENGINES.values()],
        widget=forms.RadioSelect,
    )
    environment = forms.ChoiceField(label=gettext_lazy("Environment"))
    name = forms.CharField(label=gettext_lazy("Name"), max_length=40, widget=forms.TextInput(attrs=PLAIN))

    def __init__(self, *args: object, places: list[tuple[str, str]], **values: object) -> None:
        super().__init__(*args, **values)  # type: ignore[arg-type]
        field = self.fields["environment"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = places


class BackupScheduleForm(forms.Form):
    """When a resource is backed up by itself, and how many backups are kept."""

    is_on = forms.BooleanField(label=gettext_lazy("Back up automatically"), required=False)
    schedule = forms.CharField(label=gettext_lazy("When"), max_length=250, widget=forms.TextInput(attrs=PLAIN))
    zone = forms.ChoiceField(label=gettext_lazy("Time zone"), widget=LongSelect)
    daily = forms.IntegerField(label=gettext_lazy("Days"), min_value=0, max_value=MOST_KEPT)
    weekly = forms.IntegerField(label=gettext_lazy("Weeks"), min_value=0, max_value=MOST_KEPT)
    monthly = forms.IntegerField(label=gettext_lazy("Months"), min_value=0, max_value=MOST_KEPT)

    def __init__(self, *args: object, **values: object) -> None:
        super().__init__(*args, **values)  # type: ignore[arg-type]
        field = self.fields["zone"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(zone, zone) for zone in zones()]


class RestoreForm(forms.Form):
    """Where a backup is restored. `name` confirms an existing resource, or names the new one."""

    into = forms.ChoiceField(label=gettext_lazy("Into"))
    name = forms.CharField(label=gettext_lazy("Name"), max_length=40, widget=forms.TextInput(attrs=PLAIN))

    def __init__(self, *args: object, targets: list[tuple[str, str]], **values: object) -> None:
        super().__init__(*args, **values)  # type: ignore[arg-type]
        field = self.fields["into"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = targets


def form_of(row: BackupSchedule, given: QueryDict | None = None) -> BackupScheduleForm:
    """The form, filled with a schedule. One that is off is offered switched on."""
    keep = {"daily": row.keep_daily, "weekly": row.keep_weekly, "monthly": row.keep_monthly}
    return BackupScheduleForm(given, initial={"is_on": True, "schedule": row.schedule, "zone": row.zone, **keep})


@require_GET
@needs(Act.VIEW)
def resource_list(request: HttpRequest) -> HttpResponse:
    return page(request, "resources/list.html", list_shown(actor_of(request)), fragments={"resource-list": "list"})


@require_http_methods(["GET", "POST"])
@needs(Act.CREATE_RESOURCE)
def new(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    places = [(one.slug, one.name if one.runtime == RUNTIME else f"{one.name} ({one.runtime})") for one in places_for(actor)]
    asked = {"kind": request.GET.get("kind", next(iter(ENGINES))), "environment": request.GET.get("environment", "")}
    form = ResourceForm(request.POST or None, initial=asked, places=places)
    status = 200
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        where = get_environment(actor, given["environment"])
        try:
            made = commands.create_resource(actor=actor, environment=where, kind=given["kind"], name=given["name"])
        except Invalid as problem:
            refuse(form, problem)
        except Blocked as problem:
            tell_blocked(request, problem)
            status = 409
        else:
            return redirect("resource-detail", where.slug, made.name)
    context = {"form": form, "engines": engines_shown(str(form["kind"].value()))}
    return page(request, "resources/form.html", context, status=422 if form.errors else status)


@require_GET
@needs(Act.VIEW)
def detail(request: HttpRequest, environment: str, name: str) -> HttpResponse:
    actor = actor_of(request)
    one = get_resource(actor, environment, name)
    return page(request, "resources/detail.html", detail_shown(actor, one), fragments=FRAGMENTS)


def _act(request: HttpRequest, environment: str, name: str, do: Callable[[Actor, Resource], str]) -> HttpResponse:
    """One domain call on a resource, its sentence as a message, and its page again."""
    actor = actor_of(request)
    one = get_resource(actor, environment, name)
    try:
        messages.success(request, do(actor, one))
    except Invalid as problem:
        messages.error(request, f"{problem.field}: {problem.sentence}")
    except Blocked as problem:
        tell_blocked(request, problem)
    except Failure as problem:
        messages.error(request, in_words(problem.sentence))
    return redirect("resource-detail", environment, name)


@require_POST
@needs(Act.CREATE_RESOURCE)
def start(request: HttpRequest, environment: str, name: str) -> HttpResponse:
    def do(actor: Actor, one: Resource) -> str:
        commands.request_start(actor=actor, resource=one)
        return _("%(name)s is being started.") % {"name": one.name}

    return _act(request, environment, name, do)


@require_POST
@needs(Act.CREATE_RESOURCE)
def stop(request: HttpRequest, environment: str, name: str) -> HttpResponse:
    def do(actor: Actor, one: Resource) -> str:
        refuse_unconfirmed(request, one.name)
        commands.request_stop(actor=actor, resource=one)
        return _("%(name)s is being stopped.") % {"name": one.name}

    return _act(request, environment, name, do)


@require_POST
@needs(Act.TRY_RESOURCE)
def trial(request: HttpRequest, environment: str, name: str) -> HttpResponse:
    """Really connect, and say what is wrong in words."""

    def do(actor: Actor, one: Resource) -> str:
        facts = commands.try_it(actor=actor, resource=one)
        words = {"name": one.name, "version": facts.version, "count": facts.connections, "most": facts.most_connections}
        sentence = _("%(name)s answers: version %(version)s, %(size)s on disk, %(count)s of %(most)s connections in use.")
        return sentence % {**words, "size": filesizeformat(facts.size_bytes)}

    return _act(request, environment, name, do)


@require_POST
@needs(Act.DELETE_RESOURCE)
def delete(request: HttpRequest, environment: str, name: str) -> HttpResponse:
    def do(actor: Actor, one: Resource) -> str:
        confirmed, last_backup = request.POST.get("confirm", ""), request.POST.get("last_backup") != "no"
        row = deleting.request_deletion(actor=actor, resource=one, confirmed=confirmed, last_backup=last_backup)
        if row.deletion_asked_at is not None:
            return _("A last backup of %(name)s is being taken. Then it is deleted.") % {"name": one.name}
        return _("%(name)s is being deleted. Its data is put aside.") % {"name": one.name}

    return _act(request, environment, name, do)


@require_POST
@needs(Act.BIND_RESOURCE)
def bind(request: HttpRequest, environment: str, name: str) -> HttpResponse:
    def do(actor: Actor, one: Resource) -> str:
        chosen = get_application(actor, request.POST.get("application", ""))
        alias = request.POST.get("alias", "").strip()
        commands.request_binding(actor=actor, resource=one, application=chosen, alias=alias)
        return _("%(application)s is being bound to %(name)s.") % {"application": chosen.name, "name": one.name}

    return _act(request, environment, name, do)


@require_POST
@needs(Act.BIND_RESOURCE)
def password(request: HttpRequest, environment: str, name: str, slug: str) -> HttpResponse:
    def do(actor: Actor, one: Resource) -> str:
        found = get_binding(actor, one, slug)
        commands.request_new_password(actor=actor, binding=found)
        words = {"application": found.application.name}
        return _("%(application)s gets a new password. The old one works until you end it.") % words

    return _act(request, environment, name, do)


@require_POST
@needs(Act.BIND_RESOURCE)
def end_previous(request: HttpRequest, environment: str, name: str, slug: str) -> HttpResponse:
    def do(actor: Actor, one: Resource) -> str:
        found = get_binding(actor, one, slug)
        refuse_unconfirmed(request, slug)
        commands.request_end_of_previous(actor=actor, binding=found)
        return _("The old password of %(application)s is being ended.") % {"application": found.application.name}

    return _act(request, environment, name, do)


@require_POST
@needs(Act.BIND_RESOURCE)
def unbind(request: HttpRequest, environment: str, name: str, slug: str) -> HttpResponse:
    def do(actor: Actor, one: Resource) -> str:
        found = get_binding(actor, one, slug)
        commands.request_unbinding(actor=actor, binding=found, confirmed=request.POST.get("confirm", ""))
        words = {"application": found.application.name, "name": one.name}
        return _("%(application)s is being unbound from %(name)s. Its database stays.") % words

    return _act(request, environment, name, do)


@require_POST
@needs(Act.BACK_UP_RESOURCE)
def back_up(request: HttpRequest, environment: str, name: str) -> HttpResponse:
    def do(actor: Actor, one: Resource) -> str:
        commands.request_backup(actor=actor, resource=one)
        return _("The backup has begun. It counts once it was restored and looked at.")

    return _act(request, environment, name, do)


@require_http_methods(["GET", "POST"])
@needs(Act.BACK_UP_RESOURCE)
def schedule(request: HttpRequest, environment: str, name: str) -> HttpResponse:
    """When backups are taken by themselves, and which are kept."""
    actor = actor_of(request)
    one = get_resource(actor, environment, name)
    row = schedule_of(one) or offered(one)
    form = form_of(row, request.POST if request.method == "POST" else None)
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            saved = save_schedule(actor=actor, resource=one, as_of=as_of(request), **form.cleaned_data)
        except Changed as problem:
            tell_changed(request, form, problem)
        except Invalid as problem:
            refuse(form, problem)
        except Blocked as problem:
            tell_blocked(request, problem)
            status = 409
        else:
            on, off = _("%(name)s is backed up automatically."), _("%(name)s is no longer backed up automatically.")
            messages.success(request, (on if saved.is_on else off) % {"name": one.name})
            return redirect("resource-detail", environment, name)
    preview = {} if form.is_bound else preview_shown(row.schedule, row.zone)
    context = {**schedule_form_shown(one), **preview, "form": form}
    return page(request, "resources/schedule.html", context, status=422 if form.errors else status)


@require_POST
@needs(Act.RESTORE_RESOURCE)
def restore(request: HttpRequest, number: int) -> HttpResponse:
    """Into the resource it is of."""
    actor = actor_of(request)
    found = get_backup(actor, number)
    where = found.resource.environment.slug

    def do(actor: Actor, one: Resource) -> str:
        restoring.request_restore(actor=actor, backup=found, into=one, confirmed=request.POST.get("confirm", ""))
        return _("Backup %(number)s is being restored.") % {"number": found.pk}

    return _act(request, where, found.resource.name, do)


@require_http_methods(["GET", "POST"])
@needs(Act.RESTORE_RESOURCE)
def restore_elsewhere(request: HttpRequest, number: int) -> HttpResponse:
    """Into another resource, or into a new one."""
    actor = actor_of(request)
    found = get_backup(actor, number)

    def into_existing(into: Resource, name: str) -> None:
        restoring.request_restore(actor=actor, backup=found, into=into, confirmed=name)

    def into_new(where: Environment, name: str) -> None:
        restoring.restore_into_new(actor=actor, backup=found, environment=where, name=name)

    return _restoring(request, restore_shown(actor, found, is_clone=False), into_existing, into_new)


@require_http_methods(["GET", "POST"])
@needs(Act.RESTORE_RESOURCE)
def clone(request: HttpRequest, environment: str, name: str, slug: str) -> HttpResponse:
    """The newest verified backup of an application, into another resource or into a new one."""
    actor = actor_of(request)
    one = get_resource(actor, environment, name)
    application = get_binding(actor, one, slug).application
    found = restoring.newest_verified(application, one)
    if found is None:
        messages.error(request, _("There is no verified backup of %(name)s yet.") % {"name": application.name})
        return redirect("resource-detail", environment, name)

    def into_existing(into: Resource, name: str) -> None:
        restoring.request_clone(actor=actor, application=application, source=one, into=into, confirmed=name)

    def into_new(where: Environment, name: str) -> None:
        restoring.clone_into_new(actor=actor, application=application, source=one, environment=where, name=name)

    return _restoring(request, restore_shown(actor, found, is_clone=True), into_existing, into_new)


def _restoring(
    request: HttpRequest,
    context: dict[str, Any],
    into_existing: Callable[[Resource, str], None],
    into_new: Callable[[Environment, str], None],
) -> HttpResponse:
    """The form of both, and one domain call."""
    actor, status = actor_of(request), 200
    form = RestoreForm(request.POST if request.method == "POST" else None, targets=context["targets"])
    if request.method == "POST" and form.is_valid():
        environment, _slash, target = form.cleaned_data["into"].partition("/")
        name = form.cleaned_data["name"]
        try:
            if target:
                into_existing(get_resource(actor, environment, target), name)
            else:
                into_new(get_environment(actor, environment), name)
        except Invalid as problem:
            refuse(form, Invalid("name", problem.sentence) if problem.field == "confirmed" else problem)
        except Blocked as problem:
            tell_blocked(request, problem)
            status = 409
        else:
            words = {"application": context["backup"]["application"].name, "name": target or name}
            messages.success(request, _("The data of %(application)s is being restored into %(name)s.") % words)
            return redirect("resource-detail", environment, target or name)
    return page(request, "resources/restore.html", {**context, "form": form}, status=422 if form.errors else status)


@require_GET
@needs(Act.DOWNLOAD_BACKUP)
def download(request: HttpRequest, number: int) -> HttpResponseBase:
    actor = actor_of(request)
    found = get_backup(actor, number)
    try:
        commands.may_download(actor=actor, backup=found)
        pieces = clear_pieces(found)
        commands.note_download(actor=actor, backup=found)
    except Blocked as problem:
        tell_blocked(request, problem)
    except Failure as problem:
        messages.error(request, in_words(problem.sentence))
    else:
        response = StreamingHttpResponse(pieces, content_type="application/octet-stream")
        response["Content-Disposition"] = f'attachment; filename="{found.file_name}"'
        response["Cache-Control"] = "private, no-store"
        return response
    return redirect("resource-detail", found.resource.environment.slug, found.resource.name)
