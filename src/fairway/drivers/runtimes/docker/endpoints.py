"""How an Engine and its instances are reached: on this machine, or on another one through a tunnel.

Instances are published on the loopback address of the Engine's machine. Through a tunnel, the same port is reached here on a
loopback address that only that host has (`fairway.drivers.hosts.address.loopback_of`). Every address that leaves the runtime
is that one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from functools import cached_property
from pathlib import Path
from typing import Final, Protocol

from fairway.drivers.hosts.address import SshAddress, is_ssh, loopback_of
from fairway.drivers.hosts.reasons import Unreached
from fairway.drivers.hosts.tunnel import Tunnel
from fairway.drivers.runtimes.docker.identity import installation_id
from fairway.shared.failures import Away

LOOPBACK: Final = "127.0.0.1"


class Endpoint(Protocol):
    """The way to one Engine. `name` is the Engine's address as people wrote it."""

    name: str

    @property
    def url(self) -> str:
        """The local socket that leads to the Engine."""

    def here(self, address: str) -> str:
        """The address at which the proxy here reaches an instance whose address on its machine is `address`; "" stays ""."""

    def ensure_open(self, address: str) -> None:
        """Make the address reachable. Raises `Away`."""

    def keep(self, ports: Collection[int], unused_for: float) -> None:
        """Keep these ports open, and close those that were not among them for `unused_for` seconds. Raises `Away`."""


class Direct:
    """An Engine of this machine."""

    def __init__(self, host: str) -> None:
        self.name = self.url = host

    def here(self, address: str) -> str:
        return address

    def ensure_open(self, address: str) -> None: ...

    def keep(self, ports: Collection[int], unused_for: float) -> None: ...


class Tunnelled:
    """An Engine on another machine. The worker keeps the tunnel up; this class only uses it."""

    def __init__(self, address: SshAddress, data: Path) -> None:
        self.name = str(address)
        self._address, self._data = address, data
        self._tunnel = Tunnel(address, data)
        self._idle_since: dict[int, float] = {}  # an unused port is closed only later, as its instance may be starting

    @property
    def url(self) -> str:
        return self._tunnel.url

    @cached_property
    def _local(self) -> str:
        return loopback_of(self._address, installation_id(self._data))

    def here(self, address: str) -> str:
        """A loopback address of the host becomes the host's loopback address here; any other is reached directly."""
        host, _, port = address.rpartition(":")
        return f"{self._local}:{port}" if host == LOOPBACK else address

    def ensure_open(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        if host == LOOPBACK:
            self._asked(lambda: self._tunnel.ensure_open(self._local, [int(port)]))

    def keep(self, ports: Collection[int], unused_for: float) -> None:
        self._asked(lambda: self._tunnel.ensure_open(self._local, ports))
        now = time.monotonic()
        idle = self._tunnel.open_ports(self._local) - set(ports)
        self._idle_since = {port: self._idle_since.get(port, now) for port in idle}
        old = [port for port, since in self._idle_since.items() if now - since >= unused_for]
        self._asked(lambda: self._tunnel.ensure_closed(self._local, old))

    def _asked(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Unreached as away:
            raise Away(f"The Docker host {self.name} cannot be reached.", detail=away.detail) from away


def endpoint_for(host: str, data: Path) -> Endpoint:
    """The way to the Engine at `host`, which is ``unix:///…`` or ``ssh://…``."""
    return Tunnelled(SshAddress.parse(host), data) if is_ssh(host) else Direct(host)
