"""Locks volumes while an instance is started: between asking the Engine who has a volume and starting a container on it, no
other worker may start one."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from fairway.shared.failures import Retry

PATIENCE = 60.0  # seconds; a worker that hangs keeps its locks, and nobody may ignore them
PAUSE = threading.Event()  # never set; used to pause


@contextmanager
def alone(folder: Path, volumes: Sequence[str], check: Callable[[], None]) -> Iterator[None]:
    """Hold the locks of these volumes, against all workers of the data directory. `check` is called while waiting and may
    raise. Raises `Retry` if another worker keeps one for `PATIENCE` seconds."""
    with ExitStack() as stack:
        for volume in sorted(set(volumes)):
            folder.mkdir(parents=True, mode=0o700, exist_ok=True)
            fd = os.open(folder / volume, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            stack.callback(os.close, fd)
            _acquire(fd, volume, check)
        yield


def _acquire(fd: int, volume: str, check: Callable[[], None]) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise Retry(f"Another worker has been starting something on “{volume}” for very long.") from None
            check()
            PAUSE.wait(0.02)
