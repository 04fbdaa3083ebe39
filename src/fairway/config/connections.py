"""Closes connections to the web process that are too slow; see `pace`. A thin layer over uvicorn's HTTP protocol."""

from __future__ import annotations

import asyncio
import fcntl
import itertools
import struct
import termios
from typing import Any

import h11
from django.conf import settings
from uvicorn.protocols.http.h11_impl import H11Protocol

from fairway.config.pace import Pace, PaceLimits, State, TooSlow, beyond, judged

LOOK_EVERY = 5.0  # seconds between two checks of all connections, while there are any
STATUS = {
    TooSlow.HEAD: b"408 Request Timeout",
    TooSlow.BODY: b"408 Request Timeout",
    TooSlow.UNFINISHED: b"429 Too Many Requests",
}
_numbers = itertools.count()


def limits() -> PaceLimits:
    """The limits from the settings."""
    window = float(settings.SLOW_SECONDS)
    return PaceLimits(settings.HEADER_SECONDS, window, int(window * settings.SLOW_BYTES), settings.UNFINISHED_REQUESTS)


class PacedProtocol(H11Protocol):
    """The connection of one client, which is closed if it is too slow."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.number = next(_numbers)
        self.received = self.pauses = 0
        self.has_begun = False  # part of a header has arrived
        self.pace = Pace(State.HEAD, self.loop.time())
        Sweeper.of(self.server_state, self.loop).watch()

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        self.has_begun = True
        super().data_received(data)

    def on_response_complete(self) -> None:
        self.has_begun = bool(self.conn.trailing_data[0])
        super().on_response_complete()

    def resume_writing(self) -> None:
        self.pauses += 1  # the client has read
        super().resume_writing()

    @property
    def address(self) -> str:
        """The visitor's address as soon as a trusted proxy has named it (`forwarded`), else the one at the other end."""
        client = (self.scope or {}).get("client") if self.state() == State.BODY else self.client
        return client[0] if client else ""

    @property
    def is_unfinished(self) -> bool:
        return self.state() in {State.HEAD, State.BODY}

    def state(self) -> State:
        """What the connection waits for now."""
        is_between = self.cycle is None or self.cycle.response_complete
        is_held_up = self.transport.is_closing() or is_between or self.flow.write_paused
        if is_held_up and self.transport.get_write_buffer_size():
            return State.READER
        if self.transport.is_closing():
            return State.ELSE
        if is_between:
            return State.HEAD if self.cycle is None or self.has_begun else State.ELSE
        return State.BODY if self.cycle.more_body and not self.flow.read_paused else State.ELSE

    def moved(self, state: State) -> int:
        """The progress in bytes. While the client has to read, it rises as the buffers here and in the kernel empty, and by
        a large step whenever uvicorn may write again; else it is the number of bytes received."""
        if state == State.READER:
            return self.pauses * 2**30 - self.transport.get_write_buffer_size() - self._left_in_kernel()
        return self.received

    def _left_in_kernel(self) -> int:
        connection = self.transport.get_extra_info("socket")
        try:
            return int(struct.unpack("i", fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, b"\0" * 4))[0])
        except OSError:
            return 0

    def end(self, why: TooSlow, limits: PaceLimits) -> None:
        """Send the reason if a response is still possible, and close the connection."""
        is_silent = why == TooSlow.READER or (self.cycle is None and not self.received)
        has_answered = self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        if is_silent or has_answered or self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            self.transport.abort()
            return
        body = f"{why.sentence(limits)}\n".encode()
        head = b"content-type: text/plain; charset=utf-8\r\nconnection: close\r\ncontent-length: %d" % len(body)
        self.transport.write(b"HTTP/1.1 %s\r\n%s\r\n\r\n%s" % (STATUS[why], head, body))
        if self.cycle is not None:
            self.cycle.disconnected = True  # tells the view that the client is gone
            self.cycle.message_event.set()
        self.transport.close()


class Sweeper:
    """Checks every connection of one server regularly, while there is any."""

    def __init__(self, connections: set[Any], loop: asyncio.AbstractEventLoop) -> None:
        self._connections, self._loop = connections, loop
        self._limits = limits()
        self._every = min(LOOK_EVERY, self._limits.head_seconds / 4, self._limits.window_seconds / 4)
        self._timer: asyncio.TimerHandle | None = None
        self._looked_at = 0.0

    @classmethod
    def of(cls, server_state: Any, loop: asyncio.AbstractEventLoop) -> Sweeper:
        sweeper = getattr(server_state, "fairway_sweeper", None)
        if sweeper is None:
            sweeper = server_state.fairway_sweeper = cls(server_state.connections, loop)
        return sweeper

    def watch(self) -> None:
        """Check regularly from now on, because there is a new connection. If there are very many, check them at once, but at
        most five times in each interval."""
        if self._timer is None:
            self._timer = self._loop.call_later(self._every, self._tick)
        elif len(self._connections) > 4 * self._limits.unfinished and self._loop.time() > self._looked_at + self._every / 5:
            self.look()

    def _tick(self) -> None:
        self.look()
        self._timer = self._loop.call_later(self._every, self._tick) if self._connections else None

    def look(self) -> None:
        now = self._looked_at = self._loop.time()
        paced = sorted(
            (connection for connection in self._connections if isinstance(connection, PacedProtocol)),
            key=lambda connection: connection.number,
        )
        for connection in paced:
            state = connection.state()
            if why := judged(connection.pace, state, now, connection.moved(state), self._limits):
                connection.end(why, self._limits)
        unfinished = [connection for connection in paced if connection.is_unfinished]
        for index in beyond((connection.address for connection in unfinished), self._limits.unfinished):
            unfinished[index].end(TooSlow.UNFINISHED, self._limits)
