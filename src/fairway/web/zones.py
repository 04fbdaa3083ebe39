"""The reader's time zone, from a cookie that js/time.js sets."""

from __future__ import annotations

from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.http import HttpRequest

COOKIE = "fairway_zone"


def zone_of(request: HttpRequest) -> ZoneInfo:
    """The reader's time zone; the installation's if the cookie is missing or names an unknown zone."""
    name = request.COOKIES.get(COOKIE, "")
    return ZoneInfo(name if name in _known() else settings.TIME_ZONE)


@cache
def zones() -> tuple[str, ...]:
    """The names of all known zones, in order; cached, because looking for them on the disk takes milliseconds."""
    return tuple(sorted(available_timezones()))


@cache
def _known() -> frozenset[str]:
    return frozenset(zones())
