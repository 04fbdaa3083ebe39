"""A folder as one ``tar.gz``: what ``fairway deploy --path`` sends. The same content always gives the same bytes.

Left out: what ``.dockerignore``, ``.gitignore`` (in every folder) and ``.fairwayignore`` say, the last one that speaks
deciding, so that ``!dist/`` in ``.fairwayignore`` brings a built folder back; what the build makes again (a virtual
environment, known by its ``pyvenv.cfg``; ``node_modules`` beside a ``package.json``; byte code and caches), unless
``.fairwayignore`` brings it back; and always version control, what file managers write, and links that leave the folder.
All of it is said. A browser obeys the same rules (``web/static/js/ignore.js``).
"""

from __future__ import annotations

import gzip
import os
import stat
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pathspec import GitIgnoreSpec

from fairway.shared.failures import Refused
from fairway.shared.left_out import LEAVING, MADE_AGAIN, SPECIAL, LeftOut, always_out
from fairway.shared.source_text import read_source

CACHES = frozenset({"__pycache__", ".tox", ".mypy_cache", ".pytest_cache", ".ruff_cache"})
ALWAYS_IN = frozenset({"Dockerfile", ".dockerignore", "compose.yaml", "compose.yml", "Procfile"})
LARGEST = 1024 * 1024 * 1024  # bytes before compression


@dataclass(frozen=True)
class Packed:
    """What went into the archive: files, and their bytes before compression."""

    place: Path
    files: int
    bytes: int
    left_out: tuple[str, ...] = ()  # sentences


def pack(folder: Path, out: Path, *, largest: int = LARGEST) -> Packed:
    """Write `folder` as a ``tar.gz`` to `out`. Raises `Refused` when it is no folder, empty or larger than `largest`."""
    if not folder.is_dir():
        raise Refused(f"“{folder}” is not a folder; give the folder of the application.")
    chosen, left_out = choose(folder)
    names = [name for name in chosen if (folder / name).absolute() != out.absolute()]
    size = sum(_size(folder / name) for name in names)
    if not names:
        why = " ".join(left_out) or "It is empty."
        raise Refused(f"“{folder}” has nothing to send: it is empty, or everything in it is ignored. {why}")
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
    return Packed(out, len(names), size, tuple(left_out))


def packed_names(folder: Path) -> list[str]:
    """The relative paths of the files and links that `pack` would send, sorted."""
    return choose(folder)[0]


def choose(folder: Path) -> tuple[list[str], list[str]]:
    """(the relative paths that `pack` would send, sorted; sentences about what is left out, and why)."""
    found = _Chosen(folder)
    found.walk(PurePosixPath(), [_top_rules(folder)])
    return sorted(found.names), found.sentences


def _top_rules(folder: Path) -> _Rules:
    return _Rules(
        "", ".dockerignore", _docker_rules(_text(folder / ".dockerignore")), _spec(_text(folder / ".fairwayignore"))
    )


@dataclass(frozen=True)
class _Rules:
    """The ignore rules of one folder: the weaker ones, the file that has them, and those that have the last word."""

    base: str
    file: str
    weak: GitIgnoreSpec
    strong: GitIgnoreSpec

    def verdict(self, path: str) -> tuple[bool | None, bool | None]:
        """(what the weak rules say, what the strong ones say) about a path from the top: ignored, kept, or nothing."""
        inner = path[len(self.base) :]
        return self.weak.check_file(inner).include, self.strong.check_file(inner).include


class _Chosen:
    """What is sent of a folder, and what is not."""

    def __init__(self, top: Path) -> None:
        self._top = top
        self.names: list[str] = []
        self._out: dict[str, str] = {}  # path → reason; a folder's path ends with a slash

    def walk(self, inside: PurePosixPath, rules: list[_Rules]) -> None:
        rules = [*rules, *_folder_rules(self._top, inside)]
        with os.scandir(self._top / inside) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
        names = {entry.name for entry in entries}
        for entry in entries:
            path = (inside / entry.name).as_posix()
            is_folder = entry.is_dir(follow_symlinks=False)
            if why := self._never(path, entry.name, names, rules, is_folder=is_folder):
                self._out[f"{path}/" if is_folder else path] = why
            elif is_folder:
                self.walk(inside / entry.name, rules)
            elif path not in ALWAYS_IN and (why := _ignored_by(path, rules) or _unsendable(self._top, Path(entry.path))):
                self._out[path] = why
            else:
                self.names.append(path)

    def _never(self, path: str, name: str, beside: set[str], rules: list[_Rules], *, is_folder: bool) -> str:
        if why := always_out(name):
            return why
        is_again = is_folder and (
            name in CACHES
            or (name == "node_modules" and "package.json" in beside)
            or (self._top / path / "pyvenv.cfg").is_file()
        )
        is_brought_back = is_again and rules[0].verdict(f"{path}/any")[1] is False
        return MADE_AGAIN if is_again and not is_brought_back else ""

    @property
    def sentences(self) -> list[str]:
        """Of a folder that nothing is sent of, only the folder is named."""
        open_folders = {str(parent) for name in self.names for parent in PurePosixPath(name).parents}
        left_out, seen = LeftOut(), set()
        for path, why in self._out.items():
            above = reversed(PurePosixPath(path).parents[:-1])
            closed = next((str(parent) for parent in above if str(parent) not in open_folders), "")
            name = closed or path.rstrip("/")
            if (why, name) not in seen:
                seen.add((why, name))
                left_out.add(why, name, is_folder=bool(closed) or path.endswith("/"))
        return left_out.sentences


def _ignored_by(path: str, rules: list[_Rules]) -> str:
    """Why the rules leave a file out, "" where they do not: the strong ones first, then the deepest weak ones that speak."""
    verdicts = [(rule.file, *rule.verdict(path)) for rule in reversed(rules)]
    for said, file in [
        *((strong, ".fairwayignore") for _, _, strong in verdicts),
        *((weak, file) for file, weak, _ in verdicts),
    ]:
        if said is not None:
            return f"that {file} names" if said else ""
    return ""


def _folder_rules(top: Path, inside: PurePosixPath) -> list[_Rules]:
    file = top / inside / ".gitignore"
    base = "" if not inside.parts else f"{inside.as_posix()}/"
    return [_Rules(base, ".gitignore", _spec(_text(file)), _spec(""))] if file.is_file() else []


def _text(file: Path) -> str:
    return read_source(file) if file.is_file() and not file.is_symlink() else ""


def _spec(text: str) -> GitIgnoreSpec:
    return _of_lines(text.split("\n"))


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
    lines = text.split("\n")
    return _of_lines(_anchored(line.strip()) for line in lines if line.strip() and not line.startswith("#"))


def _anchored(pattern: str) -> str:
    sign, bare = ("!", pattern[1:].strip()) if pattern.startswith("!") else ("", pattern)
    return f"{sign}/{bare.removeprefix('./').lstrip('/')}"


def _unsendable(top: Path, place: Path) -> str:
    mode = place.lstat().st_mode
    if stat.S_ISREG(mode):
        return ""
    if not stat.S_ISLNK(mode):
        return SPECIAL
    leaves = os.path.isabs(os.readlink(place)) or not Path(os.path.realpath(place)).is_relative_to(top.resolve())
    return LEAVING if leaves else ""


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
