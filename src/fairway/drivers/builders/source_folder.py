"""A folder of source code, read carefully: bounded, never followed outside, never executed."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from fairway.shared.source_text import read_source

LARGEST_FILE = 512 * 1024  # bytes; manifests and entry files are far smaller, lock files are read by their tools
MOST_FILES = 400  # source files looked at; enough for a small application, bounded for a huge one
MOST_BYTES = 4 * 1024 * 1024  # of all of them together: each is parsed
DEEPEST = 3
TOO_DEEP = "has far too many lists or objects inside each other"
SKIPPED = frozenset(
    {".git", ".hg", ".venv", "venv", "env", "node_modules", "__pycache__", ".tox", ".mypy_cache", "site-packages"}
    | {"tests", "test", "docs", "migrations", "examples", "benchmarks"}
)


class SourceFolder:
    """What detection may see of one folder. Paths are relative, with ``/``."""

    def __init__(self, place: Path) -> None:
        self.place = place.resolve()

    def has(self, name: str) -> bool:
        """Whether there is a regular file `name` that does not lie outside through a link."""
        return self._inside(name) is not None

    def has_folder(self, name: str) -> bool:
        place = (self.place / name).resolve()
        return place.is_dir() and place.is_relative_to(self.place)

    def first(self, *names: str) -> str | None:
        """The first of `names` that is there."""
        return next((name for name in names if self.has(name)), None)

    def text(self, name: str, *, largest: int = LARGEST_FILE) -> str:
        """The file's text, "" when it is missing, too large, outside or binary."""
        place = self._inside(name)
        if place is None or place.stat().st_size > largest:
            return ""
        return read_source(place)

    def toml(self, name: str, *, largest: int = LARGEST_FILE) -> dict[str, Any]:
        """The parsed TOML file, empty when missing. Raises `ValueError` when it cannot be read as TOML."""
        try:
            return tomllib.loads(self.text(name, largest=largest))
        except RecursionError:
            raise ValueError(TOO_DEEP) from None

    def json(self, name: str) -> dict[str, Any]:
        """The parsed JSON object, empty when missing. Raises `ValueError` when it is not one."""
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

    @cached_property
    def python_files(self) -> tuple[str, ...]:
        """Python files near the top, shallow ones first."""
        return self._files(".py")

    def _files(self, suffix: str) -> tuple[str, ...]:
        found, total = [], 0
        for name in self._walk():
            if name.endswith(suffix):
                found.append(name)
                total += (self.place / name).stat().st_size
            if len(found) >= MOST_FILES or total > MOST_BYTES:
                break
        return tuple(sorted(found, key=lambda name: (name.count("/"), name)))

    def _walk(self) -> Iterator[str]:
        for folder, folders, files in os.walk(self.place):
            inside = Path(folder).relative_to(self.place)
            depth = len(inside.parts)
            folders[:] = sorted(name for name in folders if name not in SKIPPED and depth < DEEPEST)
            for name in sorted(files):
                relative = (inside / name).as_posix()
                if self.has(relative):
                    yield relative

    def _inside(self, name: str) -> Path | None:
        try:
            place = (self.place / name).resolve()
            return place if place.is_file() and place.is_relative_to(self.place) else None
        except (OSError, RuntimeError):  # a link that points at itself
            return None
