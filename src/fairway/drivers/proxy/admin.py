"""A client of Caddy's admin API on its Unix socket: which process listens, what it runs, how many requests are in flight."""

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
    """How a drain ended: after `seconds`, with `remaining` requests in flight by address (empty: none)."""

    seconds: float
    remaining: Mapping[str, int]


class AdminSocket:
    """A client of the socket at `path`. Every call opens its own connection, so threads may share the client."""

    def __init__(self, path: Path, *, timeout: float = 5.0) -> None:
        self.path = path
        self._timeout = timeout

    def pid(self) -> int | None:
        """The process that listens, as the kernel reports it; None if there is none. Works even if the process hangs."""
        try:
            with _connect(self.path, self._timeout) as connection:
                credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        except OSError:
            return None
        pid: int = _CREDENTIALS.unpack(credentials)[0]
        return pid

    def configuration(self) -> Any:
        """The configuration that Caddy runs, as parsed JSON. Raises `Retry` if Caddy does not answer."""
        return self._ask("GET", "/config/")

    def load(self, configuration: Mapping[str, Any]) -> None:
        """Replace the configuration. Raises `Retry` with Caddy's reason if Caddy refuses it."""
        self._ask("POST", "/load", json.dumps(configuration).encode())

    def in_flight(self) -> dict[str, int]:
        """Requests in flight by replica (``host:port``). WebSockets and streams count until they close.

        Raises `Retry` if Caddy does not answer.
        """
        counts: dict[str, int] = {}
        for upstream in self._ask("GET", "/reverse_proxy/upstreams") or ():
            # Caddy lists an address twice while it is in use, with the same count.
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
    """Connect through a descriptor of the folder, because a data directory's path may exceed the 107 bytes of a socket
    address."""
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


QUIET_SECONDS = 0.25  # a request that read the old route just before the switch is counted only once Caddy connects for it
LOOK_EVERY = 0.05  # seconds between two calls of the admin API


class Draining:
    """Decides which of several replicas may be stopped: those without requests for `quiet` seconds, and those whose limit is
    over.

    `limits` are seconds from now, by address. If the proxy does not answer (it restarts), the replicas count as busy.
    """

    def __init__(
        self, in_flight: Callable[[], Mapping[str, int]], limits: Mapping[str, float], *, quiet: float = QUIET_SECONDS
    ) -> None:
        self._in_flight, self._limits, self._quiet = in_flight, dict(limits), quiet
        self._began = time.monotonic()
        self._quiet_since: dict[str, float] = {}
        self._told: Mapping[str, int] | None = None

    @property
    def remaining(self) -> Mapping[str, int]:
        """Requests in flight by address, as last seen, without addresses that have none."""
        return self._told or {}

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def look(self) -> frozenset[str]:
        """Ask Caddy once. Returns the addresses that still need time (empty: all may be stopped)."""
        self._told = self._counts()
        now = time.monotonic()
        for address in self._limits:
            if address in self._told:
                self._quiet_since.pop(address, None)
            else:
                self._quiet_since.setdefault(address, now)
        return frozenset(address for address in self._limits if not self._may_stop(address, now))

    def _may_stop(self, address: str, now: float) -> bool:
        is_quiet = address in self._quiet_since and now - self._quiet_since[address] >= self._quiet
        return is_quiet or now - self._began >= self._limits[address]

    def _counts(self) -> Mapping[str, int]:
        try:
            counts = self._in_flight()
        except Retry:
            return dict.fromkeys(self._limits, 1) if self._told is None else self._told
        return {address: counts[address] for address in self._limits if counts.get(address, 0) > 0}


def drain(
    in_flight: Callable[[], Mapping[str, int]],
    addresses: Collection[str],
    *,
    limit: float,
    progress: Callable[[Mapping[str, int]], None] | None = None,
    cancelled: threading.Event | None = None,
    quiet: float = QUIET_SECONDS,
    interval: float = LOOK_EVERY,
) -> Drained:
    """Wait until no request is in flight to any of `addresses`, `limit` seconds are over, or `cancelled` is set.

    `progress` is called with every change. See `Draining`.
    """
    pause = cancelled or threading.Event()
    draining = Draining(in_flight, dict.fromkeys(addresses, limit), quiet=quiet)
    reported: Mapping[str, int] | None = None
    while True:
        busy = draining.look()
        if progress and draining.remaining != reported:
            progress(draining.remaining)
        reported = draining.remaining
        if not busy or pause.is_set():
            return Drained(draining.seconds, draining.remaining)
        pause.wait(interval)
