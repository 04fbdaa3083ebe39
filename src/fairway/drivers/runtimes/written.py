"""Decides which files that an instance wrote should be shown: those that it would miss after the next deployment. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import PurePosixPath

from fairway.drivers.runtimes.contract import Written

MOST = 200  # files shown of one instance; more would not help a person to decide
CACHES = frozenset(
    {"__pycache__", ".cache", "cache", ".npm", ".next", ".nuxt", ".pytest_cache", ".mypy_cache", ".ruff_cache"}
    | {".ipynb_checkpoints", ".git", "log", "logs", "tmp", "temp", "staticfiles"}
)
PASSING = (".pyc", ".log", ".pid", ".sock", ".lock", ".tmp", ".swp", "-wal", "-shm", "-journal")


def is_lasting(path: str) -> bool:
    """Whether a file is neither a cache, nor a log, nor a file that is only useful while a process runs. `path` is
    relative."""
    relative = PurePosixPath(path)
    return CACHES.isdisjoint(relative.parts[:-1]) and not relative.name.endswith(PASSING)


def worth_showing(paths: Iterable[str], is_free: Callable[[str], bool]) -> tuple[Written, ...]:
    """The files to show, at most `MOST`. `is_free` says whether a folder contains only the application's data, so that a
    volume there hides nothing that the next version brings."""
    chosen = sorted(path for path in paths if is_lasting(path))[:MOST]
    return tuple(Written(path, _folder(path, is_free)) for path in chosen)


def _folder(path: str, is_free: Callable[[str], bool]) -> str:
    above = [str(folder) for folder in reversed(PurePosixPath(path).parents) if str(folder) not in (".", "/")]
    return next((folder for folder in above if is_free(folder)), "")
