"""Refuses plain HTTP from other machines where Fairway's own proxy serves its pages by https."""

from __future__ import annotations

import ipaddress
from typing import Any

from fairway.config.forwarded import Application, Scope
from fairway.drivers.proxy.own_pages import NOT_PLAIN

HEALTH = "/api/v1/health"  # load balancers ask it by plain HTTP; it says nothing that others may not read


class HttpsOnly:
    """ASGI middleware. Programs of this machine, the proxy among them, may use plain HTTP: nobody reads that on the way.

    Others who read are redirected to the same page at `url`, and others who write are refused, so that a program that sends
    passwords or tokens in the clear is noticed.
    """

    def __init__(self, application: Application, url: str) -> None:
        self._application, self._url = application, url

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["scheme"] == "https" or scope["path"] == HEALTH or _is_here(scope):
            await self._application(scope, receive, send)
            return
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        reads = scope["method"] in {"GET", "HEAD"}
        body = b"" if reads else NOT_PLAIN.format(url=self._url).encode()
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
        if reads:
            headers.append((b"location", self._url.encode() + scope["raw_path"] + query))
        await send({"type": "http.response.start", "status": 308 if reads else 403, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _is_here(scope: Scope) -> bool:
    """Whether the connection comes from this machine, whomever it asks for."""
    peer = scope["fairway.peer"]
    return peer is None or ipaddress.ip_address(peer[0]).is_loopback
