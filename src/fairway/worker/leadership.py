"""Chooses one of several workers as leader for a task, by a file lock that the kernel releases when the worker dies."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

STALE = 30.0  # seconds after which another worker replaces a leader that hangs (a stopped process keeps its lock)


class Leadership:
    """One worker's candidacy for a task. All workers of an installation share the data directory."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def is_leader(self) -> bool:
        """Whether this worker is the leader now. A dead leader is replaced at the next call, a hanging one after `STALE`
        seconds."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.time() - os.fstat(self._descriptor).st_mtime < STALE:
                return False
        os.utime(self._descriptor)
        return True

    def close(self) -> None:
        os.close(self._descriptor)
