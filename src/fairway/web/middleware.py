"""Middleware for pages: security headers, the reader's language and time zone, and pages for domain errors."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import DatabaseError, DataError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation

from fairway.accounts.models import User
from fairway.accounts.permissions import bearer_token
from fairway.accounts.refusals import note_invalid_token, note_refused
from fairway.accounts.rules import Actor, Blocked, NotVisible
from fairway.environments.freeze_queries import cached_windows
from fairway.shared.disk import is_disk_full
from fairway.shared.names import Invalid
from fairway.web import errors
from fairway.web.context import event_number
from fairway.web.zones import zone_of

Answer = Callable[[HttpRequest], HttpResponse]
log = logging.getLogger(__name__)


def policy(form_action: str = "'self'") -> str:
    """The content security policy: no inline script or style, nothing from other sites. The stylesheet uses `data:`
    images."""
    return (
        f"default-src 'self'; img-src 'self' data:; form-action {form_action}; "
        "object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    )


FORM = "application/x-www-form-urlencoded"  # forms with files are read by their views while they arrive
HSTS = f"max-age={365 * 24 * 60 * 60}"  # without includeSubDomains, because applications may be served over HTTP


class SafeHeaders:
    """Sets headers about what a page may load and who may cache it, unless the view has set them."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", policy())
        response.headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        response.headers.setdefault("Cache-Control", "private, no-store")
        if settings.IS_HTTPS:  # also if the proxy that terminates TLS does not say so; browsers ignore it over HTTP
            response.headers.setdefault("Strict-Transport-Security", HSTS)
        return response


class EventNumber:
    """Reads the newest event's number before the view reads anything, so that live updates cover all changes after that.

    It is a middleware, because a view that forgot this would show outdated content and never be updated.
    """

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: object, args: object, kwargs: object) -> None:
        is_page = not request.path.startswith("/api/") and "text/event-stream" not in request.headers.get("Accept", "")
        if is_page and isinstance(request.user, User):
            event_number(request)


class PersonLanguage:
    """Uses the language of the person's profile, unless a cookie has set one (Django's LocaleMiddleware)."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        if settings.LANGUAGE_COOKIE_NAME not in request.COOKIES and isinstance(user, User) and user.language:
            translation.activate(user.language)
            request.LANGUAGE_CODE = translation.get_language() or settings.LANGUAGE_CODE
        return self.get_response(request)


class ReaderZone:
    """Activates the reader's time zone, in which pages show and read times."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith("/api/"):
            return self.get_response(request)
        with timezone.override(zone_of(request)):
            return self.get_response(request)


class FreezesReadOnce:
    """Reads the freeze windows once per GET request, because a page asks the gate about many acts."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method not in {"GET", "HEAD"}:
            return self.get_response(request)
        with cached_windows():
            return self.get_response(request)


class RefusalsNoted:
    """Logs and records who was refused what: 403, and 401 for a token that is not valid. Names the route, not the path,
    which may hold a secret."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code == 403 or (response.status_code == 401 and bearer_token(request) is not None):
            actor = getattr(request, "_fairway_actor", None)
            who = actor.name if actor else "nobody"
            route = request.resolver_match.route if request.resolver_match else "?"
            where = request.META.get("REMOTE_ADDR", "?")
            log.warning("Refused (%s): %s %s, asked by %s from %s", response.status_code, request.method, route, who, where)
            self._record(request, actor, f"{request.method} {route}")
        return response

    def _record(self, request: HttpRequest, actor: Actor | None, asked: str) -> None:
        """Without the database, or on a full disk, the answer stays what it is, and the log has the refusal."""
        try:
            if actor is not None:
                note_refused(actor=actor, asked=asked)
            elif bearer_token(request) is not None:
                client = request.headers.get("User-Agent", "")[:200]
                note_invalid_token(asked=asked, address=request.META.get("REMOTE_ADDR", ""), client=client)
        except DatabaseError:
            log.exception("A refusal could not be recorded")


class DomainErrors:
    """Pages for the domain's exceptions, for views that do not show them in place."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: object, given: object, named: dict[str, object]
    ) -> HttpResponse | None:
        """Refuse NUL in any input, because databases refuse it. The API and webhooks check their own input."""
        if request.path.startswith(("/api/", "/hooks/")):  # a webhook's body must reach its view as it came
            return None
        if any(isinstance(value, str) and "\x00" in value for value in named.values()):
            return errors.not_found(request)
        typed = [request.GET, request.POST] if request.content_type == FORM else [request.GET]
        for name in (name for form in typed for name, values in form.lists() if "\x00" in "".join((name, *values))):
            return errors.invalid(request, Invalid(name.replace("\x00", "")[:60], "holds a NUL character; remove it."))
        return None

    def process_exception(self, request: HttpRequest, problem: Exception) -> HttpResponse | None:
        if request.path.startswith("/api/"):
            return None
        answers: dict[type[Exception], Callable[[HttpRequest, Any], HttpResponse]] = {
            NotVisible: errors.not_visible,
            Blocked: errors.blocked,
            Invalid: errors.invalid,
            OperationalError: lambda request, _: errors.no_database(request),
            InterfaceError: lambda request, _: errors.no_database(request),
            OverflowError: lambda request, _: errors.beyond(request),
            DataError: lambda request, _: errors.beyond(request),
        }
        if isinstance(problem, (OSError, OperationalError)) and is_disk_full(problem):
            return errors.disk_full(request)
        answer = answers.get(type(problem))
        return answer(request, problem) if answer else None
