"""Cookies for language and theme. They contain no secret, and scripts may read them."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.http import HttpResponse

THEME = "fairway_theme"
REMEMBERED = timedelta(days=365)


def remember_display(response: HttpResponse, language: str, theme: str) -> HttpResponse:
    """Set both cookies; an empty choice deletes its cookie."""
    for name, value in ((settings.LANGUAGE_COOKIE_NAME, language), (THEME, theme)):
        if value:
            response.set_cookie(name, value, max_age=REMEMBERED, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE)
        else:
            response.delete_cookie(name, samesite="Lax")
    return response
