"""Caddy's admin API over its unix socket: who is it, what does it run, how many requests are in flight."""

from __future__ import annotations

import http.client
import json
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairway.shared.failures import Retry

_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid: unix(7), SO_PEERCRED


@dataclass(frozen=True)
class Drained:
    """How a drain ended: after `seconds`, with `remaining` requests per address still running (empty: all done)."""

    seconds: float
    remaining: Mapping[str, int]


class AdminSocket:
    """A client of the socket at `path`. Every call opens its own connection, so threads may share it."""

    def __init__(self, path: Path, *, timeout: float = 5.0) -> None:
        self.path = path
        self._timeout = timeout

    def pid(self) -> int | None:
        """The process that listens, told by the kernel; None when nobody does. Works for a process that hangs, too."""
        try:
            with _connect(self.path, self._timeout) as connection:
                credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        except OSError:
            return None
        pid: int = _CREDENTIALS.unpack(credentials)[0]
        return pid

    def configuration(self) -> Any:
        """What Caddy runs, as parsed JSON. Raises Retry when it does not answer."""
        return self._ask("GET", "/config/")

    def load(self, configuration: Mapping[str, Any]) -> None:
        """Run `configuration` instead. Raises Retry with Caddy's reason when it did not."""
        self._ask("POST", "/load", json.dumps(configuration).encode())

    def in_flight(self) -> dict[str, int]:
        """Requests in flight per replica ``host:port``; websockets and streams count until they close.

        Raises Retry when Caddy does not answer.
        """
        counts: dict[str, int] = {}
        for upstream in self._ask("GET", "/reverse_proxy/upstreams") or ():
            # An address is listed twice while it is in use (as upstream and as host in flight): one count, not two.
            counts[upstream["address"]] = max(upstream["num_requests"], counts.get(upstream["address"], 0))
        return counts

    def _ask(self, method: str, path: str, body: bytes | None = None) -> Any:
        connection = _UnixConnection(self.path, self._timeout)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Retry("The proxy does not answer on its admin socket.", detail=str(error)) from error
        finally:
            connection.close()
        if answer.status != http.HTTPStatus.OK:
            raise Retry("The proxy refused a request on its admin socket.", detail=text.decode(errors="replace")[:2000])
        return json.loads(text) if text.strip() else None


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = _connect(self._path, self.timeout or 5.0)


def _connect(path: Path, timeout: float) -> socket.socket:
    """Through the folder's descriptor: a socket address holds 107 bytes, a data directory may be longer."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout)
        connection.connect(f"/proc/self/fd/{folder}/{path.name}")
    except BaseException:
        connection.close()
        raise
    finally:
        os.close(folder)
    return connection


def drain(
    in_flight: Callable[[], Mapping[str, int]],
    addresses: Collection[str],
    *,
    limit: float,
    progress: Callable[[Mapping[str, int]], None] | None = None,
    cancelled: threading.Event | None = None,
    quiet: float = 0.25,
    interval: float = 0.05,
) -> Drained:
    """Wait until no request is in flight to any of `addresses`, or `limit` seconds are over, or `cancelled` is set.

    The count must stay at 0 for `quiet` seconds: a request that read the old route just before the switch is counted
    only when it is dialled. `progress` hears every change. A proxy that does not answer counts as busy (it restarts).
    """
    pause = cancelled or threading.Event()
    began = time.monotonic()
    quiet_since: float | None = None
    told: Mapping[str, int] | None = None
    while True:
        remaining = _remaining(in_flight, addresses, told)
        now = time.monotonic()
        if progress and remaining != told:
            progress(remaining)
        told = remaining
        quiet_since = None if remaining else quiet_since or now
        if (quiet_since is not None and now - quiet_since >= quiet) or now - began >= limit or pause.is_set():
            return Drained(now - began, remaining)
        pause.wait(interval)


def _remaining(
    in_flight: Callable[[], Mapping[str, int]], addresses: Collection[str], told: Mapping[str, int] | None
) -> Mapping[str, int]:
    try:
        counts = in_flight()
    except Retry:
        return told or dict.fromkeys(addresses, 1)
    return {address: counts[address] for address in addresses if counts.get(address, 0) > 0}
