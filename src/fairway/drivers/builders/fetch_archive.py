"""Uploaded or downloaded archives as folders. Nothing in an archive is believed before it was checked."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from fairway.drivers.builders.archive_entries import ArchiveEntry, open_archive
from fairway.drivers.builders.contract import Checkout
from fairway.drivers.builders.layers import erase
from fairway.drivers.builders.tree import MOST_FILES, too_many_files, tree_checksum
from fairway.drivers.runtimes.contract import Progress
from fairway.drivers.runtimes.process.bundle import disk_failure
from fairway.shared.failures import Refused

CHUNK = 256 * 1024
RATIO_FROM = 16 * 1024 * 1024  # bytes; below, even an extreme ratio is small
DEEPEST = 60
LONGEST_NAME = 1000
JUNK = frozenset({"__MACOSX", ".DS_Store"})
_EVIL_MODE = 0o6000  # set-user-id, set-group-id


@dataclass(frozen=True)
class ArchiveLimits:
    """Ceilings of one archive: entries, bytes unpacked, and how many times larger than packed."""

    entries: int = MOST_FILES
    bytes: int = 1024 * 1024 * 1024
    ratio: float = 200.0


def unpack(archive: Path, into: Path, *, progress: Progress, limits: ArchiveLimits | None = None) -> Checkout:
    """Unpack a zip or tar (gz, bz2, xz) into the new folder `into`; a single top folder is taken off.

    Raises `Refused` naming the entry that leaves the folder, is a device, sets user ids or breaks a limit, and what
    `progress.check()` raises; `into` does not exist then.
    """
    draft = into.with_name(f".{into.name}.unpacking")
    erase(draft)
    work = _Unpacking(archive, draft / "tree", limits or ArchiveLimits(), progress)
    try:
        (draft / "tree").mkdir(parents=True, mode=0o700)
        root = work.run()
        erase(into)
        root.rename(into)
    except OSError as error:
        raise disk_failure(error, "unpacking the archive") from error
    finally:
        erase(draft)
    progress.line(f"Unpacked {work.count} entries, {work.total / 1024**2:.1f} MiB.")
    return Checkout(folder=into, checksum=tree_checksum(into))


class _Unpacking:
    """One archive on its way to the disk. Links come last, so that nothing is ever written through one."""

    def __init__(self, archive: Path, tree: Path, limits: ArchiveLimits, progress: Progress) -> None:
        self.archive, self.tree, self.limits, self.progress = archive, tree, limits, progress
        self.packed = archive.stat().st_size
        self.count = self.total = 0
        self._links: dict[PurePosixPath, str] = {}
        self._folders: set[PurePosixPath] = {PurePosixPath()}

    def run(self) -> Path:
        with open_archive(self.archive, most_bytes=self.limits.bytes) as archive:
            for entry, stream in archive.entries():
                self.progress.check()
                self._count()
                path = safe_path(entry.name)
                if path is not None and not JUNK & set(path.parts):
                    self._count_folders(path)
                    self._place(path, entry, stream)
                if stream is not None:
                    stream.close()
        if not any(self.tree.iterdir()):
            raise Refused("The archive is empty; pack the folder of the application.")
        root = self._root()
        self._link_all(root)
        return root

    def _count(self) -> None:
        self.count += 1
        if self.count > self.limits.entries:
            raise too_many_files("The archive", self.limits.entries)

    def _count_folders(self, path: PurePosixPath) -> None:
        """Those above an entry count, too: one entry may need sixty that are in no list."""
        for parent in path.parents:
            if parent in self._folders:
                return
            self._folders.add(parent)
            self._count()

    def _place(self, path: PurePosixPath, entry: ArchiveEntry, stream: IO[bytes] | None) -> None:
        target = self.tree / path
        self._refuse_conflict(path, entry.kind)
        if entry.kind == "folder":
            target.mkdir(parents=True, exist_ok=True)
        elif entry.kind == "file" and stream is not None:
            self._write(target, entry, stream)
        elif entry.kind == "link":
            self._links[path] = entry.link
        elif entry.kind == "hardlink":
            self._copy(target, entry)
        else:
            raise Refused(f"“{_shown(entry.name)}” in the archive is a device or pipe; take it out.")

    def _refuse_conflict(self, path: PurePosixPath, kind: str) -> None:
        """One name, one thing: no file where a folder is, nothing twice, nothing below a link or a file."""
        for parent in path.parents:
            if parent in self._links or (self.tree / parent).is_file():
                raise Refused(f"“{_shown(str(path))}” in the archive lies below a link or a file; pack the folder again.")
        target = self.tree / path
        if path in self._links or target.is_file() or (kind != "folder" and target.exists()):
            raise Refused(f"“{_shown(str(path))}” is in the archive twice; pack the folder again.")

    def _write(self, target: Path, entry: ArchiveEntry, stream: IO[bytes]) -> None:
        if entry.mode & _EVIL_MODE:
            raise Refused(f"“{_shown(entry.name)}” in the archive sets a user or group id; clear it (chmod a-s).")
        target.parent.mkdir(parents=True, exist_ok=True)
        mode = 0o755 if entry.mode & 0o100 else 0o644
        with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode), "wb") as file:
            while chunk := stream.read(CHUNK):
                self._grow(len(chunk))
                file.write(chunk)
                self.progress.check()

    def _grow(self, more: int) -> None:
        self.total += more
        if self.total > self.limits.bytes:
            raise Refused(
                f"The archive unpacks to more than {self.limits.bytes / 1024**2:.0f} MiB, the most that is allowed."
            )
        if self.total > RATIO_FROM and self.total > self.limits.ratio * max(self.packed, 1):
            raise Refused(f"The archive unpacks to more than {self.limits.ratio:.0f} times its size: it looks like a bomb.")

    def _copy(self, target: Path, entry: ArchiveEntry) -> None:
        """A hard link becomes a copy of the file it names, which must have come before."""
        source = safe_path(entry.link)
        if source is None or source in self._links or not (self.tree / source).is_file():
            raise Refused(f"“{_shown(entry.name)}” in the archive is a hard link to something outside; take it out.")
        self._grow((self.tree / source).stat().st_size)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(self.tree / source, target)

    def _root(self) -> Path:
        """The tree, or its single top folder."""
        entries = list(self.tree.iterdir())
        has_top_link = any(len(path.parts) == 1 for path in self._links)
        return entries[0] if len(entries) == 1 and entries[0].is_dir() and not has_top_link else self.tree

    def _link_all(self, root: Path) -> None:
        for path, text in self._links.items():
            place = self.tree / path
            if not place.is_relative_to(root) or not _stays_inside(place.relative_to(root), text):
                raise Refused(f"“{_shown(str(path))}” in the archive is a link that leaves the folder; take it out.")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(text)
        for path in self._links:  # links may lead through links: look again at where each really ends
            if not Path(os.path.realpath(self.tree / path)).is_relative_to(root.resolve()):
                raise Refused(f"“{_shown(str(path))}” in the archive is a link that leaves the folder; take it out.")


def safe_path(name: str) -> PurePosixPath | None:
    """An entry's path below the folder, None for the folder itself. Raises `Refused` for one that could leave it."""
    bad = "\\" in name or "\x00" in name or name.startswith("/") or len(name) > LONGEST_NAME or not _is_text(name)
    path = PurePosixPath(name)
    if bad or ".." in path.parts or len(path.parts) > DEEPEST or any(len(os.fsencode(part)) > 255 for part in path.parts):
        raise Refused(f"“{_shown(name)}” in the archive is not a path inside it; pack the folder again.")
    return path if path.parts else None


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return not any(ord(sign) < 32 or ord(sign) == 127 for sign in name)


def _stays_inside(place: PurePosixPath | Path, text: str) -> bool:
    """Whether a link at `place` with the target `text` points into the tree, by its words alone."""
    if not text or text.startswith("/") or "\\" in text or not _is_text(text) or len(text) > LONGEST_NAME:
        return False
    depth = len(place.parts) - 1
    for part in PurePosixPath(text).parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return False
    return True


def _shown(name: str) -> str:
    return name[:80].encode("ascii", "backslashreplace").decode()
