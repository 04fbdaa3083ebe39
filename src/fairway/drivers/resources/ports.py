"""Chooses the port of a resource. The resource keeps it as long as it exists, because applications learn it only once."""

from __future__ import annotations

import random
from collections.abc import Collection

from fairway.drivers.runtimes.process.ports import is_free
from fairway.shared.failures import Retry

# Above the ports that are closed between applications, below the range the kernel uses for outgoing connections.
LOWEST, HIGHEST = 29000, 29999


def choose_port(taken: Collection[int]) -> int:
    """A free port that no resource in `taken` has. Raises `Retry` if there is none."""
    candidates = range(LOWEST, HIGHEST + 1)
    for port in random.sample(candidates, len(candidates)):  # random, because another Fairway here uses the same range
        if port not in taken and is_free(port):
            return port
    raise Retry("No free port was found on this machine; it is tried again.", after=1.0)
