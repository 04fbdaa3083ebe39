"""The backup's file: a compressed tar whose last member, ``manifest.json``, has the checksums of all members before it.

It is written under a temporary name and renamed when it is complete and synced, so a file of that name is a complete backup.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
import tarfile
import tempfile
from collections.abc import Iterator, Set
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO, Any

MANIFEST = "manifest.json"
FORMAT = 1
SPOOLED = 16 * 2**20  # bytes of one file kept in memory while it is copied
CHUNK = 2**20


class BadArchive(Exception):
    """The file is not a complete, unchanged backup; the message says what is wrong."""


class Writer:
    """Adds files and folders to the archive. Call `manifest` at the end."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self._sums: dict[str, str] = {}

    def folder(self, path: Path, name: str, without: Set[str] = frozenset()) -> None:
        """Add a folder with everything in it that still exists when it is read; nothing if the folder does not exist.

        `without` are names in the archive that are left out. Only files, folders and links are added, no sockets or devices.
        """
        if not path.is_dir():
            return
        self._tar.addfile(self._tar.gettarinfo(str(path), name))
        for below in sorted(os.scandir(path), key=lambda entry: entry.name):
            inside = f"{name}/{below.name}"
            with suppress(FileNotFoundError):  # it was garbage-collected, or deleted by its application, a moment ago
                if inside in without:
                    continue
                if below.is_dir(follow_symlinks=False):
                    self.folder(Path(below.path), inside, without)
                elif below.is_symlink():
                    self._tar.addfile(self._tar.gettarinfo(below.path, inside))
                elif below.is_file():
                    self.file(Path(below.path), inside)

    def file(self, path: Path, name: str) -> None:
        """Add one file. It is copied first, because an application may be writing it."""
        with open(path, "rb") as source, tempfile.SpooledTemporaryFile(SPOOLED, dir=_draft_folder(self._tar)) as copy:
            total = hashlib.sha256()
            while chunk := source.read(CHUNK):
                total.update(chunk)
                copy.write(chunk)
            entry = self._tar.gettarinfo(name, name, fileobj=source)
            entry.type, entry.linkname, entry.size = tarfile.REGTYPE, "", copy.tell()
            copy.seek(0)
            self._tar.addfile(entry, copy)
        self._sums[name] = total.hexdigest()

    def manifest(self, facts: dict[str, Any]) -> None:
        text = json.dumps({"format": FORMAT, **facts, "files": self._sums}, indent=1).encode()
        entry = tarfile.TarInfo(MANIFEST)
        entry.size, entry.mode = len(text), 0o600
        self._tar.addfile(entry, io.BytesIO(text))


def _draft_folder(tar: tarfile.TarFile) -> str:
    return str(Path(os.fsdecode(tar.name or ".")).parent)


@contextmanager
def written(path: Path) -> Iterator[Writer]:
    """Create an archive at `path` that only its owner can read. If the block raises an error, nothing is left of it.

    Raises FileExistsError.
    """
    if path.exists():
        raise FileExistsError(f"{path} exists already")
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.draft")
    try:
        with open(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file:
            with tarfile.open(str(draft), mode="w:gz", fileobj=file, compresslevel=1) as tar:
                yield Writer(tar)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)  # fails if a file of that name was created meanwhile
    finally:
        draft.unlink(missing_ok=True)


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of the archive, after every checksum was verified. Raises `BadArchive`."""
    try:
        with tarfile.open(path) as tar:
            manifest, sums = _examined(tar)
    except (OSError, EOFError, tarfile.TarError, ValueError) as problem:
        raise BadArchive(f"{path} is not a whole backup: {problem}") from None
    if manifest is None:
        raise BadArchive(f"{path} is not a whole backup: its end is missing.")
    if manifest.get("format") != FORMAT:
        raise BadArchive(f"{path} has the format {manifest.get('format')}, which this version does not read.")
    for name in sorted(manifest["files"].keys() | sums.keys()):
        if manifest["files"].get(name) != sums.get(name):
            raise BadArchive(f"{path} was changed or damaged: {name} is not what was saved.")
    return manifest


def _examined(tar: tarfile.TarFile) -> tuple[dict[str, Any] | None, dict[str, str]]:
    sums: dict[str, str] = {}
    links: set[str] = set()
    for member in tar:
        _refuse_astray(member, links)
        if member.issym():
            links.add(member.name)
        elif member.isfile():
            content = tar.extractfile(member)
            assert content is not None
            if member.name == MANIFEST:
                return json.load(content), sums
            sums[member.name] = _sum(content)
    return None, sums


def _refuse_astray(member: tarfile.TarInfo, links: set[str]) -> None:
    """Raise ValueError for a member that would be written outside the folder, by its name or through an earlier link."""
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or not (member.isfile() or member.isdir() or member.issym()):
        raise ValueError(f"{member.name} does not belong into a backup")
    if any(str(parent) in links for parent in path.parents):
        raise ValueError(f"{member.name} would be written through a link")


def _sum(content: IO[bytes]) -> str:
    total = hashlib.sha256()
    while chunk := content.read(CHUNK):
        total.update(chunk)
    return total.hexdigest()


def unpack(path: Path, folder: Path) -> None:
    """Extract everything into `folder`, which is created. The archive must have been verified by `read_manifest`."""
    folder.mkdir(mode=0o700)
    with tarfile.open(path) as tar:
        folders = []
        for member in tar:
            if member.isdir():
                folders.append((folder / member.name, member.mode))
                (folder / member.name).mkdir(mode=0o700, parents=True, exist_ok=True)
            else:
                tar.extract(member, folder, set_attrs=True, numeric_owner=True, filter=_as_ours)
        for made, mode in reversed(folders):  # after their contents were written, because bundles are read-only
            made.chmod(mode)


def _as_ours(member: tarfile.TarInfo, _: str) -> tarfile.TarInfo:
    """The member, owned by the account that restores it, because the original account may have another id here."""
    return member.replace(uid=os.getuid(), gid=os.getgid(), uname="", gname="", deep=False)
