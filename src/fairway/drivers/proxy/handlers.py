"""Parts of Caddy's configuration that several of its routes are made of. Pure: no I/O."""

from __future__ import annotations

from typing import Any

from fairway.drivers.proxy import pages

Json = dict[str, Any]

PAGE_HEADER = "X-Fairway-Page"  # the proxy itself answered, with this page
# Headers that a visitor may not send. CGI and WSGI servers treat “_” in a name like “-”.
SPOOFED = ("X-Fairway*", "X_Fairway*")


def subroute(routes: list[Json]) -> Json:
    return {"handler": "subroute", "routes": routes}


def matches(placeholder: str, pattern: str) -> Json:
    return {"vars_regexp": {placeholder: {"pattern": pattern}}}


def not_counted() -> Json:
    """Write no line about this request."""
    return {"handler": "vars", "log_skip": True}


def without_spoofed() -> Json:
    """Delete the headers that only Fairway may set."""
    return {"handler": "headers", "request": {"delete": list(SPOOFED)}}


def page_answer(name: str) -> Json:
    """One of our pages, in French if the browser prefers French to English."""
    french: Json = {"match": [{"header_regexp": {"Accept-Language": {"pattern": pages.PREFERS_FRENCH}}}]}
    return subroute(
        [
            {**french, "handle": [_page(name, "fr")], "terminal": True},
            {"handle": [_page(name, "en")]},
        ]
    )


def _page(name: str, language: str) -> Json:
    page = pages.page(name, language)
    return {
        "handler": "static_response",
        "status_code": page.status,
        "headers": {**{key: [value] for key, value in page.headers.items()}, PAGE_HEADER: [name]},
        "body": page.body.replace("{", "\\{"),  # otherwise Caddy would look for placeholders
    }
