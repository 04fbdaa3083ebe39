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

from fairway.shared.source_text import read_source

MOST = 20_000  # components
LARGEST = 8 * 1024 * 1024  # bytes of one file that is read
DEEPEST = 24  # folders below each other
GO_MAGIC = b"\xff Go buildinf:"
METADATA = frozenset({"METADATA", "pyvenv.cfg", "package.json"})
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
    app = str(folder / "app") + os.sep
    return _collected(
        _in_file(path)
        for place, names in _folders(folder)
        for name in names
        if name in METADATA or place.startswith(app) or place + os.sep == app
        for path in [Path(place, name)]
    )


def of_source(folder: Path) -> list[Component]:
    """The packages that lock files name. Which of them end up in an image is up to its build."""
    return _collected(
        LOCK_FILES[name](_text(Path(place, name)))
        for place, names in _folders(folder)
        if "node_modules" not in Path(place).relative_to(folder).parts
        for name in sorted(LOCK_FILES.keys() & names)
    )


def _collected(found: Iterable[Iterable[Component]]) -> list[Component]:
    components: set[Component] = set()
    for some in found:
        with suppress(OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            for one in some:
                if one.name and one.version and len(one.purl) < 500 and len(components) < MOST:
                    components.add(one)
    return sorted(components)


def _folders(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Each folder below this one, without following links, with the names of its files."""
    top = len(folder.parts)
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - SKIPPED) if place.count(os.sep) - top < DEEPEST else []
        yield place, sorted(names)


def _text(path: Path) -> str:
    """What a regular file holds; "" for a link, a pipe, and a file that is too large or cannot be read."""
    with suppress(OSError):
        found = path.lstat()
        if stat.S_ISREG(found.st_mode) and found.st_size <= LARGEST:
            return read_source(path)
    return ""


def _in_file(path: Path) -> Iterator[Component]:
    if path.name == "METADATA":
        yield from _distribution(_text(path)) if path.parent.name.endswith(".dist-info") else ()
    elif path.name == "pyvenv.cfg":
        yield from _interpreter(_text(path))
    elif path.name == "package.json":
        yield from _node_package(_text(path)) if _is_installed(path.parent) else ()
    else:
        found = path.lstat()
        if stat.S_ISREG(found.st_mode) and found.st_mode & 0o111 and found.st_size > len(GO_MAGIC):
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


def _cargo_lock(text: str) -> Iterator[Component]:
    """Packages without a source are the project's own."""
    for found in tomllib.loads(text).get("package", []):
        if "source" in found:
            name, version = found["name"], found["version"]
            yield Component(f"pkg:cargo/{quote(name)}@{quote(version)}", name, version)


def _composer_lock(text: str) -> Iterator[Component]:
    for found in json.loads(text).get("packages") or []:
        name, version = found["name"], found["version"]
        yield Component(f"pkg:composer/{quote(name, safe='/')}@{quote(version)}", name, version)


def _gemfile_lock(text: str) -> Iterator[Component]:
    """The lines ``NAME (VERSION)`` below ``specs:`` are indented by four; those of what they need, by six."""
    for name, version in re.findall(r"^ {4}([\w.-]+) \(([\w.-]+)\)$", text, re.MULTILINE):
        yield Component(f"pkg:gem/{quote(name)}@{quote(version)}", name, version)


LOCK_FILES: dict[str, Callable[[str], Iterable[Component]]] = {
    "package-lock.json": _package_lock,
    "uv.lock": _python_lock,
    "poetry.lock": _python_lock,
    "requirements.txt": _requirements,
    "go.sum": _go_sum,
    "Cargo.lock": _cargo_lock,
    "composer.lock": _composer_lock,
    "Gemfile.lock": _gemfile_lock,
}
