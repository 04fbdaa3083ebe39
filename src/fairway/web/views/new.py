"""A new application in two steps: where it comes from, then what was detected and one button."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from fairway.accounts.doors import actor_of, needs
from fairway.accounts.rules import Act, Actor, Blocked
from fairway.applications.commands import request_inspection, store_upload
from fairway.applications.models import Inspection
from fairway.applications.queries import inspection as inspection_numbered
from fairway.applications.rules import SourceKind
from fairway.deployments.commands.first import create_and_deploy
from fairway.environments.queries import environment as environment_named
from fairway.shared.names import Invalid
from fairway.web.errors import tell_blocked
from fairway.web.forms import DetectedForm, GitForm, ImageForm, refuse
from fairway.web.pages import page
from fairway.web.shown.inspections import chosen_environments, first_values, inspection_shown
from fairway.web.variables import Rows, mark_error, read_rows, rows_of

CHUNK = 256 * 1024
SOURCES = ("upload", "git", "image")


@require_http_methods(["GET", "POST"])
@needs(Act.CREATE_APPLICATION)
def new(request: HttpRequest) -> HttpResponse:
    """Choose a source; posting one asks for a look at it."""
    source = request.POST.get("source") or request.GET.get("source", "")
    forms = {"git": GitForm(), "image": ImageForm()}
    if request.method == "POST" and source in forms:
        form = GitForm(request.POST) if source == "git" else ImageForm(request.POST)
        forms[source] = form
        if form.is_valid():
            try:
                look = request_inspection(actor=actor_of(request), source_kind=source, source=form.source())
                return redirect("application-detected", look.pk)
            except Invalid as problem:
                refuse(form, problem)
    return _first_step(request, source, forms)


def _first_step(request: HttpRequest, source: str, forms: dict[str, Any], error: str = "") -> HttpResponse:
    context = {
        "source": source if source in SOURCES else SOURCES[0],
        "image_form": forms["image"],
        "git_form": forms["git"],
        "upload": {
            "url": reverse("application-upload"),
            "max_bytes": settings.MAX_UPLOAD_BYTES,
            "error": error,
        },
    }
    is_wrong = bool(error) or any(form.errors for form in forms.values())
    return page(request, "applications/new.html", context, status=422 if is_wrong else 200)


@require_POST
@needs(Act.CREATE_APPLICATION)
def upload(request: HttpRequest) -> HttpResponse:
    """An archive, as a form's field ``archive`` or as the body itself; answers where the look at it is."""
    actor = actor_of(request)
    try:
        name, chunks = archive_of(request)
        stored = store_upload(actor=actor, name=name, chunks=chunks)
        source = {"upload": stored.checksum, "name": request.POST.get("name", "") or name}
        look = request_inspection(actor=actor, source_kind=SourceKind.ARCHIVE, source=source)
    except Invalid as problem:
        sentence = f"{_('The archive')} {problem.sentence}"
        if _wants_page(request):
            return _first_step(request, "upload", {"git": GitForm(), "image": ImageForm()}, sentence)
        return JsonResponse({"error": sentence}, status=422)
    except Blocked as problem:
        return JsonResponse({"error": str(problem)}, status=409)
    url = reverse("application-detected", args=[look.pk])
    return redirect(url) if _wants_page(request) else JsonResponse({"url": url}, status=201)


def _wants_page(request: HttpRequest) -> bool:
    """A form sent without script navigates; everything else reads JSON."""
    return "text/html" in request.headers.get("Accept", "")


def archive_of(request: HttpRequest) -> tuple[str, Iterator[bytes]]:
    """The archive's name and bytes. Raises `Invalid` when there is none."""
    if request.content_type == "multipart/form-data":
        file = request.FILES.get("archive")
        if file is None or isinstance(file, list):
            raise Invalid("archive", _("is missing; choose a folder, a zip or a tar file."))
        return file.name or "upload", iter(file.chunks(CHUNK))
    return request.headers.get("X-File-Name", "upload"), iter(lambda: request.read(CHUNK), b"")


@require_http_methods(["GET", "POST"])
@needs(Act.CREATE_APPLICATION)
def detected(request: HttpRequest, number: int) -> HttpResponse:
    """What was detected; changed, completed and sent off with one button."""
    actor = actor_of(request)
    look = inspection_numbered(actor, number)
    if request.headers.get("HX-Target") == "inspection" and look.status in {"done", "failed"}:
        return HttpResponse(headers={"HX-Refresh": "true"})
    if look.status != "done" or look.spec is None:
        return _second_step(request, look, None, [])
    if request.method == "GET":
        return _second_step(request, look, DetectedForm(initial=first_values(actor, look)), rows_of(None, _required(look)))
    return _create(request, actor, look)


def _create(request: HttpRequest, actor: Actor, look: Inspection) -> HttpResponse:
    form, rows = DetectedForm(request.POST), Rows()
    try:
        rows = read_rows(request.POST, required=_required(look))
        if not form.is_valid():
            return _second_step(request, look, form, rows.shown)
        values = form.cleaned_data
        application, deployment = create_and_deploy(
            actor=actor,
            name=values["name"],
            source_kind=look.source_kind,
            source=look.source,
            spec=form.changes(look.spec or {}),
            variables=rows.variables,
            secrets=rows.secrets,
            environment=environment_named(actor, values["environment"]),
            deploys=request.POST.get("then") != "create",
        )
    except Invalid as problem:
        _refuse(form, rows, problem)
        return _second_step(request, look, form, rows.shown)
    except Blocked as problem:
        tell_blocked(request, problem)
        return _second_step(request, look, form, rows.shown, status=409)
    return redirect("deployment-detail", deployment.pk) if deployment else redirect("application-detail", application.slug)


def _refuse(form: DetectedForm, rows: Rows, problem: Invalid) -> None:
    if problem.field in {"variables", "secrets"}:
        if left := mark_error(rows.shown, problem.sentence):
            form.add_error(None, left)
    else:
        refuse(form, Invalid("name", problem.sentence) if problem.field == "slug" else problem)


def _required(look: Inspection) -> list[str]:
    spec = look.spec or {}
    return [name for name in spec.get("requires", []) if not (spec.get("environment") or {}).get(name)]


def _second_step(
    request: HttpRequest, look: Inspection, form: DetectedForm | None, rows: list[dict[str, Any]], status: int = 0
) -> HttpResponse:
    actor = actor_of(request)
    name = (form["name"].value() if form else "") or ""
    places = chosen_environments(actor, name, form["environment"].value() if form else "")
    context = {
        "inspection": inspection_shown(look),
        "form": form,
        "environments": places,
        "variables": rows,
        "slug": places[0]["application"] if places else "",
        "can_deploy": any(not place["blockers"] for place in places),
    }
    wrong = 422 if form is not None and (form.errors or any(row["error"] for row in rows)) else 200
    return page(request, "applications/detected.html", context, fragments={"inspection": "looking"}, status=status or wrong)
