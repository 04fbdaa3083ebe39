"""``logs/fairway.log``: several processes write to it, and none holds on to it when it has become large. Knows no Django.

Whoever finds it too large renames it and goes on in a new one; the others notice at their next line. What they write until
then goes to the renamed file, so that nothing is lost. Where standard error is something else (a terminal, a journal), that
keeps it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat

VARIABLE = "FAIRWAY_LOG_FILE"  # set for whoever was started with its output going there
LARGEST = 10 * 1024 * 1024  # bytes of one file
KEPT = 5  # older files
STDOUT, STDERR = 1, 2


def keep_small(largest: int = LARGEST) -> None:
    """Call it before a line is written. A disk that is full, or a file that cannot be renamed, keeps the file as it is."""
    place = os.environ.get(VARIABLE, "")
    try:
        if place and stat.S_ISREG(os.fstat(STDERR).st_mode):
            _follow(place)
            if os.fstat(STDERR).st_size > largest:
                _put_aside(place, largest)
    except OSError:
        pass


def _follow(place: str) -> None:
    """Write where the others write now, when somebody has put the file aside."""
    with contextlib.suppress(FileNotFoundError):
        if os.path.samestat(os.fstat(STDERR), os.stat(place)):
            return
    fresh = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    for number in (STDOUT, STDERR):
        os.dup2(fresh, number)
    os.close(fresh)


def _put_aside(place: str, largest: int) -> None:
    lock = os.open(f"{place}.lock", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.stat(place).st_size > largest:  # else somebody else was first
            for number in range(KEPT, 0, -1):
                with contextlib.suppress(FileNotFoundError):
                    os.replace(f"{place}.{number - 1}" if number > 1 else place, f"{place}.{number}")
    finally:
        os.close(lock)
    _follow(place)
