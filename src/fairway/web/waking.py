"""Holds requests for sleeping applications until they are up.

The proxy asks ``/.fairway/wake`` before each such request and waits for the answer. A thousand of them cost a thousand idle
connections: those of one host share one task, which asks for the application to be woken and then looks at its route.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections.abc import Callable

from django.db import close_old_connections, connections

from fairway.deployments.commands.sleeping import wake_for_visitor
from fairway.drivers.proxy.configuration import WAKE_PATH
from fairway.drivers.proxy.contract import ASLEEP, RouteKind
from fairway.drivers.proxy.token import PROXY_HEADER
from fairway.insights.hosts import placement_at
from fairway.shared.hostnames import hostname_in
from fairway.shared.names import Invalid
from fairway.web.live import Application, Receive, Scope, Send
from fairway.workflows.outside import probe_token, proxy

log = logging.getLogger(__name__)

LOOK_EVERY = 0.02  # seconds between two looks at the route of one host
ASK_EVERY = 5.0  # seconds after which it is asked for again, e.g. because the database was away
LONGEST = 300.0  # seconds; no browser waits longer
_HELD = ASLEEP | {RouteKind.STARTING}


class Waking:
    """The ASGI layer that answers the proxy; every other request goes to `application`. Once `is_ending`, those who wait are
    sent away (503), and the proxy asks the next process."""

    def __init__(self, application: Application, is_ending: Callable[[], bool]) -> None:
        self._application, self._is_ending = application, is_ending
        self._waking: dict[str, asyncio.Task[bool]] = {}  # by host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != WAKE_PATH:
            await self._application(scope, receive, send)
            return
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        token = headers.get(PROXY_HEADER.lower().encode(), "")
        if not hmac.compare_digest(token.encode(), probe_token().encode()):
            status = 404  # a visitor's own question
        else:
            host = hostname_in(headers.get(b"x-forwarded-host", ""))
            status = 204 if host and await self._woken(host) else 503
        length = [] if status == 204 else [(b"content-length", b"0")]
        await send({"type": "http.response.start", "status": status, "headers": length})
        await send({"type": "http.response.body", "body": b""})

    async def _woken(self, host: str) -> bool:
        """Whether the application at `host` serves, or never will; False if that is not known in time."""
        task = self._waking.get(host)
        if task is None:
            task = self._waking[host] = asyncio.create_task(self._wait(host))
            task.add_done_callback(lambda _: self._waking.pop(host, None))
        return await asyncio.shield(task)

    async def _wait(self, host: str) -> bool:
        ends_at, ask_at = time.monotonic() + LONGEST, 0.0
        while not self._is_ending() and (now := time.monotonic()) < ends_at:
            try:
                route = proxy().route(host)
            except Invalid:
                return False
            if route is None or route.kind not in _HELD:
                return True
            if now >= ask_at:
                ask_at = now + ASK_EVERY
                await asyncio.to_thread(_wake, host)
            else:
                await asyncio.sleep(LOOK_EVERY)
        return False


def _wake(host: str) -> None:
    close_old_connections()
    try:
        if (placement := placement_at(host)) is not None:
            wake_for_visitor(placement=placement)
    except Exception:  # logged; it is asked again while somebody waits
        log.exception("%s could not be woken", host)
    finally:
        connections.close_all()
