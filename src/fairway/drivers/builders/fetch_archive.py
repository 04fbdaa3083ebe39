"""Unpacks uploaded or downloaded archives into folders. Everything in an archive is checked before it is used."""

from __future__ import annotations

import os
import re
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
from fairway.shared.left_out import BY_FILE_MANAGER, LeftOut, is_litter, shown_name, some_of

CHUNK = 256 * 1024
RATIO_FROM = 16 * 1024 * 1024  # bytes; smaller archives are not checked for their ratio, because they unpack to little
DEEPEST = 60
LONGEST_NAME = 1000
PROGRAM_STARTS = (b"#!", b"\x7fELF")
_DRIVE = re.compile(r"[A-Za-z]:/")  # an absolute path on Windows
_EVIL_MODE = 0o6000  # the bits set-user-id and set-group-id


@dataclass(frozen=True)
class ArchiveLimits:
    """Limits of one archive: number of entries, bytes when unpacked, and the ratio of unpacked to packed size."""

    entries: int = MOST_FILES
    bytes: int = 1024 * 1024 * 1024
    ratio: float = 200.0


def unpack(archive: Path, into: Path, *, progress: Progress, limits: ArchiveLimits | None = None) -> Checkout:
    """Unpack a zip or tar (gz, bz2, xz) into the new folder `into`. If the archive has a single top folder, its content is
    unpacked.

    Names are decoded by `archive_names`. Files written by the file managers of macOS and Windows are left out, and if a file
    is there twice, the later one counts, as for `tar`; `progress` is told about both. A file without a mode (from Windows)
    that begins like a program becomes executable.

    Raises `Refused`, which names the entry, if one leaves the folder, is a device, sets user ids or exceeds a limit, and
    what `progress.check()` raises; `into` does not exist then.
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
    work.tell()
    progress.line(f"Unpacked {work.count} entries, {work.total / 1024**2:.1f} MiB.")
    return Checkout(folder=into, checksum=tree_checksum(into))


class _Unpacking:
    """Unpacks one archive. Links are made last, so that nothing is ever written through one."""

    def __init__(self, archive: Path, tree: Path, limits: ArchiveLimits, progress: Progress) -> None:
        self.archive, self.tree, self.limits, self.progress = archive, tree, limits, progress
        self.packed = archive.stat().st_size
        self.count = self.total = 0
        self._links: dict[PurePosixPath, str] = {}
        self._folders: set[PurePosixPath] = {PurePosixPath()}
        self._left_out = LeftOut()
        self._replaced: list[str] = []
        self._old_names: dict[str, list[str]] = {}

    def run(self) -> Path:
        with open_archive(self.archive, most_bytes=self.limits.bytes) as archive:
            for entry, stream in archive.entries():
                self.progress.check()
                self._count()
                if path := self._wanted(entry):
                    self._count_folders(path)
                    self._place(path, entry, stream)
                if stream is not None:
                    stream.close()
        if not any(self.tree.iterdir()):
            raise Refused("The archive is empty; pack the folder of the application.")
        root = self._root()
        self._link_all(root)
        return root

    def _wanted(self, entry: ArchiveEntry) -> PurePosixPath | None:
        """The path of the entry; None for the folder itself and for files of file managers. Raises `Refused`."""
        if any(is_litter(part) for part in entry.name.split("/")):
            if entry.kind != "folder":
                self._left_out.add(BY_FILE_MANAGER, entry.name)
            return None
        if entry.encoding:
            self._old_names.setdefault(entry.encoding, []).append(entry.name)
        return safe_path(entry.name)

    def tell(self) -> None:
        """Log what differs from the archive: files left out, files replaced, and names in old encodings."""
        lines = self._left_out.sentences
        if self._replaced:
            lines.append(f"In the archive twice, the later one counts: {some_of(self._replaced)}.")
        for encoding, names in self._old_names.items():
            lines.append(
                f"Names that are not UTF-8 were read as {encoding}: {some_of(names)}. Are they wrong? Pack with UTF-8."
            )
        for line in lines:
            self.progress.line(line, stream="stderr")

    def _count(self) -> None:
        self.count += 1
        if self.count > self.limits.entries:
            raise too_many_files("The archive", self.limits.entries)

    def _count_folders(self, path: PurePosixPath) -> None:
        """Count the folders above an entry, too: one entry may lie in sixty folders that the archive does not list."""
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
            raise Refused(f"“{shown_name(entry.name)}” in the archive is a device or pipe; take it out.")

    def _refuse_conflict(self, path: PurePosixPath, kind: str) -> None:
        """Raises `Refused` if the path is taken by an entry of another kind, or lies below a link or a file. A file
        replaces an earlier file."""
        for parent in path.parents:
            if parent in self._links or (self.tree / parent).is_file():
                raise Refused(
                    f"“{shown_name(str(path))}” in the archive lies below a link or a file; pack the folder again."
                )
        target = self.tree / path
        if kind == "file" and path not in self._links and target.is_file():
            target.unlink()  # tar appends newer versions of a file to an archive
            self._replaced.append(str(path))
        elif path in self._links or target.is_file() or (kind != "folder" and target.exists()):
            raise Refused(f"“{shown_name(str(path))}” is in the archive twice; pack the folder again.")

    def _write(self, target: Path, entry: ArchiveEntry, stream: IO[bytes]) -> None:
        if entry.mode & _EVIL_MODE:
            raise Refused(f"“{shown_name(entry.name)}” in the archive sets a user or group id; clear it (chmod a-s).")
        target.parent.mkdir(parents=True, exist_ok=True)
        chunk = stream.read(CHUNK)
        is_program = entry.mode & 0o100 or (not entry.mode and chunk.startswith(PROGRAM_STARTS))
        mode = 0o755 if is_program else 0o644
        with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode), "wb") as file:
            while chunk:
                self._grow(len(chunk))
                file.write(chunk)
                self.progress.check()
                chunk = stream.read(CHUNK)

    def _grow(self, more: int) -> None:
        self.total += more
        if self.total > self.limits.bytes:
            raise Refused(
                f"The archive unpacks to more than {self.limits.bytes / 1024**2:.0f} MiB, the most that is allowed."
            )
        if self.total > RATIO_FROM and self.total > self.limits.ratio * max(self.packed, 1):
            raise Refused(f"The archive unpacks to more than {self.limits.ratio:.0f} times its size: it looks like a bomb.")

    def _copy(self, target: Path, entry: ArchiveEntry) -> None:
        """Copy the file that a hard link names, which must have come before it."""
        source = safe_path(entry.link)
        if source is None or source in self._links or not (self.tree / source).is_file():
            raise Refused(f"“{shown_name(entry.name)}” in the archive is a hard link to something outside; take it out.")
        self._grow((self.tree / source).stat().st_size)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(self.tree / source, target)

    def _root(self) -> Path:
        """The unpacked tree, or its single top folder."""
        entries = list(self.tree.iterdir())
        has_top_link = any(len(path.parts) == 1 for path in self._links)
        return entries[0] if len(entries) == 1 and entries[0].is_dir() and not has_top_link else self.tree

    def _link_all(self, root: Path) -> None:
        for path, text in self._links.items():
            link = self.tree / path
            if not link.is_relative_to(root) or not _stays_inside(link.relative_to(root), text):
                raise Refused(f"“{shown_name(str(path))}” in the archive is a link that leaves the folder; take it out.")
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(text)
        for path in self._links:  # links may lead through other links, so check where each really ends
            if not Path(os.path.realpath(self.tree / path)).is_relative_to(root.resolve()):
                raise Refused(f"“{shown_name(str(path))}” in the archive is a link that leaves the folder; take it out.")


def safe_path(name: str) -> PurePosixPath | None:
    """The path of an entry relative to the folder; None for the folder itself. Raises `Refused` for a path that could
    leave the folder or is too long, and for a name with control characters or unpaired surrogates."""
    path = PurePosixPath(name)
    if not _is_text(name):
        raise Refused(f"“{shown_name(name)}” in the archive has a control character in its name; rename it, and pack again.")
    if ".." in path.parts or name.startswith("/") or _DRIVE.match(name):
        raise Refused(f"“{shown_name(name)}” in the archive is not a path inside it; pack the folder again.")
    is_long = len(name) > LONGEST_NAME or len(path.parts) > DEEPEST
    if is_long or any(len(os.fsencode(part)) > 255 for part in path.parts):
        raise Refused(
            f"“{shown_name(name)}” in the archive has too long a name or lies too deep; shorten it, and pack again."
        )
    return path if path.parts else None


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return not any(ord(sign) < 32 or ord(sign) == 127 for sign in name)


def _stays_inside(path: PurePosixPath | Path, text: str) -> bool:
    """Whether a link at `path` with the target `text` points into the tree. Only the text is checked; other links on the
    way are not resolved."""
    if not text or text.startswith("/") or "\\" in text or not _is_text(text) or len(text) > LONGEST_NAME:
        return False
    depth = len(path.parts) - 1
    for part in PurePosixPath(text).parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return False
    return True
