"""Chooses a loopback port that stays the instance's own."""

from __future__ import annotations

import random
import socket
from collections.abc import Collection
from pathlib import Path

from fairway.shared.failures import Retry

LOWEST = 20000
HIGHEST = 26999
# The ports that are closed between applications: ours, and those on which the docker runtime publishes (21000–28999), except
# MongoDB's, which would become unreachable on every host.
CLOSED = ((20000, 27016), (27020, 28999))
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def choose(taken: Collection[int]) -> int:
    """A port of 127.0.0.1 that is free now, that no instance has recorded, and that the kernel uses for no outgoing
    connection.

    bind(0) would give an ephemeral port: while the application restarts, one of the proxy's own connections could get the
    same port, and the application could not listen again. Raises `Retry` if every port is taken.
    """
    highest = min(HIGHEST, _lowest_ephemeral() - 1)
    candidates = range(LOWEST, highest + 1) if highest > LOWEST else range(0)
    for port in random.sample(candidates, len(candidates)):  # random, because another Fairway here uses the same range
        if port not in taken and is_free(port):
            return port
    port = _ephemeral()
    if port in taken:
        raise Retry("No free port was found on this machine; it is tried again.", after=1.0)
    return port


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: ports in TIME_WAIT are free
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _ephemeral() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _lowest_ephemeral() -> int:
    try:
        return int(EPHEMERAL.read_text().split()[0])
    except (OSError, ValueError):
        return 32768
