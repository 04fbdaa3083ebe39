"""Which of the files an instance wrote are worth a word: what it would miss after the next deployment. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import PurePosixPath

from fairway.drivers.runtimes.contract import Written

MOST = 200  # files told of one instance; a thousand more would change nothing of what a person decides
CACHES = frozenset(
    {"__pycache__", ".cache", "cache", ".npm", ".next", ".nuxt", ".pytest_cache", ".mypy_cache", ".ruff_cache"}
    | {".ipynb_checkpoints", ".git", "log", "logs", "tmp", "temp", "staticfiles"}
)
PASSING = (".pyc", ".log", ".pid", ".sock", ".lock", ".tmp", ".swp", "-wal", "-shm", "-journal")


def is_lasting(path: str) -> bool:
    """Whether a file is neither a cache, a log nor something that lives as long as a process. `path` is relative."""
    place = PurePosixPath(path)
    return CACHES.isdisjoint(place.parts[:-1]) and not place.name.endswith(PASSING)


def told(paths: Iterable[str], is_free: Callable[[str], bool]) -> tuple[Written, ...]:
    """What is said of these files, `MOST` at most. `is_free`: whether a folder is the application's data alone, so that a
    volume in its place hides nothing that the next version brings anew."""
    chosen = sorted(path for path in paths if is_lasting(path))[:MOST]
    return tuple(Written(path, _folder(path, is_free)) for path in chosen)


def _folder(path: str, is_free: Callable[[str], bool]) -> str:
    above = [str(folder) for folder in reversed(PurePosixPath(path).parents) if str(folder) not in (".", "/")]
    return next((folder for folder in above if is_free(folder)), "")
