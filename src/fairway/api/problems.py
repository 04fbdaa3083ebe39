"""The API's error responses: always ``application/problem+json`` (RFC 9457), never a traceback.

`detail` says what was wrong and what to do; `field` names the input it is about; `blockers` are the gate's.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.serializers.json import DjangoJSONEncoder
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from ninja import NinjaAPI, Schema
from ninja.errors import HttpError, ValidationError

from fairway.accounts.permissions import NotSignedIn, SecondStepMissing
from fairway.accounts.rules import Blocked, Blocker, NotVisible
from fairway.activity.changes import Changed
from fairway.shared.disk import FULL, is_disk_full
from fairway.shared.failures import Failure, Refused
from fairway.shared.names import Invalid
from fairway.shared.sealing import CannotOpen

MEDIA_TYPE = "application/problem+json"
TITLES = {
    400: "Bad request",
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Not possible now",
    412: "Changed by somebody since",
    413: "Too large",
    415: "Unsupported media type",
    422: "Invalid input",
    429: "Too many at a time",
    500: "Fairway failed",
    503: "Not available",
}
logger = logging.getLogger("fairway.api")


class ForgedRequest(Exception):
    """A request that changes something was authenticated by a session, but had no valid CSRF header."""


class BlockerShown(Schema):
    """One reason why an act may not happen now, who can clear it, and when it clears by itself."""

    code: str
    sentence: str
    who: str = ""
    clears_at: datetime | None = None


class FieldError(Schema):
    field: str
    sentence: str


class ChangeMet(Schema):
    """The change that a request would have overwritten: event `event`, by whom, when, and which fields."""

    event: int
    person: str
    at: datetime
    fields: list[str]


class Problem(Schema):
    """Why a request was refused (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    field: str = ""
    errors: list[FieldError] = []
    blockers: list[BlockerShown] = []
    changed: ChangeMet | None = None


_REFERENCE = {"content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
ERRORS: dict[int, dict[str, Any]] = {
    400: {"description": "The request could not be read.", **_REFERENCE},
    401: {"description": "No session and no valid token.", **_REFERENCE},
    403: {"description": "Your role does not allow it.", **_REFERENCE},
    404: {"description": "Not found, or you are not allowed to see it.", **_REFERENCE},
    409: {"description": "Not possible now; `blockers` says why.", **_REFERENCE},
    412: {"description": "Somebody changed it since the `ETag` in `If-Match`; `changed` says who and what.", **_REFERENCE},
    413: {"description": "The body is too large.", **_REFERENCE},
    429: {"description": "Too many of these are going on for this person, or from this address.", **_REFERENCE},
    422: {"description": "Bad input; `field` says where.", **_REFERENCE},
    503: {"description": "Something it needs is not available now.", **_REFERENCE},
}


def problem(status: int, code: str, detail: str, **more: Any) -> HttpResponse:
    """One problem as a response. `code` becomes the type, ``urn:fairway:problem:<code>``."""
    body = {"type": f"urn:fairway:problem:{code}", "title": TITLES[status], "status": status, "detail": detail, **more}
    response = HttpResponse(json.dumps(body, cls=DjangoJSONEncoder), status=status, content_type=MEDIA_TYPE)
    if status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="Fairway"'
    if status == 503:
        response["Retry-After"] = "2"
    return response


def blockers_shown(blockers: Sequence[Blocker]) -> list[dict[str, Any]]:
    """Blockers as JSON."""
    return [
        {
            "code": blocker.code,
            "sentence": blocker.sentence,
            "who": blocker.who,
            "clears_at": blocker.clears_at,
            **_details(blocker),
        }
        for blocker in blockers
    ]


def _details(blocker: Blocker) -> dict[str, Any]:
    return {"details": blocker.details} if blocker.details else {}


def blocked(error: Blocked) -> HttpResponse:
    """403 if only the role is missing, else 409."""
    only_role = {blocker.code for blocker in error.blockers} == {"role"}
    status, code = (403, "forbidden") if only_role else (409, "blocked")
    return problem(status, code, str(error), blockers=blockers_shown(error.blockers))


def invalid(field: str, sentence: str) -> HttpResponse:
    errors = [{"field": field, "sentence": sentence}]
    return problem(422, "invalid", f"{field}: {sentence}", field=field, errors=errors)


def malformed(error: ValidationError) -> HttpResponse:
    """The response for input that does not match its schema; it names every wrong field."""
    errors = [{"field": _field(one["loc"]), "sentence": _sentence(one)} for one in error.errors]
    first = errors[0] if errors else {"field": "", "sentence": "does not fit."}
    detail = " · ".join(f"{one['field']}: {one['sentence']}" for one in errors[:10])
    return problem(422, "invalid", detail, field=first["field"], errors=errors)


def _field(location: Sequence[Any]) -> str:
    """The field for people: ``("body", "given", "source", "url")`` → ``source.url``."""
    parts = [str(part) for part in location]
    inner = parts[2:] if parts[:1] == ["body"] else parts[1:]
    return ".".join(inner) or (parts[0] if parts else "body")


def _sentence(error: Mapping[str, Any]) -> str:
    kind = error.get("type", "")
    if kind == "missing":
        return "is required."
    if kind == "extra_forbidden":
        return "is not a known field; remove it."
    message = str(error.get("msg", "does not fit.")).removeprefix("Value error, ")
    return message if message.endswith(".") else f"{message[:1].lower()}{message[1:]}."


def _http_error(error: HttpError) -> HttpResponse:
    status = error.status_code if error.status_code in TITLES else 400
    return problem(status, "not_signed_in" if status == 401 else "bad_request", f"{str(error)[:300]}.".replace("..", "."))


def _changed(error: Changed) -> HttpResponse:
    met = {"event": error.event.pk, "person": error.event.actor_name, "at": error.event.at, "fields": error.fields}
    detail = f"{error.sentence} Read it again, then send your change with the new ETag."
    return problem(412, "changed", detail, changed=met)


def _unavailable(error: Failure) -> HttpResponse:
    if isinstance(error, Refused):
        return problem(409, "refused", error.sentence)
    return problem(503, "not_available", error.sentence)


def _database_away(error: OperationalError | InterfaceError) -> HttpResponse:
    if is_disk_full(error):
        return disk_full()
    return problem(503, "database", "The database is not responding; try again.")


def disk_full() -> HttpResponse:
    return problem(503, "disk_full", f"{FULL} Nothing was changed.")


def _broken(request: HttpRequest, error: Exception | type[Exception]) -> HttpResponse:
    if isinstance(error, OSError) and is_disk_full(error):
        return disk_full()
    return unexpected(request, error)


def unexpected(request: HttpRequest, error: Exception | type[Exception]) -> HttpResponse:
    """The response for a defect of Fairway; the traceback is logged, but not sent."""
    logger.error("%s %s failed", request.method, request.path, exc_info=error if isinstance(error, Exception) else None)
    return problem(500, "failed", "Fairway itself failed; the log of the web process says why. Nothing was changed.")


def not_found(request: HttpRequest) -> HttpResponse:
    return problem(404, "not_found", f"There is nothing at {request.path[:200]}; see /api/v1/openapi.json.")


NOT_SIGNED_IN = "Nobody is signed in, or the token is unknown, expired or revoked; send “Authorization: Bearer <token>”."


def answer_problems(api: NinjaAPI) -> None:
    """Register the response for each kind of exception."""

    def on(kind: type[Exception], answer: Any) -> None:
        api.add_exception_handler(kind, lambda request, error: answer(error))

    on(Invalid, lambda error: invalid(error.field, error.sentence))
    on(ValidationError, malformed)
    on(Blocked, blocked)
    on(NotVisible, lambda error: problem(404, "not_found", str(error)))
    on(Http404, lambda error: problem(404, "not_found", "Not found, or you are not allowed to see it."))
    on(PermissionDenied, lambda error: problem(403, "forbidden", str(error), blockers=[_role(str(error))]))
    on(NotSignedIn, lambda error: problem(401, "not_signed_in", NOT_SIGNED_IN))
    on(SecondStepMissing, lambda error: problem(403, "second_step_missing", str(error)))
    on(ForgedRequest, lambda error: problem(403, "csrf", "The X-CSRFToken header is missing or wrong; reload the page."))
    on(HttpError, _http_error)
    on(BadRequest, lambda error: problem(400, "bad_request", "The request could not be read."))
    on(SuspiciousOperation, lambda error: problem(400, "bad_request", "The request could not be read."))
    on(RequestDataTooBig, lambda error: problem(413, "too_large", "The body is too large; files go to /api/v1/uploads."))
    on(MultiPartParserError, lambda error: problem(400, "bad_request", "The form could not be read; it has no boundary."))
    on(UnreadablePostError, lambda error: problem(400, "bad_request", "The body ended too early; send it again."))
    on(IntegrityError, lambda error: problem(409, "conflict", "Somebody changed the same thing a moment ago; try again."))
    on(DataError, lambda error: invalid("body", "holds a value that is too large or cannot be stored."))
    on(OverflowError, lambda error: invalid("body", "holds a number or a date beyond what can be stored."))
    on(OperationalError, _database_away)
    on(InterfaceError, _database_away)
    on(Changed, _changed)
    on(Failure, _unavailable)
    on(CannotOpen, lambda error: problem(503, "sealed", str(error)))
    api.add_exception_handler(Exception, _broken)


def _role(sentence: str) -> dict[str, Any]:
    return {"code": "role", "sentence": sentence, "who": "an Admin, by granting it", "clears_at": None}
