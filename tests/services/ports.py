"""Ports for the servers that tests start.

A port that the kernel chose is free only until the next program asks: outgoing connections get their ports from the same
range, and a server that starts a second later may find its port in use. These ports lie below that range and beside the ones
that Fairway gives to applications (20000–28999), and no other test process on this machine is given the same one soon after.
"""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from pathlib import Path

LOWEST, HIGHEST = 29000, 32767
LAST = Path(tempfile.gettempdir()) / f"fairway-tests-last-port-{os.geteuid()}"


def free_port() -> int:
    """A TCP port on which nothing listens, given to nobody else until all others have been given."""
    with open(LAST, "a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        last = int(file.read() or LOWEST - 1)
        count = HIGHEST - LOWEST + 1
        port = next(port for step in range(count) if _is_free(port := LOWEST + (last + 1 + step - LOWEST) % count))
        file.truncate(0)
        file.write(str(port))
    return port


def _is_free(port: int) -> bool:
    with socket.socket() as trial:
        try:
            trial.bind(("", port))
        except OSError:
            return False
    return True
