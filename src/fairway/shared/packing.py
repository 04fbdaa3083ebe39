"""Packs a folder into one ``tar.gz``, which ``fairway deploy --path`` sends. The same content always gives the same bytes.

Left out are files that ``.dockerignore``, ``.gitignore`` (in every folder) and ``.fairwayignore`` name. The last file with a
matching rule decides, so ``!dist/`` in ``.fairwayignore`` includes a built folder again. Left out unless ``.fairwayignore``
includes it: what the build makes again (a virtual environment, known by its ``pyvenv.cfg``; ``node_modules`` beside a
``package.json``; byte code and caches). Always left out: version control, files that file managers write, and links that
leave the folder. The person is told about each. Uploads in a browser follow the same rules (``web/static/js/ignore.js``).
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
    """The archive at `path`: how many files it has, and their size in bytes before compression."""

    path: Path
    files: int
    bytes: int
    left_out: tuple[str, ...] = ()  # sentences


def pack(folder: Path, out: Path, *, largest: int = LARGEST) -> Packed:
    """Write `folder` as a ``tar.gz`` to `out`. Raises `Refused` if it is not a folder, is empty, or exceeds `largest`
    bytes."""
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
    """Returns (the relative paths that `pack` would send, sorted; sentences that say what is left out and why)."""
    found = _Chosen(folder)
    found.walk(PurePosixPath(), [_top_rules(folder)])
    return sorted(found.names), found.sentences


def _top_rules(folder: Path) -> _Rules:
    return _Rules(
        "", ".dockerignore", _docker_rules(_text(folder / ".dockerignore")), _spec(_text(folder / ".fairwayignore"))
    )


@dataclass(frozen=True)
class _Rules:
    """The ignore rules of one folder: `weak` ones from `file`, and `strong` ones (``.fairwayignore``), which overrule
    them."""

    base: str
    file: str
    weak: GitIgnoreSpec
    strong: GitIgnoreSpec

    def verdict(self, path: str) -> tuple[bool | None, bool | None]:
        """Returns (verdict of the weak rules, verdict of the strong rules) on a path from the top folder: True is ignored,
        False is included, None is no verdict."""
        inner = path[len(self.base) :]
        return self.weak.check_file(inner).include, self.strong.check_file(inner).include


class _Chosen:
    """Sorts the files of a folder into those that are sent (`names`) and those that are left out."""

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
        """Sentences about what is left out. A folder of which nothing is sent is named once, not file by file."""
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
    """Why the rules leave a file out; "" if they do not. Strong rules come first, then the deepest folder with a verdict."""
    verdicts = [(rule.file, *rule.verdict(path)) for rule in reversed(rules)]
    for verdict, file in [
        *((strong, ".fairwayignore") for _, _, strong in verdicts),
        *((weak, file) for file, weak, _ in verdicts),
    ]:
        if verdict is not None:
            return f"that {file} names" if verdict else ""
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
    """The rules of these lines. Lines that are not valid patterns are ignored, as git does."""
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


def _unsendable(top: Path, path: Path) -> str:
    mode = path.lstat().st_mode
    if stat.S_ISREG(mode):
        return ""
    if not stat.S_ISLNK(mode):
        return SPECIAL
    leaves = os.path.isabs(os.readlink(path)) or not Path(os.path.realpath(path)).is_relative_to(top.resolve())
    return LEAVING if leaves else ""


def _size(path: Path) -> int:
    return path.lstat().st_size


def _add(tar: tarfile.TarFile, folder: Path, name: str) -> None:
    path = folder / name
    info = tar.gettarinfo(path, arcname=name)
    info.uid = info.gid = info.mtime = 0
    info.uname = info.gname = ""
    info.mode = 0o755 if info.mode & 0o100 else 0o644
    if info.issym():
        tar.addfile(info)
        return
    if not info.isreg():  # a hard link is sent as a file of its own
        info.type, info.linkname, info.size = tarfile.REGTYPE, "", path.stat().st_size
    with path.open("rb") as file:
        tar.addfile(info, file)
