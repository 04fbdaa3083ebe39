"""The reader's time zone: what the browser says, in a cookie that js/time.js keeps."""

from __future__ import annotations

from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.http import HttpRequest

COOKIE = "fairway_zone"


def zone_of(request: HttpRequest) -> ZoneInfo:
    """The zone of who reads this; the installation's where the browser has not said one we know."""
    name = request.COOKIES.get(COOKIE, "")
    return ZoneInfo(name if name in _known() else settings.TIME_ZONE)


@cache
def _known() -> frozenset[str]:
    """Read from the disk once: that takes milliseconds."""
    return frozenset(available_timezones())
