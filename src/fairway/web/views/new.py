"""Creates an application in two steps: choose the source, then review what was detected and deploy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Actor, Blocked
from fairway.applications.commands import request_inspection, store_upload
from fairway.applications.models import Inspection
from fairway.applications.queries import get_inspection as inspection_numbered
from fairway.applications.rules import SourceKind
from fairway.deployments.commands.quick_start import create_and_deploy
from fairway.drivers.builders.detection.choosing import kinds_of
from fairway.environments.models import Environment
from fairway.environments.queries import get_environment as environment_named
from fairway.environments.runtimes import runtime_of
from fairway.pipelines.repositories import credentials_to_choose_from
from fairway.shared.names import Invalid
from fairway.web.errors import tell_blocked
from fairway.web.failure_words import finding_in_words, findings_in_words, in_words
from fairway.web.forms import refuse
from fairway.web.pages import page
from fairway.web.presenters.inspections import (
    OTHER,
    candidates_of,
    chosen_environments,
    first_values,
    identity,
    inspection_shown,
    kinds_somewhere,
    used_by,
    ways_shown,
)
from fairway.web.source_forms import DetectedForm, GitForm, ImageForm, run_values
from fairway.web.variables import Rows, mark_error, read_rows, rows_of

CHUNK = 256 * 1024
SOURCES = ("upload", "git", "image")
HINTS = {"publish": "dist", "health": "/healthz", "volumes": "uploads: /data"}
PARTS = {"inspection": "looking"}


@require_http_methods(["GET", "POST"])
@needs(Act.CREATE_APPLICATION)
def new(request: HttpRequest) -> HttpResponse:
    """The first step: choose a source; posting it starts an inspection."""
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
        "credentials": credentials_to_choose_from(actor_of(request)),
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
    """Receive an archive as the field ``archive`` of a form or as the body; returns the URL of its inspection."""
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
    """Whether the request comes from a form without script, which navigates; others expect JSON."""
    return "text/html" in request.headers.get("Accept", "")


def archive_of(request: HttpRequest) -> tuple[str, Iterator[bytes]]:
    """The archive's name and bytes. Raises `Invalid` if there is none."""
    if request.content_type == "multipart/form-data":
        file = request.FILES.get("archive")
        if file is None or isinstance(file, list):
            raise Invalid("archive", _("is missing; choose a folder, a zip or a tar file."))
        return file.name or "upload", iter(file.chunks(CHUNK))
    return request.headers.get("X-File-Name", "upload"), iter(lambda: request.read(CHUNK), b"")


@require_http_methods(["GET", "POST"])
@needs(Act.CREATE_APPLICATION)
def detected(request: HttpRequest, number: int) -> HttpResponse:
    """The second step: review and complete what was detected, and deploy."""
    actor = actor_of(request)
    look = inspection_numbered(actor, number)
    if request.headers.get("HX-Target") == "inspection" and look.status in {"done", "failed"}:
        return HttpResponse(headers={"HX-Refresh": "true"})
    if look.status != "done":
        return page(
            request, "applications/detected.html", {"inspection": inspection_shown(look), "form": None}, fragments=PARTS
        )
    if request.method == "POST" and request.POST.get("then") == "look":
        return _look_again(request, actor, look)
    way = _Way.of(actor, look, request.POST.get("use") or request.GET.get("use", ""))
    if request.method == "GET":
        form = DetectedForm(initial=first_values(look, way.spec), is_manual=way.is_manual)
        return _second_step(request, way, form, rows_of(None, way.required))
    return _create(request, actor, way)


