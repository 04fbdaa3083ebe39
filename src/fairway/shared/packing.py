"""A folder as one ``tar.gz``: what ``fairway deploy --path`` sends. The same content always gives the same bytes.

Left out: what ``.dockerignore``, ``.gitignore`` (in every folder) and ``.fairwayignore`` say, the last one that speaks
deciding, so that ``!dist/`` in ``.fairwayignore`` brings a built folder back; and always version control, virtual
environments, ``node_modules`` and byte code. Links that leave the folder are left out too. A browser obeys the same rules
(``web/static/js/ignore.js``).
"""

from __future__ import annotations

import gzip
import os
import stat
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pathspec import GitIgnoreSpec

from fairway.shared.failures import Refused
from fairway.shared.source_text import read_source

# Made again by the build, or nobody else's business.
ALWAYS_OUT = frozenset(
    {".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", ".DS_Store"}
    | {".tox", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
)
ALWAYS_IN = frozenset({"Dockerfile", ".dockerignore", "compose.yaml", "compose.yml", "Procfile"})
LARGEST = 1024 * 1024 * 1024  # bytes before compression


@dataclass(frozen=True)
class Packed:
    """What went into the archive: files, and their bytes before compression."""

    place: Path
    files: int
    bytes: int


def pack(folder: Path, out: Path, *, largest: int = LARGEST) -> Packed:
    """Write `folder` as a ``tar.gz`` to `out`. Raises `Refused` when it is no folder, empty or larger than `largest`."""
    if not folder.is_dir():
        raise Refused(f"“{folder}” is not a folder; give the folder of the application.")
    names = [name for name in packed_names(folder) if (folder / name).absolute() != out.absolute()]
    size = sum(_size(folder / name) for name in names)
    if not names:
        raise Refused(f"“{folder}” has nothing to send: it is empty, or everything in it is ignored.")
    if size > largest:
        sizes = f"{size / 1024**2:.0f} MiB, more than the {largest / 1024**2:.0f} MiB that may be sent"
        raise Refused(f"“{folder}” is {sizes}; leave large files out with .fairwayignore.")
    with (
        out.open("wb") as file,
        gzip.GzipFile("", "wb", mtime=0, fileobj=file, compresslevel=6) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name in names:
            _add(tar, folder, name)
    return Packed(out, len(names), size)


def packed_names(folder: Path) -> list[str]:
    """The relative paths of the files and links that `pack` would send, sorted."""
    root = _Rules("", _docker_rules(_text(folder / ".dockerignore")), _spec(_text(folder / ".fairwayignore")))
    return sorted(_walk(folder, PurePosixPath(), [root]))


@dataclass(frozen=True)
class _Rules:
    """The ignore rules of one folder: the weaker ones, and those that have the last word."""

    base: str
    weak: GitIgnoreSpec
    strong: GitIgnoreSpec

    def verdict(self, path: str) -> tuple[bool | None, bool | None]:
        """(what the weak rules say, what the strong ones say) about a path from the top: ignored, kept, or nothing."""
        inner = path[len(self.base) :]
        return self.weak.check_file(inner).include, self.strong.check_file(inner).include


def _walk(top: Path, inside: PurePosixPath, rules: list[_Rules]) -> Iterator[str]:
    rules = [*rules, *_folder_rules(top, inside)]
    with os.scandir(top / inside) as scan:
        entries = sorted(scan, key=lambda entry: entry.name)
    for entry in entries:
        path = (inside / entry.name).as_posix()
        if entry.name in ALWAYS_OUT:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(top, inside / entry.name, rules)
        elif path in ALWAYS_IN or (not _is_ignored(path, rules) and _is_sendable(top, Path(entry.path))):
            yield path


def _is_ignored(path: str, rules: list[_Rules]) -> bool:
    """Whether a file is left out: the strong rules first, then the deepest weak rules that say anything."""
    verdicts = [rule.verdict(path) for rule in rules]
    strong = next((said for _, said in reversed(verdicts) if said is not None), None)
    weak = next((said for said, _ in reversed(verdicts) if said is not None), None)
    return bool(strong if strong is not None else weak)


def _folder_rules(top: Path, inside: PurePosixPath) -> list[_Rules]:
    file = top / inside / ".gitignore"
    base = "" if not inside.parts else f"{inside.as_posix()}/"
    return [_Rules(base, _spec(_text(file)), _spec(""))] if file.is_file() else []


def _text(file: Path) -> str:
    return read_source(file) if file.is_file() and not file.is_symlink() else ""


def _spec(text: str) -> GitIgnoreSpec:
    return _of_lines(text.splitlines())


def _of_lines(lines: Iterable[str]) -> GitIgnoreSpec:
    """A line that is no pattern says nothing, as to git."""
    return GitIgnoreSpec.from_lines(filter(_is_pattern, lines))


def _is_pattern(line: str) -> bool:
    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True


def _docker_rules(text: str) -> GitIgnoreSpec:
    """``.dockerignore`` as gitignore patterns: there every pattern starts at the top."""
    lines = text.splitlines()
    return _of_lines(_anchored(line.strip()) for line in lines if line.strip() and not line.startswith("#"))


def _anchored(pattern: str) -> str:
    sign, bare = ("!", pattern[1:].strip()) if pattern.startswith("!") else ("", pattern)
    return f"{sign}/{bare.removeprefix('./').lstrip('/')}"


def _is_sendable(top: Path, place: Path) -> bool:
    mode = place.lstat().st_mode
    if stat.S_ISREG(mode):
        return True
    if not stat.S_ISLNK(mode) or os.path.isabs(os.readlink(place)):
        return False
    return Path(os.path.realpath(place)).is_relative_to(top.resolve())


def _size(place: Path) -> int:
    return place.lstat().st_size


def _add(tar: tarfile.TarFile, folder: Path, name: str) -> None:
    place = folder / name
    info = tar.gettarinfo(place, arcname=name)
    info.uid = info.gid = info.mtime = 0
    info.uname = info.gname = ""
    info.mode = 0o755 if info.mode & 0o100 else 0o644
    if info.issym():
        tar.addfile(info)
        return
    if not info.isreg():  # a second name of one file is a file of its own
        info.type, info.linkname, info.size = tarfile.REGTYPE, "", place.stat().st_size
    with place.open("rb") as file:
        tar.addfile(info, file)
