"""What an instance printed, and what it prints next.

The Engine ends a followed log *silently* when the container stops, restarts or the connection drops, so after each end the
container itself is looked at, and reading goes on after the last line that was seen.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from docker import errors

from fairway.drivers.runtimes.contract import OutputLine
from fairway.drivers.runtimes.docker import readback
from fairway.drivers.runtimes.docker.daemon import Daemon
from fairway.drivers.runtimes.docker.streams import POLL_SECONDS, frames
from fairway.shared.failures import Retry

ENDED = ("exited", "dead")
AWAY_SECONDS = 1.0  # between two looks for an Engine that is away


def read(
    daemon: Daemon, container: str, *, tail: int, follow: bool, check: Callable[[], None], once: bool = False
) -> Iterator[OutputLine]:
    """The last `tail` lines, then with `follow` the new ones until the container (its id) is removed or `check` raises; with
    `once` also until it has ended."""
    query = {"tail": str(max(0, tail))}
    since = ""
    while True:
        try:
            with daemon.asking("read a container's output"):
                for stamp, line in _lines(daemon, container, {**query, "follow": str(follow).lower()}, check):
                    if stamp > since:
                        since = stamp
                        yield line
        except errors.NotFound:
            return
        except Retry:
            if not follow:
                raise
            _pause(check, AWAY_SECONDS)  # a tunnel or an Engine that comes back goes on where it stopped
        if not follow or (status := _next_status(daemon, container, check, once=once)) is None:
            return
        follow = status not in ENDED  # what it printed last is read after its end
        query = {"since": _unix(since)} if since else query


def _lines(
    daemon: Daemon, container: str, query: dict[str, str], check: Callable[[], None]
) -> Iterator[tuple[str, OutputLine]]:
    """(sortable time stamp, line); a line the Engine cut into parts of 16 KiB is put together again."""
    parts: dict[str, bytes] = {}
    query = {"stdout": "true", "stderr": "true", "timestamps": "true", **query}
    with daemon.stream("GET", f"/containers/{container}/logs", query=query) as stream:
        for name, payload in frames(stream.chunks(check)):
            stamp, _, text = payload.partition(b" ")
            begun = parts.pop(name, b"")
            if not text.endswith(b"\n"):
                parts[name] = (begun or stamp + b" ") + text
                continue
            if begun:
                stamp, _, head = begun.partition(b" ")
                text = head + text
            key = stamp.decode("ascii", "replace")
            shown = text.rstrip(b"\r\n").decode("utf-8", "replace")
            yield key, OutputLine(at=readback.moment(key) or datetime.now(UTC), stream=name, text=shown)


def _next_status(daemon: Daemon, container: str, check: Callable[[], None], *, once: bool) -> str | None:
    """Wait while the container is stopped or between two starts, with `once` only for its end; None once it is gone."""
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
    """An RFC 3339 stamp of the Engine as the seconds with nine decimals that `since` takes."""
    whole = readback.moment(stamp)
    fraction = stamp.partition(".")[2].rstrip("Z")[:9].ljust(9, "0")
    return f"{int(whole.timestamp())}.{fraction}" if whole else "0"
