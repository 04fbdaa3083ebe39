"""The home page, the command palette, live updates, and the health check."""

from __future__ import annotations

from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from fairway.accounts.permissions import SET_UP, actor_if_signed_in, actor_of, lacks_second_step, needs, public
from fairway.accounts.queries import has_people
from fairway.accounts.rules import Act
from fairway.web import live
from fairway.web.context import VERSION
from fairway.web.fanout import FANOUT, TopicStream
from fairway.web.live_fragments import watchable
from fairway.web.pages import page
from fairway.web.palette import entries
from fairway.web.presenters.home import home as home_shown
from fairway.web.viewers import viewer_of

FRAGMENTS = {f"home-{name}": name for name in ("alerts", "matrix", "running", "waiting", "recent")}


@require_GET
@public("before anybody exists, it says how to become the first administrator")
def home(request: HttpRequest) -> HttpResponse:
    actor = actor_if_signed_in(request)
    if actor is None:
        return (
            redirect("account_login")
            if has_people()
            else render(request, "first_run.html", {"purpose": "start"}, status=403)
        )
    if lacks_second_step(request, actor):
        return redirect(SET_UP)
    return page(request, "home.html", home_shown(actor), fragments=FRAGMENTS)


@require_GET
@needs(Act.VIEW)
def palette(request: HttpRequest) -> JsonResponse:
    """The entries of the command palette (Ctrl-K)."""
    return JsonResponse({"items": entries(actor_of(request))})


@require_GET
@needs(Act.VIEW)
def stream(request: HttpRequest) -> HttpResponse:
    """Live updates of ``?topics=a,b,c`` since event ``after`` (or `Last-Event-ID`, if the browser reconnects)."""
    viewer = viewer_of(request)
    topics = watchable(viewer.actor, request.GET.get("topics", "").split(","))
    return live.admit(TopicStream(FANOUT, viewer, topics, came_back_after(request)))


def came_back_after(request: HttpRequest) -> int | None:
    """The number after which a stream continues. `Last-Event-ID` is newer than the number in the URL, so it wins."""
    for text in (request.headers.get("Last-Event-ID", ""), request.GET.get("after", "")):
        if text.isascii() and text.isdigit() and len(text) < 19:
            return int(text)
    return None


@require_GET
@public("load balancers and `fairway status` ask it; it tells nothing but that we are well")
def health(request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"status": "ok", "version": VERSION})
