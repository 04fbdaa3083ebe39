"""Deploys a chosen version: an existing one, another ref, or a folder that was just uploaded."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Blocked, NotVisible, may
from fairway.applications.commands import store_upload
from fairway.applications.models import Application
from fairway.applications.queries import get_application as application_named
from fairway.applications.queries import get_artifact as artifact_numbered
from fairway.applications.queries import get_upload as upload_named
from fairway.applications.rules import SourceKind
from fairway.deployments.commands.requests import request_deployment
from fairway.environments.models import Environment
from fairway.environments.queries import get_environment_for
from fairway.shared.names import Invalid
from fairway.web.errors import tell_blocked, wants_json
from fairway.web.pages import page
from fairway.web.presenters.versions import Choice, choices_shown
from fairway.web.views.new import archive_of

TEMPLATE = "deployments/new.html"


@require_GET
@needs(Act.VIEW)
def choose(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    """The page with every version; a folder that was just uploaded (``?upload=``) is selected."""
    actor = actor_of(request)
    application = application_named(actor, slug)
    choice = Choice(request.GET.get("artifact", ""), *_uploaded(request.GET))
    return _page(request, application, get_environment_for(actor, application, environment), choice)


@require_POST
@needs(Act.DEPLOY)
def deploy(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    """Deploy the chosen version; without a choice, the newest version of the source."""
    actor = actor_of(request)
    application = application_named(actor, slug)
    there = get_environment_for(actor, application, environment)
    why = request.POST.get("reason", "")
    try:
        what = _what(request, application)
        glass = _broken_glass(request)
        done = request_deployment(
            actor=actor,
            application=application,
            environment=there,
            reason=why,
            break_glass=glass,
            when_open=bool(request.POST.get("when_open")),
            strategy=request.POST.get("strategy") or None,
            **what,
        )
    except Blocked as problem:
        tell_blocked(request, problem)
        return _page(request, application, there, _typed(request), status=409)
    except Invalid as problem:
        return _page(request, application, there, _typed(request, problem), status=422)
    return redirect("deployment-detail", done.pk)


@require_POST
@needs(Act.DEPLOY)
def upload(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    """Receive a folder's next version; returns the URL of the page that deploys it."""
    actor = actor_of(request)
    application = application_named(actor, slug)
    there = get_environment_for(actor, application, environment)
    try:
        name, chunks = archive_of(request)
        stored = store_upload(actor=actor, name=name, chunks=chunks)
    except Invalid as problem:
        return JsonResponse({"error": f"{_('The archive')} {problem.sentence}"}, status=422)
    except Blocked as problem:
        return JsonResponse({"error": str(problem)}, status=409)
    chosen = urlencode({"upload": stored.checksum, "name": request.POST.get("name", "") or name})
    url = f"{reverse('placement-deploy', args=[application.slug, there.slug])}?{chosen}"
    return JsonResponse({"url": url}, status=201) if wants_json(request) else redirect(url)


def _page(
    request: HttpRequest, application: Application, environment: Environment, choice: Choice, status: int = 200
) -> HttpResponse:
    actor = actor_of(request)
    context = choices_shown(actor, application, environment, choice)
    drop = {
        "url": reverse("placement-upload", args=[application.slug, environment.slug]),
        "max_bytes": settings.MAX_UPLOAD_BYTES,
        "error": "",
    }
    takes = application.source_kind == SourceKind.ARCHIVE
    can_upload = takes and may(actor, Act.DEPLOY, application=application.slug, environment=environment.slug)
    return page(request, TEMPLATE, {**context, "upload": drop if can_upload else None}, status=status)


def _what(request: HttpRequest, application: Application) -> dict[str, Any]:
    """The chosen artifact or source, as arguments of `request_deployment`."""
    chosen, ref = request.POST.get("artifact", ""), request.POST.get("ref", "").strip()
    if chosen == "upload":
        stored, name = _uploaded(request.POST)
        if stored is None:
            raise Invalid("artifact", _("that upload is gone; upload the folder again."))
        return {"source_kind": SourceKind.ARCHIVE, "source": {"upload": stored.checksum, "name": name}}
    if chosen:
        if not chosen.isdecimal():
            raise Invalid("artifact", _("there is no such version."))
        return {"artifact": artifact_numbered(application, int(chosen))}
    if ref and application.source_kind == SourceKind.GIT and ref != application.source.get("ref"):
        return {"source_kind": SourceKind.GIT, "source": {**application.source, "ref": ref}}
    return {}


def _broken_glass(request: HttpRequest) -> str:
    """The reason for breaking glass. On the page it needs a ticked box; other clients send only the reason."""
    given = request.POST.get("break_glass", "")
    if given != "on":
        return given
    if not request.POST.get("reason", "").strip():
        raise Invalid("reason", _("breaking the glass needs a reason."))
    return request.POST["reason"]


def _uploaded(values: Any) -> tuple[Any, str]:
    """The named upload and its original name; (None, "") without one."""
    checksum = values.get("upload", "")
    try:
        stored = upload_named(checksum) if checksum else None
    except NotVisible:
        stored = None
    return stored, (values.get("name", "") or stored.name) if stored else ""


def _typed(request: HttpRequest, problem: Invalid | None = None) -> Choice:
    chosen, (stored, name) = request.POST.get("artifact", ""), _uploaded(request.POST)
    sentence = problem.sentence[:1].upper() + problem.sentence[1:] if problem else ""
    return Choice(
        chosen if chosen != "upload" else "",
        stored,
        name,
        request.POST.get("ref", ""),
        request.POST.get("reason", ""),
        request.POST.get("strategy", ""),
        {problem.field: sentence} if problem else {},
    )
