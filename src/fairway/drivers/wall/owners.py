"""Gives folders to another user, and back to ours, whatever a program has put into them.

Every entry is opened first and changed through its descriptor, so that a link put in its place meanwhile is not followed. A
file with several names (hard links) is changed only if all its names are inside the folder: otherwise a program that has
linked a file of this machine into its volume would be given that file.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)
_EMPTY_PATH = 0x1000  # linux/fcntl.h
_PLAIN = (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK, stat.S_IFIFO, stat.S_IFSOCK)


def hand_over(folder: Path, owner: int) -> None:
    """Make `owner` (its number, as user and as group) the owner of everything below `folder`, and last of the folder itself.

    A folder that `owner` owns already counts as done. Raises OSError.
    """
    if os.lstat(folder).st_uid != owner:
        take_back(folder, owner)


def take_back(folder: Path, owner: int, *, all_names: bool = False) -> None:
    """Like `hand_over`, even if `folder` already has the owner: for a folder in which somebody else's program has worked.

    `all_names` also changes files with names outside the folder. It is meant for folders into which only that program could
    have linked files, from its own package cache.
    """
    several: Counter[tuple[int, int]] = Counter()
    for _, fd in _entries(folder):
        entry = os.fstat(fd)
        if stat.S_ISREG(entry.st_mode) and entry.st_nlink > 1 and not all_names:
            several[entry.st_dev, entry.st_ino] += 1
        else:
            _give(fd, entry, owner)
    if several:
        for _, fd in _entries(folder):
            entry = os.fstat(fd)
            if entry.st_nlink > 1 and several.get((entry.st_dev, entry.st_ino)) == entry.st_nlink:
                _give(fd, entry, owner)
    top = os.open(folder, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _give(top, os.fstat(top), owner)
    finally:
        os.close(top)


def _entries(folder: Path) -> Iterator[tuple[str, int]]:
    """Every entry below the folder, as (name, a descriptor of exactly that entry)."""
    for _, names, files, parent in os.fwalk(folder, follow_symlinks=False):
        for name in (*names, *files):
            try:
                fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
            except FileNotFoundError:
                continue
            try:
                yield name, fd
            finally:
                os.close(fd)


def _give(fd: int, entry: os.stat_result, owner: int) -> None:
    if (entry.st_uid, entry.st_gid) == (owner, owner) or stat.S_IFMT(entry.st_mode) not in _PLAIN:
        return
    if _LIBC.fchownat(fd, b"", owner, owner, _EMPTY_PATH) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
