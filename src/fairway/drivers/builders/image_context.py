"""Writes the build context: a folder as a tar. It honours ``.dockerignore`` and holds nothing from outside the folder.

Symbolic links stay links: they are resolved inside the image, never on this machine. Sockets, devices and pipes are left
out. Owners and times are not written, so that equal sources give equal layers.
"""

from __future__ import annotations

import io
import os
import stat
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from docker.utils.build import PatternMatcher

from fairway.drivers.builders.exclusions import Reason, excluded
from fairway.shared.failures import Refused
from fairway.shared.left_out import SPECIAL, LeftOut
from fairway.shared.source_text import read_source

BY_DOCKERIGNORE = "that .dockerignore names"


@dataclass(frozen=True)
class Extra:
    """A file that Fairway adds to the context: its content, or a file on this machine."""

    content: bytes | Path
    mode: int = 0o644


def ignore_patterns(text: str) -> list[str]:
    """The patterns of a ``.dockerignore``. Source: docs.docker.com, "Dockerignore files"."""
    lines = (line for line in text.split("\n") if not line.startswith("#"))  # as in Docker, “ #a” is a pattern
    return [bare for line in lines if (bare := line.strip())]


def ignores_of(root: Path, reason: Reason) -> list[str]:
    """What `reason` leaves out, as patterns for an image whose Dockerfile Fairway writes."""
    return [_literal(name) for name, _ in excluded(root, reason)]


def static_ignores(publish: str) -> list[str]:
    """Patterns that leave out hidden files (except ``.well-known``), because every file in a published folder is shown to
    visitors."""
    top = "" if publish in ("", ".") else _literal(publish.strip("/")) + "/"
    return [f"{top}**/.*", f"!{top}.well-known", f"!{top}**/.well-known"]


def _literal(name: str) -> str:
    """The pattern that matches just this name. docker-py cannot quote a bracket, so “?” stands for it."""
    return "".join({"*": "[*]", "?": "[?]", "[": "?"}.get(sign, sign) for sign in name)


def left_out_of(root: Path, ignores: Sequence[str], reason: Reason) -> LeftOut:
    """What of the folder stays out of the context, each with its reason. A folder of which nothing goes in counts as one."""
    names, left_out = set(included(root, ignores)), LeftOut()
    wanted = {parent for name in names for parent in (name, *map(str, Path(name).parents))}
    for folder, folders, files in os.walk(root):
        for name in sorted((*folders, *files)):
            path = Path(folder, name)
            relative = str(path.relative_to(root))
            if relative not in wanted:
                left_out.add(reason(path) or BY_DOCKERIGNORE, relative, is_folder=name in folders)
            elif stat.S_IFMT(path.lstat().st_mode) not in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
                left_out.add(SPECIAL, relative)
        folders[:] = [name for name in folders if str(Path(folder, name).relative_to(root)) in wanted]
    return left_out


def source_root(folder: Path, root: str) -> Path:
    """The folder `root` inside the checkout. Raises `Refused` if it leads outside or is missing."""
    base = folder.resolve()
    path = (base / root).resolve()
    if not path.is_relative_to(base):
        raise Refused(f"The folder “{root}” leads outside the source; choose one inside it.")
    if not path.is_dir():
        raise Refused(f"There is no folder “{root}” in the source; correct the root of the application.")
    return path


def read_ignores(root: Path) -> list[str]:
    """The patterns in the ``.dockerignore`` of a folder; empty if there is none or it is a link."""
    path = root / ".dockerignore"
    return ignore_patterns(read_source(path)) if path.is_file() and not path.is_symlink() else []


def write_context(
    root: Path, into: IO[bytes], *, ignores: Sequence[str], extras: Mapping[str, Extra], check: Callable[[], None]
) -> None:
    """Write the context as a tar. `extras` replace files of the same name. `check` is called between files."""
    with tarfile.open(fileobj=into, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in included(root, ignores):
            check()
            if name not in extras:
                _add(archive, root / name, name)
        for name, extra in sorted(extras.items()):
            _add_extra(archive, name, extra)


def included(root: Path, ignores: Sequence[str]) -> Iterator[str]:
    """The paths that are not ignored, sorted, with folders before their content."""
    yield from sorted(PatternMatcher(list(ignores)).walk(str(root)))


def _add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    state = path.lstat()
    if stat.S_ISDIR(state.st_mode):
        archive.addfile(_entry(name, 0o755, tarfile.DIRTYPE))
    elif stat.S_ISLNK(state.st_mode):
        entry = _entry(name, 0o777, tarfile.SYMTYPE)
        entry.linkname = os.readlink(path)
        archive.addfile(entry)
    elif stat.S_ISREG(state.st_mode):
        # NOFOLLOW, because the file may have become a link since it was checked.
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            entry = _entry(name, 0o755 if state.st_mode & 0o100 else 0o644, tarfile.REGTYPE)
            entry.size = os.fstat(file.fileno()).st_size
            archive.addfile(entry, file)


def _add_extra(archive: tarfile.TarFile, name: str, extra: Extra) -> None:
    entry = _entry(name, extra.mode, tarfile.REGTYPE)
    if isinstance(extra.content, bytes):
        entry.size = len(extra.content)
        archive.addfile(entry, io.BytesIO(extra.content))
        return
    with extra.content.open("rb") as file:
        entry.size = os.fstat(file.fileno()).st_size
        archive.addfile(entry, file)


def _entry(name: str, mode: int, kind: bytes) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.mode, entry.type = mode, kind
    return entry
