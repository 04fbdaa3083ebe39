"""What is in an artifact: the packages of a built bundle, or those that the lock files of a source name.

Nothing here fails: what cannot be read is left out, because a list of packages must not end a build that works.
"""

from __future__ import annotations

import json
import mmap
import os
import re
import stat
import tomllib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

MOST = 20_000  # components
LARGEST = 8 * 1024 * 1024  # bytes of one file that is read
DEEPEST = 24  # folders below each other
GO_MAGIC = b"\xff Go buildinf:"
SKIPPED = frozenset({".git", "__pycache__"})
_PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*\])?==([A-Za-z0-9][A-Za-z0-9.!+_-]*)")


@dataclass(frozen=True, order=True)
class Component:
    """One package. `purl` says which ecosystem it is of (https://github.com/package-url/purl-spec); `licence` is an SPDX
    expression if its makers gave one."""

    purl: str
    name: str
    version: str
    licence: str = ""


def of_bundle(folder: Path) -> list[Component]:
    """The packages in a built bundle: Python's and Node's installed ones, and the modules of Go programs."""
    return _collected(_in_file(folder, path) for path in _files(folder))


def of_source(folder: Path) -> list[Component]:
    """The packages that lock files name. Which of them end up in an image is up to its build."""
    found = []
    for path in _files(folder):
        if (read := LOCK_FILES.get(path.name)) and "node_modules" not in path.parts:
            found.append(read(_text(path)))
    return _collected(found)


def _collected(found: Iterable[Iterable[Component]]) -> list[Component]:
    components: set[Component] = set()
    for some in found:
        with suppress(OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            for one in some:
                if one.name and one.version and len(one.purl) < 500 and len(components) < MOST:
                    components.add(one)
    return sorted(components)


def _files(folder: Path) -> Iterator[Path]:
    """The regular files below a folder, without following links."""
    for place, folders, names in os.walk(folder):
        here = Path(place)
        folders[:] = sorted(set(folders) - SKIPPED) if len(here.relative_to(folder).parts) < DEEPEST else []
        for name in sorted(names):
            with suppress(OSError):
                if stat.S_ISREG((here / name).lstat().st_mode):
                    yield here / name


def _text(path: Path) -> str:
    with suppress(OSError):
        if path.lstat().st_size <= LARGEST:
            return path.read_text(encoding="utf-8", errors="replace")
    return ""


def _in_file(folder: Path, path: Path) -> Iterator[Component]:
    parent = path.parent
    if path.name == "METADATA" and parent.name.endswith(".dist-info"):
        yield from _distribution(_text(path))
    elif path.name == "pyvenv.cfg":
        yield from _interpreter(_text(path))
    elif path.name == "package.json" and _is_installed(parent):
        yield from _node_package(_text(path))
    elif path.lstat().st_mode & 0o111 and path.relative_to(folder).parts[0] == "app":
        yield from _go_modules(path)


def _distribution(text: str) -> Iterator[Component]:
    """A distribution by its metadata (https://packaging.python.org/en/latest/specifications/core-metadata/)."""
    headers = HeaderParser().parsestr(text)
    name, version = str(headers["Name"] or ""), str(headers["Version"] or "")
    yield _python(name, version, str(headers["License-Expression"] or ""))


def _python(name: str, version: str, licence: str = "") -> Component:
    normal = re.sub(r"[-_.]+", "-", name).lower()
    return Component(f"pkg:pypi/{quote(normal)}@{quote(version)}", name, version, licence)


def _interpreter(text: str) -> Iterator[Component]:
    if found := re.search(r"^version(?:_info)?\s*=\s*(\d+\.\d+\.\d+)", text, re.MULTILINE):
        yield Component(f"pkg:generic/cpython@{found[1]}", "cpython", found[1])


def _is_installed(folder: Path) -> bool:
    """Whether a folder is ``node_modules/NAME`` or ``node_modules/@SCOPE/NAME``."""
    parent = folder.parent
    return parent.name == "node_modules" or (parent.name.startswith("@") and parent.parent.name == "node_modules")


def _node_package(text: str) -> Iterator[Component]:
    found = json.loads(text)
    licence = found.get("license")
    yield _node(found["name"], found["version"], licence if isinstance(licence, str) else "")


def _node(name: str, version: str, licence: str = "") -> Component:
    return Component(f"pkg:npm/{quote(name)}@{quote(version)}", name, version, licence)


def _go_modules(path: Path) -> Iterator[Component]:
    """The modules that Go 1.18 and newer write into each program (the package ``debug/buildinfo``)."""
    if path.lstat().st_size < len(GO_MAGIC):
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        at = content.find(GO_MAGIC)
        if at < 0 or not content[at + 15] & 2:  # the texts follow the header only then
            return
        version, after = _go_text(content, at + 32)
        modules, _ = _go_text(content, after)
    go = version.decode(errors="replace").removeprefix("go").partition(" ")[0]
    yield Component(f"pkg:golang/stdlib@{quote(go)}", "stdlib", go)
    last: Component | None = None
    for line in modules[16:-16].decode(errors="replace").splitlines():
        kind, _tab, rest = line.partition("\t")
        words = rest.split("\t")
        if kind in {"dep", "=>"} and len(words) >= 2:
            if last is not None and kind == "dep":
                yield last
            last = _go(words[0], words[1])  # “=>” replaces the module before
    if last is not None:
        yield last


def _go_text(content: mmap.mmap, at: int) -> tuple[bytes, int]:
    """A text behind its length (a varint), and where it ends."""
    length = shift = 0
    while True:
        byte = content[at]
        length, shift, at = length | (byte & 127) << shift, shift + 7, at + 1
        if byte < 128:
            break
    if length > LARGEST:
        raise ValueError("too long")
    return content[at : at + length], at + length


def _go(name: str, version: str) -> Component:
    return Component(f"pkg:golang/{quote(name, safe='/')}@{quote(version)}", name, version)


# --- lock files


def _package_lock(text: str) -> Iterator[Component]:
    for place, found in (json.loads(text).get("packages") or {}).items():
        if place and not found.get("dev") and not found.get("link") and "version" in found:
            name = found.get("name") or place.rpartition("node_modules/")[2]
            licence = found.get("license")
            yield _node(name, found["version"], licence if isinstance(licence, str) else "")


def _python_lock(text: str) -> Iterator[Component]:
    """``uv.lock`` and ``poetry.lock``. The project itself, which uv names without a registry, is left out."""
    packages: list[dict[str, Any]] = tomllib.loads(text).get("package", [])
    for found in packages:
        source = found.get("source", {})
        if not {"virtual", "editable"} & set(source):
            yield _python(found["name"], found["version"])


def _requirements(text: str) -> Iterator[Component]:
    for line in text.splitlines():
        if pinned := _PINNED.match(line.strip().replace(" ", "")):
            yield _python(pinned[1], pinned[2])


def _go_sum(text: str) -> Iterator[Component]:
    for line in text.splitlines():
        words = line.split()
        if len(words) == 3 and not words[1].endswith("/go.mod"):
            yield _go(words[0], words[1])


LOCK_FILES: dict[str, Callable[[str], Iterable[Component]]] = {
    "package-lock.json": _package_lock,
    "uv.lock": _python_lock,
    "poetry.lock": _python_lock,
    "requirements.txt": _requirements,
    "go.sum": _go_sum,
}
