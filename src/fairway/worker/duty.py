"""What one worker does for all. The kernel's lock on a file of the data directory says which, and goes on when it dies."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

STALE = 30.0  # seconds without a sign of whoever has the duty (a stopped process keeps its locks) until others stand in


class Duty:
    """One worker's chance to be on duty. All workers of an installation share the data directory."""

    def __init__(self, place: Path) -> None:
        self._descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def is_mine(self) -> bool:
        """Whether to do it now. Whoever dies is followed at the next question, whoever hangs after `STALE` seconds."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.time() - os.fstat(self._descriptor).st_mtime < STALE:
                return False
        os.utime(self._descriptor)
        return True

    def close(self) -> None:
        os.close(self._descriptor)
