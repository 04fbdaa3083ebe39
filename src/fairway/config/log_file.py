"""Rotation of ``logs/fairway.log``, to which several processes write. No Django here.

The process that finds the file too large renames it and writes to a new one. The others notice it at their next line; what
they write until then goes to the renamed file, so that nothing is lost. If standard error is something else (a terminal, a
journal), nothing is rotated.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat

VARIABLE = "FAIRWAY_LOG_FILE"  # set for processes whose output goes to that file
LARGEST = 10 * 1024 * 1024  # bytes of one file
KEPT = 5  # older files that are kept
STDOUT, STDERR = 1, 2


def keep_small(largest: int = LARGEST) -> None:
    """Rotate the file if it is larger than `largest` bytes. Call it before a line is written. If the disk is full or the
    file cannot be renamed, it is left as it is."""
    path = os.environ.get(VARIABLE, "")
    try:
        if path and stat.S_ISREG(os.fstat(STDERR).st_mode):
            _follow(path)
            if os.fstat(STDERR).st_size > largest:
                _put_aside(path, largest)
    except OSError:
        pass


def _follow(path: str) -> None:
    """If another process has renamed the file, write to the new one from now on."""
    with contextlib.suppress(FileNotFoundError):
        if os.path.samestat(os.fstat(STDERR), os.stat(path)):
            return
    fresh = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    for number in (STDOUT, STDERR):
        os.dup2(fresh, number)
    os.close(fresh)


def _put_aside(path: str, largest: int) -> None:
    lock = os.open(f"{path}.lock", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.stat(path).st_size > largest:  # otherwise another process was first
            for number in range(KEPT, 0, -1):
                with contextlib.suppress(FileNotFoundError):
                    os.replace(f"{path}.{number - 1}" if number > 1 else path, f"{path}.{number}")
    finally:
        os.close(lock)
    _follow(path)
