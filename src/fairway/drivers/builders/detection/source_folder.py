"""Reads a folder of source code with limits: it never follows links to the outside and never executes anything."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from functools import cached_property
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar, cast

from fairway.shared.source_text import read_source

T = TypeVar("T")
# In bytes. Manifests and entry files are far smaller, and lock files are mostly read by their own tools.
LARGEST_FILE = 512 * 1024
MOST_FILES = 400  # source files that are read at most; enough for most applications
MOST_SEEN = 20_000  # files whose names are read at most
MOST_BYTES = 4 * 1024 * 1024  # bytes of all read source files together; each is parsed
DEEPEST = 3
TOO_DEEP = "has far too many lists or objects inside each other"
MANIFESTS = (
    *("package.json", "deno.json", "requirements.txt", "pyproject.toml", "setup.py", "Pipfile", "go.mod", "Cargo.toml"),
    *("composer.json", "Gemfile", "pom.xml", "build.gradle", "build.gradle.kts", "mix.exs"),
)
SKIPPED = frozenset(
    {".git", ".hg", ".venv", "venv", "env", "node_modules", "__pycache__", ".tox", ".mypy_cache", "site-packages"}
    | {"tests", "test", "docs", "migrations", "examples", "benchmarks"}
)


class SourceFolder:
    """What detection may see of one folder. Paths are relative and use ``/``.

    `top` is the folder of the whole source, for files above this folder, such as the lock file of a workspace.
    """

    def __init__(self, place: Path, top: Path | None = None) -> None:
        self.place = place.resolve()
        self.top = (top or place).resolve()
        self._known: dict[str, tuple[object, Exception | None]] = {}

    def once(self, name: str, read: Callable[[], T]) -> T:
        """The value that `read` returned (or the error it raised) when it was first called under `name`. Readers share
        values that take long to read."""
        if name not in self._known:
            try:
                self._known[name] = (read(), None)
            except Exception as error:
                self._known[name] = (None, error)
        value, raised = self._known[name]
        if raised is not None:
            raise raised
        return cast(T, value)

    def has(self, name: str) -> bool:
        """Whether there is a regular file `name` that does not lie outside of the folder through a link."""
        return self._inside(name) is not None

    def has_folder(self, name: str) -> bool:
        """Whether there is a folder `name` that does not lie outside of this one through a link."""
        folder = (self.place / name).resolve()
        return folder.is_dir() and folder.is_relative_to(self.place)

    def below(self, name: str, *, most: int) -> list[str]:
        """Up to `most` files below a folder, by their paths in it; what leads outside through a link is left out."""
        found = sorted(path for path in (self.place / name).rglob("*") if path.is_file())
        inside = [path for path in found[: most * 10] if path.resolve().is_relative_to(self.place)]
        return [path.relative_to(self.place / name).as_posix() for path in inside][:most]

    def first(self, *names: str) -> str | None:
        """The first of `names` that exists; None if none does."""
        return next((name for name in names if self.has(name)), None)

    def text(self, name: str, *, largest: int = LARGEST_FILE) -> str:
        """The text of a file; "" if it is missing, larger than `largest` bytes, outside of the folder, or binary."""
        path = self._inside(name)
        if path is None or path.stat().st_size > largest:
            return ""
        return read_source(path)

    def toml(self, name: str, *, largest: int = LARGEST_FILE) -> dict[str, Any]:
        """The parsed TOML file; empty if it is missing. Raises `ValueError` if it is not valid TOML."""
        try:
            return tomllib.loads(self.text(name, largest=largest))
        except RecursionError:
            raise ValueError(TOO_DEEP) from None

    def json(self, name: str) -> dict[str, Any]:
        """The parsed JSON object; empty if it is missing. Raises `ValueError` if it is not a JSON object."""
        text = self.text(name)
        if not text:
            return {}
        try:
            data = json.loads(text)
        except RecursionError:
            raise ValueError(TOO_DEEP) from None
        if not isinstance(data, dict):
            raise ValueError("is not a JSON object")
        return data

    def matching(self, *patterns: str) -> tuple[str, ...]:
        """The files in the folder itself (or in a folder that a pattern names) that match one of `patterns`, in the order
        of the patterns."""
        found = [
            folder.relative_to(self.place).as_posix() for pattern in patterns for folder in sorted(self.place.glob(pattern))
        ]
        return tuple(dict.fromkeys(name for name in found if self.has(name)))

    def has_any(self, *patterns: str) -> bool:
        """Whether a file in the folder itself matches one of `patterns`."""
        return bool(self.matching(*patterns))

    def folders_with(self, *patterns: str) -> list[str]:
        """The folders below this one, near the top, with a file that matches one of `patterns`."""
        found = {
            PurePosixPath(name).parent.as_posix(): None for name in self._names if _fits(name, patterns) and self.has(name)
        }
        return [name for name in found if name != "."]

    @cached_property
    def python_files(self) -> tuple[str, ...]:
        """Python files near the top, the topmost first, without those in a subfolder that has its own manifest."""
        own = [f"{name}/" for name in self.folders_with("requirements.txt", "pyproject.toml", "Pipfile", "setup.py")]
        return tuple(name for name in self._files(".py") if not name.startswith(tuple(own)))

    def _files(self, suffix: str) -> tuple[str, ...]:
        found, total = [], 0
        for name in self._names:
            if name.endswith(suffix) and self.has(name):
                found.append(name)
                total += (self.place / name).stat().st_size
            if len(found) >= MOST_FILES or total > MOST_BYTES:
                break
        return tuple(sorted(found, key=lambda name: (name.count("/"), name)))

    @cached_property
    def _names(self) -> tuple[str, ...]:
        """The names of the files near the top, including links; at most `MOST_SEEN`."""
        return tuple(islice(self._walk(), MOST_SEEN))

    def _walk(self) -> Iterator[str]:
        for folder, folders, files in os.walk(self.place):
            inside = PurePosixPath(Path(folder).relative_to(self.place).as_posix())
            depth = len(inside.parts)
            folders[:] = sorted(name for name in folders if name not in SKIPPED and depth < DEEPEST)
            yield from ((inside / name).as_posix() for name in sorted(files))

    def _inside(self, name: str) -> Path | None:
        try:
            path = (self.place / name).resolve()
            return path if path.is_file() and path.is_relative_to(self.place) else None
        except (OSError, RuntimeError):  # a link that points to itself
            return None


def _fits(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(PurePosixPath(name).name, pattern) for pattern in patterns)
