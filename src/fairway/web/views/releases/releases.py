"""Releases: list, show, create (also from what runs), edit, clone, cancel, delete, download."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Actor, Blocked
from fairway.activity.changes import Changed
from fairway.environments.models import Environment
from fairway.environments.queries import get_environment as environment_named
from fairway.environments.queries import visible_to as environments_visible_to
from fairway.releases import queries
from fairway.releases.commands import releases as commands
from fairway.releases.export import release_file
from fairway.releases.models import Release
from fairway.shared.names import Invalid
from fairway.web.confirming import is_confirmed, refuse_unconfirmed
from fairway.web.errors import tell_blocked
from fairway.web.forms import refuse
from fairway.web.pages import page
from fairway.web.presenters.filters import day
from fairway.web.presenters.release_plan import voided_words
from fairway.web.presenters.releases import detail_shown, healthy_there, list_shown
from fairway.web.release_forms import CloneForm, ReasonForm, ReleaseForm
from fairway.web.stale import as_of, tell_changed

USUAL_HOUR = "20:00"  # what the form proposes for a day chosen in the calendar


@require_GET
@needs(Act.VIEW)
def release_list(request: HttpRequest) -> HttpResponse:
    status, query = request.GET.get("status", "")[:20], request.GET.get("q", "").strip()[:100]
    context = list_shown(actor_of(request), status=status, query=query)
    return page(request, "releases/list.html", context, fragments={"release-list": "list"})


@require_GET
@needs(Act.VIEW)
def release_detail(request: HttpRequest, number: int) -> HttpResponse:
    actor = actor_of(request)
    return detail_page(request, actor, queries.get_release(actor, number))


def detail_page(request: HttpRequest, actor: Actor, release: Release, *, status: int = 200) -> HttpResponse:
    context = detail_shown(actor, release)
    return page(request, "releases/detail.html", context, fragments={"release-matrix": "matrix"}, status=status)


@require_http_methods(["GET", "POST"])
@needs(Act.CREATE_RELEASE)
def new(request: HttpRequest) -> HttpResponse:
    """Create an empty release, or with ``?from=`` one of what runs healthy in that environment."""
    actor = actor_of(request)
    origin = _origin(request, actor)
    initial = {"manager": request.user, "targets": _usual_targets(actor, origin)}
    form = ReleaseForm(request.POST or None, initial=initial, is_new=True, actor=actor)
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            return _go_on(request, _created(actor, origin, form.cleaned_data))
        except Invalid as problem:
            refuse(form, problem)
        except Blocked as problem:
            tell_blocked(request, problem)
            status = 409
    context = {
        "release": None,
        "is_clone": False,
        "form": form,
        "from_environment": origin,
        "found": healthy_there(actor, origin) if origin else [],
    }
    return page(request, "releases/form.html", context, status=422 if form.errors else status)


def _go_on(request: HttpRequest, release: Release) -> HttpResponse:
    """Redirect to its packages, or to its plan, if the person came from a day of the calendar."""
    chosen = day(request.GET.get("day", "")[:10])
    if chosen is None:
        return redirect("release-detail", release.pk)
    return redirect(f"{reverse('release-plan', args=[release.pk])}?at={chosen.date().isoformat()}T{USUAL_HOUR}#schedule")


def _origin(request: HttpRequest, actor: Actor) -> Environment | None:
    slug = request.GET.get("from", "")
    return environment_named(actor, slug) if slug else None


def _usual_targets(actor: Actor, origin: Environment | None) -> list[Environment]:
    """All environments, or those after the one from which the release is created."""
    everything = list(environments_visible_to(actor))
    later = [one for one in everything if origin and one.position > origin.position]
    return later or everything


def _created(actor: Actor, origin: Environment | None, values: dict[str, Any]) -> Release:
    if origin is None:
        return commands.create_release(actor=actor, **values)
    description = values.pop("description")
    release = commands.release_from_environment(actor=actor, environment=origin, **values)
    return commands.edit_release(actor=actor, release=release, description=description) if description else release


@require_http_methods(["GET", "POST"])
@needs(Act.EDIT_RELEASE)
def edit(request: HttpRequest, number: int) -> HttpResponse:
    actor = actor_of(request)
    release = queries.get_release(actor, number)
    initial = {"description": release.description, "manager": release.manager, "deputy": release.deputy}
    seen = queries.visible_targets(release, actor)
    typed = queries.confirms_unsealing(release)
    form = ReleaseForm(request.POST or None, initial={**initial, "targets": seen}, is_new=False, actor=actor, confirm=typed)
    status = 200
    if request.method == "POST" and form.is_valid():
        values = {name: value for name, value in form.cleaned_data.items() if name != "confirm"}
        try:
            if typed and set(values.get("targets", [])) != set(seen):
                refuse_unconfirmed(request, typed)
            hidden = [target for target in queries.targets_of(release) if target not in seen]  # hidden targets are kept
            values["targets"] = [*values.get("targets", []), *hidden]
            commands.edit_release(
                actor=actor, release=release, no_deputy=values["deputy"] is None, as_of=as_of(request), **values
            )
        except Changed as problem:
            tell_changed(request, form, problem)
        except Invalid as problem:
            refuse(form, problem)
        except Blocked as problem:
            tell_blocked(request, problem)
            status = 409
        else:
            messages.success(request, _("Saved."))
            return redirect("release-detail", release.pk)
    return _form(request, release, form, status=status, voids=voided_words(release) if release.sealed_at else "")


@require_http_methods(["GET", "POST"])
@needs(Act.CREATE_RELEASE)
def clone(request: HttpRequest, number: int) -> HttpResponse:
    actor = actor_of(request)
    release = queries.get_release(actor, number)
    form = CloneForm(request.POST or None, initial={"name": release.name}, actor=actor)
    if request.method == "POST" and form.is_valid():
        try:
            made = commands.clone_release(actor=actor, release=release, **form.cleaned_data)
        except Invalid as problem:
            refuse(form, problem)
        else:
            return redirect("release-detail", made.pk)
    return _form(request, release, form, is_clone=True)


def _form(
    request: HttpRequest, release: Release, form: ReleaseForm, *, is_clone: bool = False, status: int = 200, voids: str = ""
) -> HttpResponse:
    shown = {"id": release.pk, "name": release.name, "version": release.version}
    context = {"release": shown, "is_clone": is_clone, "form": form, "from_environment": None, "found": [], "voids": voids}
    return page(request, "releases/form.html", context, status=422 if form.errors else status)


@require_http_methods(["GET", "POST"])
@needs(Act.CANCEL_RELEASE)
def cancellation(request: HttpRequest, number: int) -> HttpResponse:
    """Ask for a reason, then cancel the release."""
    actor = actor_of(request)
    release = queries.get_release(actor, number)
    form = ReasonForm(request.POST or None)
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            commands.cancel_release(actor=actor, release=release, **form.cleaned_data)
        except Blocked as problem:
            tell_blocked(request, problem)
            status = 409
        else:
            messages.success(request, _("%(release)s is cancelled. What runs keeps running.") % {"release": release})
            return redirect("release-detail", release.pk)
    context = {"release": {"id": release.pk, "name": release.name, "version": release.version}, "form": form}
    return page(request, "releases/cancellation.html", context, status=422 if form.errors else status)


@require_POST
@needs(Act.DELETE_RELEASE)
def deletion(request: HttpRequest, number: int) -> HttpResponse:
    actor = actor_of(request)
    release = queries.get_release(actor, number)
    if not is_confirmed(request, str(release)):
        return detail_page(request, actor, release, status=422)
    try:
        commands.delete_release(actor=actor, release=release, confirmed=str(release))
    except Blocked as problem:
        tell_blocked(request, problem)
        return detail_page(request, actor, release, status=409)
    messages.success(request, _("%(name)s is deleted.") % {"name": release})
    return redirect("release-list")


@require_GET
@needs(Act.VIEW)
def download(request: HttpRequest, number: int) -> HttpResponse:
    """The release as ``release.yaml``, which the command line can apply."""
    actor = actor_of(request)
    release = queries.get_release(actor, number)
    queries.require_full_visibility(release, actor)
    headers = {"Content-Disposition": 'attachment; filename="release.yaml"'}
    return HttpResponse(release_file(release), content_type="application/yaml; charset=utf-8", headers=headers)
