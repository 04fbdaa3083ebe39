"""The checksum and size of a source tree. The checksum covers its content, not times or owners."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from fairway.shared.failures import Refused
from fairway.shared.left_out import VERSION_CONTROL

MOST_FILES = 20_000  # files, folders and links of one source: each takes some milliseconds, even if it is empty
IGNORED = VERSION_CONTROL | {"__pycache__"}  # only what no build uses, so that equal checksums mean equal builds


def tree_checksum(folder: Path) -> str:
    """SHA-256 (64 hex digits) of paths, kinds, executable bits, contents and link targets below `folder`.

    Version control, byte code, times and owners do not count.
    """
    total = hashlib.sha256(b"fairway-tree-1\0")
    for name, entry in tree_entries(folder):
        total.update(b"%s %d %s " % (_kind(entry), len(os.fsencode(name)), os.fsencode(name)))
        total.update(_content(folder / name, entry) + b"\0")
    return total.hexdigest()


def too_many_files(what: str, most: int) -> Refused:
    """The error for a source with more than `most` entries. `what` begins its sentence: “The archive”, “The repository”."""
    return Refused(
        f"{what} has more than {most:,} files and folders, the most that is allowed; leave out data and dependencies, or "
        "let an administrator raise FAIRWAY_SOURCE_FILES."
    )


def tree_size(folder: Path) -> int:
    """Bytes of all regular files below `folder`, including version control and byte code."""
    return sum(entry.st_size for _, entry in _walk(folder, frozenset()) if stat.S_ISREG(entry.st_mode))


def tree_entries(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """(relative path, lstat) of every entry that counts for the checksum, in a fixed order."""
    return _walk(folder, IGNORED)


def _walk(folder: Path, ignored: frozenset[str]) -> Iterator[tuple[str, os.stat_result]]:
    pending = [""]
    while pending:
        inside = pending.pop()
        with os.scandir(folder / inside) as scan:
            found = sorted(scan, key=lambda entry: entry.name)
        for entry in found:
            if entry.name in ignored:
                continue
            name = f"{inside}/{entry.name}" if inside else entry.name
            yield name, entry.stat(follow_symlinks=False)
            if entry.is_dir(follow_symlinks=False):
                pending.append(name)


def _kind(entry: os.stat_result) -> bytes:
    if stat.S_ISLNK(entry.st_mode):
        return b"link"
    if stat.S_ISDIR(entry.st_mode):
        return b"folder"
    return b"program" if entry.st_mode & 0o100 else b"file"


def _content(path: Path, entry: os.stat_result) -> bytes:
    if stat.S_ISLNK(entry.st_mode):
        return hashlib.sha256(os.fsencode(os.readlink(path))).digest()
    if not stat.S_ISREG(entry.st_mode):
        return b""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
