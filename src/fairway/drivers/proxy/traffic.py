"""Reads the requests that Caddy answered for applications, from the log that it writes (`traffic.log` in its folder).

One line about each request has its host, the replica that answered, the status, the bytes of the body, and when it ended;
nothing about the visitor, the path or any header. The log is a few files that Caddy rotates and deletes by itself. It is
written whether or not anything reads it, so a worker that starts can count what was answered while none ran. Of an answer
that breaks off in the middle (the visitor left, or the replica died) Caddy names neither host nor replica: it is left out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fairway.drivers.proxy.logs import TRAFFIC_LOG


@dataclass(frozen=True, slots=True)
class Request:
    """One request that ended at `at` (Unix time). `upstream` is the ``host:port`` that answered; "" if none did and the
    proxy answered by itself. `seconds` is how long it took until that replica's headers came, None without one; what
    follows (a large body, a stream, a WebSocket) is not part of it. `sent` counts the bytes of the body."""

    at: float
    host: str
    upstream: str
    status: int
    seconds: float | None
    sent: int


class TrafficLog:
    """The log in Caddy's `folder`. Each request is read once; a new `TrafficLog` begins with the oldest that there is."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / TRAFFIC_LOG
        self._inode, self._offset = 0, 0  # of the file that Caddy wrote to at the last call, and how far it was read
        self._done: set[str] = set()  # names of rotated files that were read to their end

    def read(self) -> Iterator[Request]:
        """The requests that were logged since the last call, oldest first. Lines that make no sense are left out.

        Raises nothing if there is no log. A file that Caddy rotated and deleted between two calls is lost.
        """
        rotated = sorted(self._path.parent.glob(f"{self._path.stem}-*{self._path.suffix}"))  # named by their time
        self._done.intersection_update(file.name for file in rotated)
        for path in rotated:
            if path.name not in self._done:
                yield from self._read(path)
                self._done.add(path.name)
        yield from self._read(self._path)

    def _read(self, path: Path) -> Iterator[Request]:
        try:
            file = open(path, "rb")  # noqa: SIM115 (closed below)
        except FileNotFoundError:  # before the first request, or rotated at this moment
            return
        with file:
            found = os.fstat(file.fileno())
            if found.st_ino != self._inode or found.st_size < self._offset:
                self._inode, self._offset = found.st_ino, 0
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):  # Caddy is writing it
                    return
                self._offset += len(line)
                if (request := parse_line(line)) is not None:
                    yield request


def parse_line(line: bytes) -> Request | None:
    """One line of the log; None if it is not about a request to an application."""
    try:
        found = json.loads(line)
        milliseconds = found.get("answered_ms")
        return Request(
            at=float(found["ts"]),
            host=str(found["host"]),
            upstream=str(found.get("upstream") or ""),
            status=int(found["status"]),
            seconds=None if milliseconds is None else float(milliseconds) / 1000,
            sent=int(found["size"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return None
