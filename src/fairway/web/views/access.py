"""Who may open a signed-in application: the proxy asks before every request, and a sign-in here is handed over to its host.

The hand-over: the proxy asks `check`, which sends a stranger to ``/access/enter`` on Fairway's own address; there the
session is known, so a code that is good for one minute, one host, one person and one use goes back with the browser;
`hand_over`, served on the application's host, turns it into a cookie of that host alone. An application never sees Fairway's
own session.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from urllib.parse import urlencode

from django.conf import settings
from django.core import signing
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from fairway.accounts.doors import actor_of, needs, open_door
from fairway.accounts.models import User
from fairway.accounts.queries import actor_for
from fairway.accounts.rules import Act, NotVisible, may
from fairway.activity.rules import Door
from fairway.deployments.models import Placement, public_url
from fairway.insights.hosts import placement_at
from fairway.shared.hosts import host_in
from fairway.shared.names import Invalid

COOKIE = "fairway_access"
COOKIE_SALT = "fairway.access.cookie"
CODE_SALT = "fairway.access.code"
HANDED_OVER = "/.fairway/signed-in"
COOKIE_LIFETIME = timedelta(hours=12)
CODE_LIFETIME = timedelta(seconds=60)


@require_GET
@never_cache
@open_door("the proxy asks it; the cookie it brings is the permission, and without one it only says where to sign in")
def check(request: HttpRequest) -> HttpResponse:
    """2xx: may pass, with who it is. Otherwise where the browser shall go."""
    host, placement = _asked_host(request)
    user = _user_of_cookie(request.COOKIES.get(COOKIE, ""), host)
    if user is None:
        query = urlencode({"host": host, "path": request.headers.get("X-Forwarded-Uri", "/")})
        return HttpResponseRedirect(f"{settings.PUBLIC_URL}/access/enter?{query}")
    if not _may_open(user, placement):
        return HttpResponse(_("You may not open this application."), status=403, content_type="text/plain; charset=utf-8")
    response = HttpResponse(status=204)
    response.headers["X-Fairway-User"] = user.username
    response.headers["X-Fairway-Email"] = user.email
    response.headers["X-Fairway-Name"] = user.shown_name.encode("ascii", "replace").decode()
    return response


@require_GET
@never_cache
@needs(Act.VIEW)
def enter(request: HttpRequest) -> HttpResponse:
    """Hand this person's sign-in over to the application's host."""
    actor, host = actor_of(request), request.GET.get("host", "")
    placement = placement_at(host)
    if placement is None:
        raise NotVisible("address", host[:200])
    where = {"application": placement.application.slug, "environment": placement.environment.slug}
    if not may(actor, Act.VIEW, **where):
        raise NotVisible("address", host[:200])
    code = signing.dumps({"user": actor.id, "host": _bare(host), "once": secrets.token_urlsafe(12)}, salt=CODE_SALT)
    query = urlencode({"code": code, "path": _own_path(request.GET.get("path", "/"))})
    return HttpResponseRedirect(f"{public_url(_bare(host))}{HANDED_OVER}?{query}")


@require_GET
@never_cache
@open_door("served on applications' hosts; the one-time code is the permission")
def hand_over(request: HttpRequest) -> HttpResponse:
    """Turn a code into this host's own cookie."""
    host, _placement = _asked_host(request)
    path = _own_path(request.GET.get("path", "/"))
    try:
        code = signing.loads(request.GET.get("code", ""), salt=CODE_SALT, max_age=CODE_LIFETIME)
    except signing.BadSignature:
        code = {}
    is_fresh = code.get("host") == host and cache.add(f"access:{code['once']}", 1, CODE_LIFETIME.seconds * 2)
    if not is_fresh:
        return redirect(path)  # the proxy asks again, and a new code is made
    response = HttpResponseRedirect(path)
    value = signing.dumps({"user": code["user"], "host": host}, salt=COOKIE_SALT)
    is_secure = public_url(host).startswith("https://")
    response.set_cookie(COOKIE, value, max_age=COOKIE_LIFETIME, httponly=True, samesite="Lax", secure=is_secure)
    return response


@require_GET
@open_door("Caddy asks whether to make a certificate; only hosts that are routed get one")
def tls_ask(request: HttpRequest) -> HttpResponse:
    placement = placement_at(request.GET.get("domain", ""))
    return HttpResponse(status=200 if placement is not None and placement.current_id else 404)


def _asked_host(request: HttpRequest) -> tuple[str, Placement]:
    """The application's host and what answers there. Raises `Invalid`."""
    host = _bare(request.headers.get("X-Forwarded-Host", ""))
    placement = placement_at(host)
    if placement is None:
        raise Invalid("host", _("is not one of Fairway's applications."))
    return host, placement


def _user_of_cookie(text: str, host: str) -> User | None:
    try:
        value = signing.loads(text, salt=COOKIE_SALT, max_age=COOKIE_LIFETIME)
    except signing.BadSignature:
        return None
    return User.objects.filter(pk=value["user"], is_active=True).first() if value.get("host") == host else None


def _may_open(user: User, placement: Placement) -> bool:
    actor = actor_for(user, door=Door.WEB)
    return may(actor, Act.VIEW, application=placement.application.slug, environment=placement.environment.slug)


def _bare(host: str) -> str:
    """In its one spelling, without port; "" for what is no host name."""
    return host_in(host.split(",")[0])


def _own_path(path: str) -> str:
    """A path on the same host: never ``//elsewhere``, never a scheme."""
    clean = "/" + path.lstrip("/\\")
    return clean if path.startswith("/") and "\\" not in path and clean.isprintable() else "/"
