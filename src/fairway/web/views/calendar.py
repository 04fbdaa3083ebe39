"""The calendar, and each person's feed of it."""

from __future__ import annotations

from datetime import date
from itertools import islice
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from fairway.accounts.feeds import feed_owner, make_feed, revoke_feed
from fairway.accounts.permissions import actor_of, needs, public
from fairway.accounts.rules import Act
from fairway.insights.ical import icalendar_of
from fairway.shared.names import Invalid
from fairway.web.pages import page
from fairway.web.presenters.calendar import MOST_IN_FEED, calendar_shown, feed_items
from fairway.web.zones import zone_of

FRESH = "fresh_calendar_feed"  # the session key of a new feed's URL, which is shown once


@require_GET
@needs(Act.VIEW)
def calendar(request: HttpRequest) -> HttpResponse:
    """The calendar: ``?view=`` month or week, ``?at=`` any day in it, ``?environment=`` a slug."""
    zone = zone_of(request)
    at = _day(request.GET.get("at", "")) or timezone.now().astimezone(zone).date()
    with timezone.override(zone):
        return _page(request, zone, at)


def _page(request: HttpRequest, zone: ZoneInfo, at: date) -> HttpResponse:
    context = calendar_shown(
        actor_of(request),
        view="week" if request.GET.get("view") == "week" else "month",
        at=at,
        zone=zone,
        environment=request.GET.get("environment", "")[:40],
        feed_url=request.session.pop(FRESH, ""),
    )
    return page(request, "calendar/calendar.html", context, fragments={"calendar-grid": "grid"})


def _day(text: str) -> date | None:
    """Raises `Invalid`."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid("at", _("is not a day; write it like 2026-03-29.")) from None


@require_POST
@needs(Act.CHANGE_ACCOUNT)
def make(request: HttpRequest) -> HttpResponse:
    """Create a feed; its URL is shown once."""
    secret = make_feed(actor=actor_of(request))
    request.session[FRESH] = request.build_absolute_uri(reverse("calendar-feed", args=[secret]))
    sentence = _("Copy the address now: it is shown only once. An earlier one no longer works.")
    messages.success(request, sentence, extra_tags="stays")
    return redirect("calendar")


@require_POST
@needs(Act.CHANGE_ACCOUNT)
def revoke(request: HttpRequest) -> HttpResponse:
    revoke_feed(actor=actor_of(request))
    messages.success(request, _("The address no longer works."))
    return redirect("calendar")


@never_cache
@require_GET
@public("calendar programs cannot sign in; the secret in the address is the key, and its owner's grants decide")
def feed(request: HttpRequest, secret: str) -> HttpResponse:
    owner = feed_owner(secret)
    if owner is None:
        raise Http404
    address = request.build_absolute_uri("/").rstrip("/")
    body = icalendar_of(islice(feed_items(owner, address), MOST_IN_FEED), name="Fairway", now=timezone.now())
    return HttpResponse(body, content_type="text/calendar; charset=utf-8")
