"""Pages that say what went wrong and what to do."""

from __future__ import annotations

import sys

from django.contrib import messages
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from fairway.accounts.rules import Blocked, Blocker, NotVisible
from fairway.shared.disk import FULL
from fairway.shared.names import Invalid
from fairway.shared.sentences import joined
from fairway.web.failure_words import in_words

AGAIN_AFTER = 5  # seconds until the browser reloads a page that needs the database
DATABASE_ERRORS = "The database is not responding; try again."


def not_visible(request: HttpRequest, problem: NotVisible) -> HttpResponse:
    """The page for something that does not exist or that the person may not see; they cannot be told apart."""
    if wants_json(request):
        return JsonResponse({"error": str(problem)}, status=404)
    return _error(request, 404, sentence=str(problem))


def blocked(request: HttpRequest, problem: Blocked) -> HttpResponse:
    """The page for an act that may not happen now, for views that do not show the blockers in place."""
    if wants_json(request):
        return JsonResponse(
            {"error": str(problem), "blockers": [_as_json(blocker) for blocker in problem.blockers]}, status=409
        )
    return _error(request, 409, title=_("Not possible now"), blockers=shown(problem.blockers))


def invalid(request: HttpRequest, problem: Invalid) -> HttpResponse:
    """The page for bad input that no form can show."""
    if wants_json(request):
        return JsonResponse({"error": problem.sentence, "field": problem.field}, status=422)
    return _error(request, 422, title=_("Invalid input"), sentence=f"{problem.field}: {problem.sentence}")


def beyond(request: HttpRequest) -> HttpResponse:
    """The page for a number or date beyond what can be stored, in a field that was not checked before."""
    sentence = _("A number, a date or a character in the form cannot be stored. Go back, correct it and send it again.")
    if wants_json(request):
        return JsonResponse({"error": sentence}, status=422)
    return _error(request, 422, title=_("Invalid input"), sentence=sentence)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _error(request, 400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """The page for a signed-in person who is not allowed to do this; it shows the exception's sentence."""
    if wants_json(request):
        return JsonResponse({"error": str(exception or "")}, status=403)
    return _error(request, 403, sentence=str(exception or ""))


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _error(request, 404)


def broken(request: HttpRequest) -> HttpResponse:
    """The page for unexpected errors; an unreachable database has a page of its own."""
    if isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        return no_database(request)
    return _error(request, 500)


def disk_full(request: HttpRequest) -> HttpResponse:
    """The page for a full disk: the act could not be stored, so it did not happen."""
    if wants_json(request):
        return JsonResponse({"error": FULL}, status=503)
    return _error(request, 503)


def no_database(request: HttpRequest) -> HttpResponse:
    """The page for an unreachable database. It is rendered without the actor, who is in the database, and reloads itself."""
    sentence = _("The database is not responding. What is running keeps running, and work continues when it is back.")
    if request.path.startswith("/api/"):
        body = {"type": "urn:fairway:problem:database", "title": "Not available", "status": 503, "detail": DATABASE_ERRORS}
        response: HttpResponse = JsonResponse(body, status=503, content_type="application/problem+json")
    elif wants_json(request):
        response = JsonResponse({"error": sentence}, status=503)
    else:
        page = {"status": 503, "sentence": sentence, "again": request.get_full_path() if request.method == "GET" else ""}
        response = HttpResponse(render_to_string("database_away.html", page), status=503)
    response.headers["Retry-After"] = str(AGAIN_AFTER)
    return response


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The page for a form that was too old or came from another site."""
    sentence = _("This form has expired, or cookies are turned off. Go back, reload the page and send it again.")
    return _error(request, 403, title=_("Please send the form again"), sentence=sentence)


def wants_json(request: HttpRequest) -> bool:
    return request.headers.get("Accept", "").startswith("application/json")


def shown(blockers: list[Blocker]) -> list[dict[str, object]]:
    """Blockers for ``parts/blockers.html``."""
    return [
        {"code": blocker.code, "sentence": in_words(blocker.sentence), "who": blocker.who, "until": blocker.clears_at}
        for blocker in blockers
    ]


def tell_blocked(request: HttpRequest, problem: Blocked) -> None:
    """Show the blockers as a message on the next page."""
    messages.error(request, joined(in_words(blocker.sentence) for blocker in problem.blockers))


def _as_json(blocker: Blocker) -> dict[str, object]:
    until = blocker.clears_at.isoformat() if blocker.clears_at else None
    return {"code": blocker.code, "sentence": in_words(blocker.sentence), "who": blocker.who, "clears_at": until}


def _error(request: HttpRequest, status: int, **context: object) -> HttpResponse:
    return render(request, f"{status}.html", {"status": status, **context}, status=status)
