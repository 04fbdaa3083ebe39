"""The port of a resource: its own as long as it lives, because applications are told it once."""

from __future__ import annotations

import random
from collections.abc import Collection

from fairway.drivers.runtimes.process.ports import is_free
from fairway.shared.failures import Retry

# Above what applications may not reach of each other, below what the kernel gives to outgoing connections.
LOWEST, HIGHEST = 29000, 29999


def choose_port(taken: Collection[int]) -> int:
    """One that is free and nobody's. Raises `Retry` when there is none."""
    candidates = range(LOWEST, HIGHEST + 1)
    for port in random.sample(candidates, len(candidates)):  # random: another Fairway here chooses from the same
        if port not in taken and is_free(port):
            return port
    raise Retry("No free port was found on this machine; it is tried again.", after=1.0)
