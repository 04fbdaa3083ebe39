"""Forward authentication for applications that require signing in: the proxy asks `check` before every request.

`check` redirects an unknown visitor to ``/access/enter`` on Fairway's own host, where the session cookie is available. That
redirects back with a code, valid for one minute, one host, one person and one use. `hand_over`, served on the application's
host, exchanges it for a cookie of that host. Code and cookie contain the key of their session and end with it; they are
encrypted, because the application sees them and must not see Fairway's session.
"""

from __future__ import annotations

import functools
import hmac
import json
import logging
import secrets
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from fairway.accounts.access import actor_of_session
from fairway.accounts.permissions import actor_of, needs, public
from fairway.accounts.rules import Act, NotVisible, may
from fairway.accounts.sessions import note_use
from fairway.activity.rules import Door
from fairway.applications.secrets import seal
from fairway.deployments.models import Placement, public_url
from fairway.drivers.proxy.token import PROXY_HEADER, shared_token
from fairway.insights.hosts import placement_at
from fairway.shared.hostnames import hostname_in
from fairway.shared.names import Invalid
from fairway.shared.sealing import CannotOpen

COOKIE = "fairway_access"
HANDED_OVER = "/.fairway/signed-in"
COOKIE_LIFETIME = timedelta(hours=12)
CODE_LIFETIME = timedelta(seconds=60)

log = logging.getLogger(__name__)


def only_for_the_proxy(view: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Let only Fairway's own proxy ask. It says so with a secret, and nobody else's ``X-Forwarded-Host`` is believed."""

    @functools.wraps(view)
    def asked(request: HttpRequest) -> HttpResponse:
        said, secret = request.headers.get(PROXY_HEADER, ""), shared_token(settings.DATA.folder("caddy"))
        if hmac.compare_digest(said.encode(), secret.encode()):
            return view(request)
        log.warning("%s was asked by somebody who is not the proxy", request.path)
        words = _("Only Fairway's proxy can ask this. Open the application at its own address.")
        return HttpResponse(words, status=403, content_type="text/plain; charset=utf-8")

    return asked


@require_GET
@never_cache
@public("the proxy asks it; the cookie it brings is the permission, and without one it only says where to sign in")
@only_for_the_proxy
def check(request: HttpRequest) -> HttpResponse:
    """2xx with the person's headers if they may pass; otherwise a redirect."""
    host, placement = _asked_host(request)
    sealed = _opened(request.COOKIES.get(cookie_name(host), ""), "cookie", host)
    found = actor_of_session(sealed.get("session", ""), Door.WEB)
    if found is None:
        query = urlencode({"host": host, "path": request.headers.get("X-Forwarded-Uri", "/")})
        return HttpResponseRedirect(f"{settings.PUBLIC_URL}/access/enter?{query}")
    actor, user = found
    if not may(actor, Act.VIEW, **_where(placement)):
        return HttpResponse(
            _("You are not allowed to open this application."), status=403, content_type="text/plain; charset=utf-8"
        )
    note_use(sealed["session"])
    response = HttpResponse(status=204)
    response.headers["X-Fairway-User"] = user.username
    response.headers["X-Fairway-Email"] = user.confirmed_email
    response.headers["X-Fairway-Name"] = user.shown_name.encode("ascii", "replace").decode()
    return response


@require_GET
@never_cache
@needs(Act.VIEW)
def enter(request: HttpRequest) -> HttpResponse:
    """Redirect a signed-in person to the application's host with a code."""
    actor, host = actor_of(request), request.GET.get("host", "")
    placement = placement_at(host)
    if placement is None:
        raise NotVisible("address", host[:200])
    if not may(actor, Act.VIEW, **_where(placement)):
        raise NotVisible("address", host[:200])
    code = _sealed("code", _bare(host), actor.authentication.session, CODE_LIFETIME)
    query = urlencode({"code": code, "path": _own_path(request.GET.get("path", "/"))})
    return HttpResponseRedirect(f"{public_url(_bare(host))}{HANDED_OVER}?{query}")


@require_GET
@never_cache
@public("served on applications' hosts; the one-time code is the permission")
@only_for_the_proxy
def hand_over(request: HttpRequest) -> HttpResponse:
    """Exchange a code for this host's cookie."""
    host, _placement = _asked_host(request)
    path = _own_path(request.GET.get("path", "/"))
    code = _opened(request.GET.get("code", ""), "code", host)
    if not code or not cache.add(f"access:{code['once']}", 1, CODE_LIFETIME.seconds * 2):
        return redirect(path)  # the proxy asks again, which creates a new code
    response = HttpResponseRedirect(path)
    value = _sealed("cookie", host, code["session"], COOKIE_LIFETIME)
    response.set_cookie(
        cookie_name(host), value, max_age=COOKIE_LIFETIME, httponly=True, samesite="Lax", secure=_is_https(host)
    )
    return response


@require_GET
@public("Caddy asks whether to make a certificate; only hosts that are routed get one")
def tls_ask(request: HttpRequest) -> HttpResponse:
    domain = request.GET.get("domain", "")
    if settings.OWN_HOST and hostname_in(domain) == settings.OWN_HOST:
        return HttpResponse(status=200)
    placement = placement_at(domain)
    return HttpResponse(status=200 if placement is not None and placement.current_id else 404)


def _asked_host(request: HttpRequest) -> tuple[str, Placement]:
    """The application's host name and placement. Raises `Invalid`."""
    host = _bare(request.headers.get("X-Forwarded-Host", ""))
    placement = placement_at(host)
    if placement is None:
        raise Invalid("host", _("is not one of Fairway's applications."))
    return host, placement


def cookie_name(host: str) -> str:
    """The cookie's name. Over HTTPS it has the prefix “__Host-”, so that only this host can set it (RFC 6265bis)."""
    return f"__Host-{COOKIE}" if _is_https(host) else COOKIE


def _is_https(host: str) -> bool:
    return public_url(host).startswith("https://")


def _sealed(purpose: str, host: str, session: str, lifetime: timedelta) -> str:
    """An encrypted value that lets a session in at `host`."""
    ends = time.time() + lifetime.total_seconds()
    content = {"for": purpose, "host": host, "session": session, "once": secrets.token_urlsafe(12), "ends": ends}
    return seal().seal(json.dumps(content))


def _opened(text: str, purpose: str, host: str) -> dict[str, Any]:
    """The content of an encrypted value; empty if it is invalid, for another purpose or host, or expired."""
    if not text.isascii():
        return {}
    try:
        content = json.loads(seal().open(text))
    except (CannotOpen, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    is_good = (content.get("for"), content.get("host")) == (purpose, host) and content.get("ends", 0) > time.time()
    return content if is_good else {}


def _where(placement: Placement) -> dict[str, str]:
    return {"application": placement.application.slug, "environment": placement.environment.slug}


def _bare(host: str) -> str:
    """The canonical host name without port; "" if it is malformed."""
    return hostname_in(host.split(",")[0])


def _own_path(path: str) -> str:
    """A path on the same host; never ``//other-host``, never a scheme."""
    clean = "/" + path.lstrip("/\\")
    return clean if path.startswith("/") and "\\" not in path and clean.isprintable() else "/"
