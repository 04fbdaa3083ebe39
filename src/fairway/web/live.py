"""Server-sent events for thousands of open pages with one tail, without a thread or database connection per page.

The views of these URLs are ordinary: they check permissions, answer in a few milliseconds and release the request's
thread and connection. They answer with a *ticket* (`admit`), which this ASGI layer around Django turns into the stream. A
stream is a set of topics (or one log) and a bounded box of messages; a newly rendered fragment replaces the one that
still waits in the box, so a slow reader costs no memory and never falls behind.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import secrets
import signal
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any, Protocol

from django.conf import settings
from django.http import HttpResponse

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

TICKET = "X-Fairway-Stream"
HEARTBEAT = 15.0  # seconds; proxies close connections that are silent for a minute
RETRY = 2000  # milliseconds that a browser waits before it reconnects
MOST_TICKETS = 5000
KEPT = ("set-cookie", "vary", "content-security-policy", "x-content-type-options", "referrer-policy", "permissions-policy",
        "strict-transport-security")  # fmt: skip


class Source(Protocol):
    """The source of a stream. `next` waits for bytes to send; None ends the stream."""

    async def open(self) -> None:
        """Called once in the event loop, before the first `next`."""

    async def next(self) -> bytes | None: ...

    def close(self) -> None:
        """Release all resources. Called once, whatever happened."""


def message(event: str, data: object, number: int | None = None) -> bytes:
    """One server-sent event, with the number that a browser sends when it reconnects."""
    return text_message(event, data, "" if number is None else str(number))


def text_message(event: str, data: object, identity: str = "") -> bytes:
    """One server-sent event. Source: WHATWG HTML, "Server-sent events"; JSON contains no line breaks."""
    head = f"id: {identity}\n" if identity else ""
    return f"{head}event: {event}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


_tickets: dict[str, Source] = {}
_tickets_lock = threading.Lock()


def admit(source: Source) -> HttpResponse:
    """The response of a view that becomes a stream. Without the ASGI layer (WSGI, the test client) it is empty."""
    ticket = secrets.token_urlsafe(16)
    with _tickets_lock:
        _tickets[ticket] = source
        while len(_tickets) > MOST_TICKETS:  # left by viewers who disconnected before their stream began
            del _tickets[next(iter(_tickets))]
    response = HttpResponse(content_type="text/event-stream")
    response.headers[TICKET] = ticket
    return response


def redeem(ticket: str) -> Source | None:
    with _tickets_lock:
        return _tickets.pop(ticket, None)


class Streams:
    """The ASGI layer. It ends every stream when the process is asked to stop, so that a graceful stop waits for no
    viewer."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._open: set[asyncio.Task[None]] = set()
        self._held: Counter[str] = Counter()  # open streams by whoever holds them
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_ending = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await self._application(scope, receive, send)

    @property
    def is_ending(self) -> bool:
        """Whether the process was asked to stop."""
        return self._is_ending

    def end_all(self) -> None:
        """End every stream now. May be called from any thread or signal handler."""
        self._is_ending = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._end_here)

    def _end_here(self) -> None:
        for pump in self._open:
            pump.cancel()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            kind = (await receive())["type"]
            if kind == "lifespan.startup":
                self._loop = asyncio.get_running_loop()
                self._end_on_signals()
                await send({"type": "lifespan.startup.complete"})
            elif kind == "lifespan.shutdown":
                self._end_here()
                await send({"type": "lifespan.shutdown.complete"})
                return

    def _end_on_signals(self) -> None:
        """End streams on signals: on SIGTERM, servers wait for open requests, and streams would never end."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            before = signal.getsignal(number)
            if callable(before):
                signal.signal(number, self._handler(before))

    def _handler(self, before: Callable[[int, Any], Any]) -> Callable[[int, Any], None]:
        def end_then(number: int, frame: Any) -> None:
            self.end_all()
            before(number, frame)

        return end_then

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        held: list[Message] = []

        async def look(sent: Message) -> None:
            """Hold back a response with a ticket; pass everything else on."""
            if held or (sent["type"] == "http.response.start" and _header(sent, TICKET)):
                held.append(sent)
            else:
                await send(sent)

        try:
            await self._application(scope, receive, look)
        finally:
            source = redeem(_header(held[0], TICKET)) if held else None
        if source is not None:
            await self._held_stream(source, scope, _kept(held[0]), receive, send)

    async def _held_stream(
        self, source: Source, scope: Scope, headers: list[tuple[bytes, bytes]], receive: Receive, send: Send
    ) -> None:
        """Run the stream, unless the viewer has as many open streams as allowed."""
        holder = _holder(source, scope)
        if self._held[holder] >= settings.STREAMS_PER_PERSON:
            source.close()
            await _refuse_stream(send)
            return
        self._held[holder] += 1
        try:
            await self._stream(source, headers, receive, send)
        finally:
            self._held[holder] -= 1
            self._held += Counter()  # removes entries that are zero

    async def _stream(self, source: Source, headers: list[tuple[bytes, bytes]], receive: Receive, send: Send) -> None:
        self._loop = asyncio.get_running_loop()
        pump = asyncio.create_task(_pump(source, send))
        helpers = [asyncio.create_task(_disconnected(receive, pump)), asyncio.create_task(_beat(send))]
        self._open.add(pump)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": f"retry: {RETRY}\n\n".encode(), "more_body": True})
            if self._is_ending:
                pump.cancel()
            await asyncio.wait({pump})
            if not pump.cancelled():
                pump.result()
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except OSError:
            log.debug("a viewer left while being written to")
        finally:
            self._open.discard(pump)
            source.close()
            for task in (pump, *helpers):
                task.cancel()
            await asyncio.gather(pump, *helpers, return_exceptions=True)


def _holder(source: Source, scope: Scope) -> str:
    """Who a stream counts for: the person, however they signed in; else their session or address."""
    viewer = getattr(source, "viewer", None)
    if viewer is not None:
        return f"person {viewer.actor.id}"
    secret = b"\0".join(value for name, value in scope.get("headers", ()) if name in (b"authorization", b"cookie"))
    return hashlib.sha256(secret).hexdigest()


async def _refuse_stream(send: Send) -> None:
    most = settings.STREAMS_PER_PERSON
    words = f"You have {most} live pages and logs open, the most that one person may have. Close some.\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(words))]
    await send({"type": "http.response.start", "status": 429, "headers": headers})
    await send({"type": "http.response.body", "body": words})


async def _pump(source: Source, send: Send) -> None:
    """Send messages until the source ends. It is cancelled when the viewer disconnects or the process stops. A message
    costs one wake-up and no task, because there may be a thousand viewers."""
    await source.open()
    while (body := await source.next()) is not None:
        await send({"type": "http.response.body", "body": body, "more_body": True})


async def _beat(send: Send) -> None:
    while True:
        await asyncio.sleep(HEARTBEAT)
        await send({"type": "http.response.body", "body": b": beat\n\n", "more_body": True})


async def _disconnected(receive: Receive, pump: asyncio.Task[None]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    pump.cancel()


def _header(sent: Message, name: str) -> str:
    wanted = name.lower().encode()
    return next((value.decode("latin-1") for key, value in sent.get("headers", ()) if key.lower() == wanted), "")


def _kept(start: Message) -> list[tuple[bytes, bytes]]:
    kept = [(key, value) for key, value in start["headers"] if key.decode("latin-1").lower() in KEPT]
    return [
        *kept,
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),  # otherwise nginx would buffer the events
    ]


def log_message(lines: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Log lines for scripts: times in ISO 8601."""
    return [{**line, "at": datetime.fromtimestamp(line["at"], UTC).isoformat(timespec="milliseconds")} for line in lines]
