"""Pages that say what went wrong and what to do."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from fairway.accounts.rules import Blocked, Blocker, NotVisible
from fairway.shared.disk import FULL
from fairway.shared.names import Invalid


def not_visible(request: HttpRequest, problem: NotVisible) -> HttpResponse:
    """There is none, or none for this person; both look the same."""
    if wants_json(request):
        return JsonResponse({"error": str(problem)}, status=404)
    return _error(request, 404, sentence=str(problem))


def blocked(request: HttpRequest, problem: Blocked) -> HttpResponse:
    """An act that may not happen now, for pages that do not show the reasons in place."""
    if wants_json(request):
        return JsonResponse({"error": str(problem), "blockers": [_as_json(one) for one in problem.blockers]}, status=409)
    return _error(request, 409, title=_("Not possible now"), blockers=shown(problem.blockers))


def invalid(request: HttpRequest, problem: Invalid) -> HttpResponse:
    """Bad input that no form was there to show."""
    if wants_json(request):
        return JsonResponse({"error": problem.sentence, "field": problem.field}, status=422)
    return _error(request, 422, title=_("That cannot be used"), sentence=f"{problem.field}: {problem.sentence}")


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _error(request, 400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Signed in, but not allowed; the reason is a sentence of ours."""
    if wants_json(request):
        return JsonResponse({"error": str(exception or "")}, status=403)
    return _error(request, 403, sentence=str(exception or ""))


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _error(request, 404)


def broken(request: HttpRequest) -> HttpResponse:
    """Nothing of ours is trusted here: no database, no context beyond the request."""
    return _error(request, 500)


def disk_full(request: HttpRequest) -> HttpResponse:
    """The act could not be written down, so it did not happen."""
    if wants_json(request):
        return JsonResponse({"error": FULL}, status=503)
    return _error(request, 503)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form was too old or came from elsewhere."""
    sentence = _("This form is too old, or cookies are switched off. Go back, reload the page and send it again.")
    return _error(request, 403, title=_("Please send that again"), sentence=sentence)


def wants_json(request: HttpRequest) -> bool:
    return request.headers.get("Accept", "").startswith("application/json")


def shown(blockers: list[Blocker]) -> list[dict[str, object]]:
    """Blockers in the words of ``parts/blockers.html``."""
    return [{"code": one.code, "sentence": one.sentence, "who": one.who, "until": one.clears_at} for one in blockers]


def tell_blocked(request: HttpRequest, problem: Blocked) -> None:
    """The reasons as a message on the next page."""
    messages.error(request, " ".join(blocker.sentence for blocker in problem.blockers))


def _as_json(blocker: Blocker) -> dict[str, object]:
    until = blocker.clears_at.isoformat() if blocker.clears_at else None
    return {"code": blocker.code, "sentence": blocker.sentence, "who": blocker.who, "clears_at": until}


def _error(request: HttpRequest, status: int, **context: object) -> HttpResponse:
    return render(request, f"{status}.html", {"status": status, **context}, status=status)
