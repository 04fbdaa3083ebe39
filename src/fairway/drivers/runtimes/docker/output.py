"""Reads the output of an instance, and follows it.

The Engine ends a followed log *silently* when the container stops or restarts, or the connection drops. So after each end
the container itself is inspected, and reading continues after the last line that was read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from docker import errors

from fairway.drivers.runtimes.contract import OutputLine
from fairway.drivers.runtimes.docker import readback
from fairway.drivers.runtimes.docker.daemon import Daemon
from fairway.drivers.runtimes.docker.streams import POLL_SECONDS, frames
from fairway.shared.failures import Retry
from fairway.shared.lines import whole_characters

LONGEST_LINE = 65536  # bytes; a longer line is returned in parts
ENDED = ("exited", "dead")
AWAY_SECONDS = 1.0  # between two attempts to reach an Engine that does not answer


def read(
    daemon: Daemon, container: str, *, tail: int, follow: bool, check: Callable[[], None], once: bool = False
) -> Iterator[OutputLine]:
    """The last `tail` lines, then with `follow` new ones until the container (given by id) is removed or `check` raises;
    with `once` also until it has ended."""
    query = {"tail": str(max(0, tail))}
    since = ""
    while True:
        seen = since  # every line of this connection is new, although the streams' time stamps may overlap
        try:
            with daemon.asking("read a container's output"):
                for stamp, line in _lines(daemon, container, {**query, "follow": str(follow).lower()}, check):
                    if stamp > seen:
                        since = max(since, stamp)
                        yield line
        except errors.NotFound:
            return
        except Retry:
            if not follow:
                raise
            _pause(check, AWAY_SECONDS)  # once the tunnel or the Engine is back, reading continues
        if not follow or (status := _next_status(daemon, container, check, once=once)) is None:
            return
        follow = status not in ENDED  # after its end, the rest of its output is read without following
        query = {"since": _unix(since)} if since else query


def _lines(
    daemon: Daemon, container: str, query: dict[str, str], check: Callable[[], None]
) -> Iterator[tuple[str, OutputLine]]:
    """The lines as (sortable time stamp, line). Lines that the Engine split into parts of 16 KiB are joined."""
    query = {"stdout": "true", "stderr": "true", "timestamps": "true", **query}
    with daemon.stream("GET", f"/containers/{container}/logs", query=query) as stream:
        yield from lines_of(frames(stream.chunks(check)))


def lines_of(payloads: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, OutputLine]]:
    """The lines as (sortable time stamp, line), from the (stream, payload) frames of a log.

    A payload without a newline is a part of a line. All parts of one line have the same time stamp; if it changes, the
    program ended in the middle of the line before. A line without an end is returned in parts of `LONGEST_LINE` bytes.
    """
    begun: dict[str, tuple[bytes, bytes]] = {}  # stream → time stamp, the parts of the line so far
    for name, payload in payloads:
        stamp, _, text = payload.partition(b" ")
        before = begun.pop(name, None)
        if before and before[0] != stamp:
            yield _line(name, *before)
            before = None
        text = (before[1] if before else b"") + text
        if text.endswith(b"\n"):
            yield _line(name, stamp, text.rstrip(b"\r\n"))
        elif len(text) > LONGEST_LINE:
            whole = whole_characters(text)
            yield _line(name, stamp, text[:whole], goes_on=True)
            begun[name] = stamp, text[whole:]
        else:
            begun[name] = stamp, text
    for name, (stamp, text) in begun.items():
        if text:
            yield _line(name, stamp, text)


def _line(name: str, stamp: bytes, text: bytes, *, goes_on: bool = False) -> tuple[str, OutputLine]:
    key = stamp.decode("ascii", "replace")
    moment = readback.moment(key) or datetime.now(UTC)
    return key, OutputLine(at=moment, stream=name, text=text.decode("utf-8", "replace"), goes_on=goes_on)


def _next_status(daemon: Daemon, container: str, check: Callable[[], None], *, once: bool) -> str | None:
    """Wait until the container runs (with `once`: or has ended) and return its status; None once it is gone."""
    while True:
        check()
        try:
            with daemon.asking("look at a container") as api:
                status = str(api.inspect_container(container)["State"]["Status"])
            if status == "running" or (once and status in ENDED):
                return status
        except errors.NotFound:
            return None
        except Retry:
            _pause(check, AWAY_SECONDS)
        _pause(check, POLL_SECONDS)


def _pause(check: Callable[[], None], seconds: float) -> None:
    check()
    threading.Event().wait(seconds)


def _unix(stamp: str) -> str:
    """The Engine's RFC 3339 time stamp as seconds with nine decimals, the form that `since` takes."""
    whole = readback.moment(stamp)
    fraction = stamp.partition(".")[2].rstrip("Z")[:9].ljust(9, "0")
    return f"{int(whole.timestamp())}.{fraction}" if whole else "0"
