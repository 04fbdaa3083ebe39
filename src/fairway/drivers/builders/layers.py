"""Dependency layers: what an installer made from one lock file, kept under a key and hard-linked into each bundle.

A layer is written once and never changed. Each bundle has hard links of its own to files that only their owner may write; if
builds and applications run as that owner, too, nobody may write them.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fairway.drivers.runtimes.contract import Progress
from fairway.drivers.runtimes.process.bundle import disk_failure
from fairway.shared.failures import Refused
from fairway.shared.left_out import LEAVING, SPECIAL, LeftOut

LOCK_TICK = 0.05


def key_of(*parts: Any) -> str:
    """A short key (40 hex digits) of any values that JSON can hold, or TOML (dates)."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:40]


class Layers:
    """The layers in one folder."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def ensure(self, key: str, make: Callable[[Path], None], progress: Progress, *, is_owned: bool = False) -> Path:
        """The layer called `key`. If it does not exist, ``make(folder)`` fills it, at most once per key.

        `is_owned` says that builds and applications run as other users than the owner of the layer. Its files then stay
        writable for the owner, because some tools copy a file with its mode and write to the copy (Nuxt does).
        """
        layer = self.place / key
        with locked(self.place / f".{key}.lock", progress):
            if layer.is_dir():
                os.utime(layer)
                progress.line("Dependencies are unchanged: taken from the cache.")
                return layer
            draft = self.place / f".{key}.draft"
            erase(draft)
            draft.mkdir(mode=0o700)
            make(draft)
            protect(draft, 0o022 if is_owned else 0o222)
            draft.rename(layer)
        return layer

    def trim(self, *, older_than: float) -> int:
        """Delete layers that were not used for `older_than` seconds; returns how many. Bundles keep working, because they
        have hard links of their own."""
        old = [layer for layer in self._all() if layer.stat().st_mtime < time.time() - older_than]
        for layer in old:
            erase(layer)
        return len(old)

    def _all(self) -> list[Path]:
        return [layer for layer in self.place.glob("[0-9a-f]*") if layer.is_dir()] if self.place.is_dir() else []


def link_tree(source: Path, target: Path, *, copy: bool = False) -> None:
    """Make `target` a tree like `source` whose regular files are hard links, or copies where linking is impossible. With
    `copy` they are always copies, which their owner may write."""
    target.mkdir(parents=True, exist_ok=True)
    with os.scandir(source) as scan:
        for entry in scan:
            entry_target = target / entry.name
            if entry.is_dir(follow_symlinks=False):
                link_tree(Path(entry.path), entry_target, copy=copy)
            elif entry.is_symlink():
                entry_target.symlink_to(os.readlink(entry.path))
            elif copy:
                shutil.copy2(entry.path, entry_target, follow_symlinks=False)
                entry_target.chmod(stat.S_IMODE(entry_target.stat().st_mode) | stat.S_IWUSR)
            else:
                _link(Path(entry.path), entry_target)


def copy_source(source: Path, target: Path, *, reason: Callable[[Path], str], progress: Progress) -> None:
    """Copy a source folder, except for entries that `reason` gives a reason to leave out, links that leave the folder,
    and anything that is no file, folder or link. `progress` is told what is left out, and why. Raises `Refused`, or
    the failure that `disk_failure` returns for an error of the disk."""
    top, left_out = source.resolve(), LeftOut()

    def unwanted(folder: str, names: list[str]) -> list[str]:
        progress.check()
        found = []
        for name in names:
            path = Path(folder, name)
            if why := reason(path) or _foreign(path, top):
                found.append(name)
                left_out.add(why, os.path.relpath(path, source), is_folder=path.is_dir() and not path.is_symlink())
        return found

    try:
        shutil.copytree(source, target, symlinks=True, ignore=unwanted, copy_function=_copy, dirs_exist_ok=True)
    except shutil.Error as error:  # it holds the errors of several files, as texts
        why = str(error.args[0][0][2])
        raise Refused(f"Copying the source failed: {why[:300]}.", detail=str(error)[:2000]) from error
    except OSError as error:
        raise disk_failure(error, "copying the source") from error
    for sentence in left_out.sentences:
        progress.line(sentence, stream="stderr")


def _copy(source: str, target: str) -> str:
    """Copy a file. A full disk ends the whole copy, because no other file would fit either."""
    try:
        return shutil.copy2(source, target)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_failure(error, "copying the source") from error
        raise


def _foreign(path: Path, top: Path) -> str:
    mode = path.lstat().st_mode
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return ""
    if not stat.S_ISLNK(mode):
        return SPECIAL
    leaves = os.path.isabs(os.readlink(path)) or not Path(os.path.realpath(path)).is_relative_to(top)
    return LEAVING if leaves else ""


def erase(path: Path) -> None:
    """Delete a file or a tree, including folders without write permission. It is no error if there is nothing at `path`."""
    if not path.is_dir() or path.is_symlink():
        path.unlink(missing_ok=True)
        return
    for folder, _, _ in os.walk(path):
        os.chmod(folder, 0o700)
    shutil.rmtree(path)


@contextmanager
def locked(path: Path, progress: Progress) -> Iterator[None]:
    """Hold a lock on the file `path` that works across processes. While it waits, `progress.check()` may raise."""
    path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    while True:
        with path.open("a") as file:
            while not _try_lock(file.fileno()):
                progress.check()
                time.sleep(LOCK_TICK)
            if _is_still(path, file.fileno()):  # otherwise the lock file was deleted meanwhile: lock the new one
                os.utime(path)
                yield
                return


def _is_still(path: Path, fd: int) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        pass
    except OSError:  # another file system, or the limit of links to one file
        shutil.copy2(source, target, follow_symlinks=False)


def protect(folder: Path, permissions: int = 0o222) -> None:
    """Remove these permissions (by default all write permissions) from every file below a folder."""
    for name, _, files in os.walk(folder):
        for file in files:
            path = Path(name, file)
            if not path.is_symlink():
                path.chmod(stat.S_IMODE(path.stat().st_mode) & ~permissions)
