"""Watches Docker hosts over SSH: reads their keys, keeps the tunnels up, and records whether they can be used.

Each host has a thread, so that one that does not answer does not delay the others. Tunnels outlive the worker, so that what
runs on the hosts stays reachable while the control plane is replaced.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import close_old_connections, connections
from django.utils import timezone

from fairway.drivers.hosts.address import SshAddress
from fairway.drivers.hosts.keys import scan
from fairway.drivers.hosts.reasons import Reason, Unreached
from fairway.drivers.hosts.tunnel import Tunnel
from fairway.environments import hosts
from fairway.environments.host_rules import SEEN_EVERY
from fairway.environments.models import Host
from fairway.environments.queries import hosts_in_use
from fairway.shared.failures import Failure
from fairway.worker.leadership import Leadership

if TYPE_CHECKING:
    from fairway.drivers.runtimes.docker.runtime import DockerRuntime

log = logging.getLogger(__name__)

EVERY = 1.0  # seconds between two checks of a healthy host
LOOK_FOR_HOSTS_EVERY = 2.0
LONGEST_PAUSE = 10.0  # seconds between two attempts to connect to a host that is not healthy
SCAN_EVERY = 10.0  # seconds between two scans for the key of a host that nobody has confirmed


class HostKeeper:
    """Watches all hosts that environments use; of several workers, only the leader does."""

    def __init__(self) -> None:
        self._watchers: dict[str, _Watcher] = {}

    def run(self, stop: threading.Event) -> None:
        """Watch the hosts until `stop` is set."""
        leadership = Leadership(settings.DATA.folder("run") / "hosts.lock")
        try:
            while not stop.is_set():
                close_old_connections()
                if leadership.is_leader():
                    self._follow({host.address for host in hosts_in_use()}, stop)
                stop.wait(LOOK_FOR_HOSTS_EVERY)
        finally:
            for watcher in self._watchers.values():
                watcher.thread.join(timeout=5)
            leadership.close()

    def _follow(self, addresses: set[str], stop: threading.Event) -> None:
        for address in self._watchers.keys() - addresses:
            self._watchers.pop(address).is_over.set()
        for address in sorted(addresses):
            if address not in self._watchers or not self._watchers[address].thread.is_alive():
                self._watchers[address] = _Watcher(address, stop)


class _Watcher:
    """Watches one host in a thread of its own; when no environment uses the host any more, it closes the tunnel."""

    def __init__(self, address: str, stop: threading.Event) -> None:
        self.address, self._stop, self.is_over = address, stop, threading.Event()
        self._tunnel = Tunnel(SshAddress.parse(address), settings.DATA.folder())
        self._runtime: DockerRuntime | None = None
        self._pause, self._scan_at, self._written_at = EVERY, 0.0, 0.0
        self.thread = threading.Thread(target=self._run, name=f"host {address}", daemon=True)
        self.thread.start()

    def _is_wanted(self) -> bool:
        return not (self._stop.is_set() or self.is_over.is_set())

    def _run(self) -> None:
        try:
            while self._is_wanted():
                close_old_connections()
                self._look()
                self._rest()
            if self.is_over.is_set():
                self._tunnel.close()
        except Exception:
            log.exception("%s could not be watched; it begins again", self.address)
        finally:
            if self._runtime is not None:
                self._runtime.close()
            connections.close_all()

    def _rest(self) -> None:
        """Sleep until the next check; a check that a person requested ends a long pause."""
        until = time.monotonic() + self._pause
        while self._is_wanted() and time.monotonic() < until:
            self._stop.wait(min(EVERY, self._pause))
            if self._pause > EVERY and Host.objects.filter(address=self.address).exclude(look_wanted_at=None).exists():
                return

    def _look(self) -> None:
        host = Host.objects.filter(address=self.address).first()
        if host is None:
            return
        try:
            host = self._with_its_key(host)
            if host.host_key and host.offered_key in ("", host.host_key):
                self._connect(host)
            elif host.host_key:
                self._tunnel.close()
                raise Unreached(Reason.UNTRUSTED)
            self._pause = EVERY
        except Unreached as away:
            self._record(host, is_connected=False, reason=away.reason, detail=away.detail)
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
        finally:
            if host.look_wanted_at is not None:
                hosts.finish_check(host=host)

    def _with_its_key(self, host: Host) -> Host:
        """Read the host's key if none is confirmed, it changed, or a person requested a check."""
        is_settled = host.host_key and host.offered_key == host.host_key
        if host.look_wanted_at is None and (is_settled or time.monotonic() < self._scan_at):
            return host
        self._scan_at = time.monotonic() + SCAN_EVERY
        hosts.record_offered_key(host=host, key=scan(SshAddress.parse(host.address), host.host_key))
        looked_for = host.look_wanted_at
        host.refresh_from_db()
        host.look_wanted_at = looked_for
        return host

    def _connect(self, host: Host) -> None:
        try:
            version = self._ask_through_tunnel(host)
        except Failure:  # the tunnel may have broken just now; a new one decides whether the Engine answers
            try:
                version = self._ask_through_tunnel(host)
            except Failure as failure:
                reason = Reason.OTHER if self._tunnel.pid() is None else Reason.NO_ENGINE
                raise Unreached(reason, failure.detail) from failure
        self._record(host, is_connected=True, version=version)

    def _ask_through_tunnel(self, host: Host) -> str:
        try:
            was_started = self._tunnel.ensure_up(hosts.access_to(host), self._is_wanted)
        except Unreached as away:
            if away.reason is Reason.UNTRUSTED:
                hosts.record_offered_key(host=host, key=scan(SshAddress.parse(host.address), host.host_key))
            raise
        if was_started:
            log.info("Connected to %s", self.address)
        return self._ask_engine(host, was_started)

    def _ask_engine(self, host: Host, was_started: bool) -> str:
        """The Engine's version. Reopens the ways to running instances before the host counts as connected."""
        from fairway.drivers.runtimes.docker.runtime import DockerRuntime  # loads the Docker SDK: 6 MB that few workers need

        if self._runtime is None:
            self._runtime = DockerRuntime.open({"host": self.address}, data=settings.DATA.folder())
        self._runtime.keep_reachable()
        if host.is_connected and host.version and not was_started:
            return host.version
        return self._runtime.availability().version

    def _record(self, host: Host, *, is_connected: bool, reason: str = "", detail: str = "", version: str = "") -> None:
        """Record a changed result at once, and an unchanged one every `SEEN_EVERY`."""
        is_fresh = host.seen_at is not None and timezone.now() - host.seen_at < SEEN_EVERY
        known = (host.is_connected, host.reason, host.version if is_connected else "")
        if is_fresh and known == (is_connected, reason, version):
            return
        if not is_connected and host.is_connected:
            log.warning("%s is away: %s %s", self.address, reason, detail)
        hosts.record_check(host=host, is_connected=is_connected, reason=reason, detail=detail, version=version)