@dataclass(frozen=True)
class _Way:
    """The candidate of an inspection that the page shows. If none can be run as it is, the person enters how to run it."""

    look: Inspection
    used: int | None

    @classmethod
    def of(cls, actor: Actor, look: Inspection, asked: str) -> _Way:
        return cls(look, used_by(look, asked, kinds_somewhere(actor)))

    @property
    def candidate(self) -> dict[str, Any] | None:
        return candidates_of(self.look)[self.used] if self.used is not None else None

    @property
    def spec(self) -> dict[str, Any]:
        return self.candidate["spec"] if self.candidate else {"kind": "python"}

    @property
    def is_manual(self) -> bool:
        return self.candidate is None or bool(self.candidate["problem"])

    @property
    def required(self) -> list[str]:
        """The required variables for which the source has no value."""
        environment = self.spec.get("environment") or {}
        return [name for name in self.spec.get("requires", []) if not environment.get(name)]

    def spec_of(self, form: DetectedForm, environment: Environment) -> dict[str, Any]:
        """The spec with the person's choices and changes, for the first environment."""
        changes = form.changes({} if self.is_manual else self.spec)
        chosen: dict[str, Any] = {}
        if self.used is not None and not self.is_manual:
            chosen = identity(self.look, self.used, kinds_of(runtime_of(environment)))
        folder = self.look.source.get("folder", "")
        known = {**({"root": folder} if folder else {}), **chosen}
        install = {**known.get("install", {}), **changes.get("install", {})}
        return {**known, **changes, **({"install": install} if install else {})}


def _look_again(request: HttpRequest, actor: Actor, look: Inspection) -> HttpResponse:
    """Inspect another folder of the same source."""
    try:
        source = {**look.source, "folder": request.POST.get("folder", "")}
        again = request_inspection(actor=actor, source_kind=look.source_kind, source=source)
    except Invalid as problem:
        messages.error(request, f"{_('Root folder')}: {problem.sentence}")
        return redirect("application-detected", look.pk)
    return redirect("application-detected", again.pk)


def _create(request: HttpRequest, actor: Actor, way: _Way) -> HttpResponse:
    form, rows = DetectedForm(request.POST, is_manual=way.is_manual), Rows()
    try:
        rows = read_rows(request.POST, required=way.required)
        if not form.is_valid():
            return _second_step(request, way, form, rows.shown)
        values = form.cleaned_data
        environment = environment_named(actor, values["environment"])
        application, deployment = create_and_deploy(
            actor=actor,
            name=values["name"],
            source_kind=way.look.source_kind,
            source={name: value for name, value in way.look.source.items() if name != "folder"},
            spec=way.spec_of(form, environment),
            variables=rows.variables,
            secrets=rows.secrets,
            environment=environment,
            deploys=request.POST.get("then") != "create",
            access=values["access"] or None,
        )
    except Invalid as problem:
        _refuse(form, rows, problem)
        return _second_step(request, way, form, rows.shown)
    except Blocked as problem:
        tell_blocked(request, problem)
        return _second_step(request, way, form, rows.shown, status=409)
    return redirect("deployment-detail", deployment.pk) if deployment else redirect("application-detail", application.slug)


def _refuse(form: DetectedForm, rows: Rows, problem: Invalid) -> None:
    if problem.field in {"variables", "secrets"}:
        if left := mark_error(rows.shown, problem.sentence):
            form.add_error(None, left)
    else:
        refuse(form, Invalid("name", problem.sentence) if problem.field == "slug" else problem)


def _second_step(
    request: HttpRequest, way: _Way, form: DetectedForm, rows: list[dict[str, Any]], status: int = 0
) -> HttpResponse:
    actor = actor_of(request)
    name = form["name"].value() or ""
    kind = form["kind"].value() if way.is_manual else way.spec["kind"]
    places = chosen_environments(actor, name, form["environment"].value(), kind or "")
    candidate = way.candidate or {}
    context = {
        "inspection": inspection_shown(way.look, way.used),
        "ways": ways_shown(way.look, way.used),
        "used": OTHER if way.used is None else way.used,
        "framework": "" if way.is_manual else finding_in_words(way.spec.get("framework", "")),
        "kind": way.spec["kind"],
        "is_manual": way.is_manual,
        "findings": findings_in_words(candidate.get("findings", [])),
        "problem": in_words(candidate.get("problem") or ("" if way.candidate else way.look.advice)),
        "offer": candidate.get("offer", ""),
        "form": form,
        "now": {**run_values({}), **HINTS},
        "environments": places,
        "variables": rows,
        "slug": places[0]["application"] if places else "",
        "can_deploy": any(not place["blockers"] for place in places),
    }
    wrong = 422 if form.errors or any(row["error"] for row in rows) else 200
    return page(request, "applications/detected.html", context, fragments=PARTS, status=status or wrong)
