"""Fairway's own pages, API and webhooks behind the proxy, at the host of Fairway's public address. Pure: no I/O.

The web process believes what the proxy says about a visitor (address, scheme), because a secret, `pages_token`, goes with
every request (`config.forwarded`). It is not the secret that `/.fairway/access` and `/.fairway/wake` ask for: visitors come
through this route, and must not be taken for the proxy itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from fairway.drivers.proxy.handlers import Json, not_counted, page_answer, subroute, without_spoofed
from fairway.drivers.proxy.token import PAGES_HEADER, pages_token

PATIENCE = "10s"  # how long a request waits for the web process, which is away for a moment during an upgrade
NOT_PLAIN = "Fairway answers at {url} only, because what is sent over plain HTTP can be read on the way.\n"


@dataclass(frozen=True)
class OwnPages:
    """The public address of Fairway's pages, such as ``https://fairway.example.com``, without a path or slash after it, and
    its host name in canonical form."""

    url: str
    host: str

    @property
    def is_https(self) -> bool:
        return self.url.startswith("https://")


def own_pages(own: OwnPages, web: str, token: str, *, redirect: bool) -> list[Json]:
    """The routes that answer at Fairway's own host. With `redirect`, this is the plain port beside one with TLS: if the
    public address has https, who reads is redirected there, and who writes is refused."""
    handle = _refused_plain(own) if redirect and own.is_https else [*_asked(web, token)]
    away = {"match": [{"vars": {"{http.error.status_code}": ["502", "503", "504"]}}], "handle": [page_answer("away")]}
    routes = {**subroute([{"handle": [not_counted(), *handle]}]), "errors": {"routes": [away]}}
    return [{"match": [{"host": [own.host]}], "handle": [routes], "terminal": True}]


def _asked(web: str, token: str) -> list[Json]:
    given = {PAGES_HEADER: [pages_token(token)], "X-Forwarded-For": ["{http.vars.client_ip}"]}
    return [
        without_spoofed(),
        {
            "handler": "reverse_proxy",
            "upstreams": [{"dial": web}],
            "headers": {"request": {"set": given, "delete": ["Forwarded"]}},
            "load_balancing": {"try_duration": PATIENCE, "try_interval": "250ms"},
        },
    ]


def _refused_plain(own: OwnPages) -> list[Json]:
    there = {"Location": [own.url + "{http.request.uri}"]}
    refusal = {"Content-Type": ["text/plain; charset=utf-8"]}
    pages = {"handler": "static_response", "status_code": 308, "headers": there}
    return [
        subroute(
            [
                {"match": [{"method": ["GET", "HEAD"]}], "handle": [pages], "terminal": True},
                {
                    "handle": [
                        {
                            "handler": "static_response",
                            "status_code": 403,
                            "headers": refusal,
                            "body": NOT_PLAIN.format(url=own.url),
                        }
                    ]
                },
            ]
        )
    ]
