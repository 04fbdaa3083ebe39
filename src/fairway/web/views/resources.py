"""Resources: list, create, one; binding applications; backups."""

from __future__ import annotations

from collections.abc import Callable

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Actor, Blocked
from fairway.applications.queries import get_application
from fairway.environments.queries import get_environment
from fairway.resources import commands
from fairway.resources.backup_files import clear_pieces
from fairway.resources.models import Resource
from fairway.resources.queries import get_backup, get_binding, get_resource
from fairway.resources.rules import KIND_WORDS, RUNTIME
from fairway.shared.failures import Failure
from fairway.shared.names import Invalid
from fairway.web.confirming import refuse_unconfirmed
from fairway.web.errors import tell_blocked
from fairway.web.failure_words import in_words
from fairway.web.forms import PLAIN, refuse
from fairway.web.pages import page
from fairway.web.presenters.resources import detail_shown, list_shown, places_for

FRAGMENTS = {"resource-state": "state", "resource-bindings": "bindings", "resource-backups": "backups"}


class ResourceForm(forms.Form):
    """A new resource: what, where, and its name."""

    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=[(kind.value, word) for kind, word in KIND_WORDS.items()])
    environment = forms.ChoiceField(label=gettext_lazy("Environment"))
    name = forms.CharField(label=gettext_lazy("Name"), max_length=40, widget=forms.TextInput(attrs=PLAIN))

    def __init__(self, *args: object, places: list[tuple[str, str]], **values: object) -> None:
        super().__init__(*args, **values)  # type: ignore[arg-type]
        field = self.fields["environment"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = places


@require_GET
@needs(Act.VIEW)
def resource_list(request: HttpRequest) -> HttpResponse:
    return page(request, "resources/list.html", list_shown(actor_of(request)), fragments={"resource-list": "list"})


@require_http_methods(["GET", "POST"])
@needs(Act.CREATE_RESOURCE)
def new(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    places = [(one.slug, one.name if one.runtime == RUNTIME else f"{one.name} ({one.runtime})") for one in places_for(actor)]
    form = ResourceForm(request.POST or None, initial={"environment": request.GET.get("environment", "")}, places=places)
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
    return page(request, "resources/form.html", {"form": form}, status=422 if form.errors else status)


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
        commands.request_deletion(actor=actor, resource=one, confirmed=request.POST.get("confirm", ""))
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


@require_POST
@needs(Act.RESTORE_RESOURCE)
def restore(request: HttpRequest, number: int) -> HttpResponse:
    """Into the resource it is of."""
    actor = actor_of(request)
    found = get_backup(actor, number)
    where = found.resource.environment.slug

    def do(actor: Actor, one: Resource) -> str:
        commands.request_restore(actor=actor, backup=found, into=one, confirmed=request.POST.get("confirm", ""))
        return _("Backup %(number)s is being restored.") % {"number": found.pk}

    return _act(request, where, found.resource.name, do)


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
        response["Content-Disposition"] = f'attachment; filename="{found.database}-{found.pk}.dump"'
        response["Cache-Control"] = "private, no-store"
        return response
    return redirect("resource-detail", found.resource.environment.slug, found.resource.name)
