"""Finds files that an instance wrote into its own copy of the application: they differ from the bundle, and are lost with
the instance."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from fairway.drivers.runtimes.contract import Written
from fairway.drivers.runtimes.written import CACHES, worth_showing

MOST_LOOKED_AT = 20_000  # files; in a larger application the rest is not checked


def written(work: Path, app: Path, given: Collection[str]) -> tuple[Written, ...]:
    """The files in `work` that the bundle's `app` does not have, or has with another size or time. Volumes (which are links
    there) and `given` files are not included."""
    differing = (path for path, entry in _files(work) if path not in given and _differs(entry, app / path))
    return worth_showing(differing, lambda folder: _is_free(app / folder))


def _files(work: Path) -> Iterator[tuple[str, os.stat_result]]:
    seen = 0
    for folder, names, files in os.walk(work):
        names[:] = [name for name in names if name not in CACHES]
        for name in files:
            path = Path(folder) / name
            try:
                entry = path.lstat()
            except OSError:  # it was removed meanwhile
                continue
            if stat.S_ISREG(entry.st_mode):
                yield str(path.relative_to(work)), entry
            seen += 1
            if seen >= MOST_LOOKED_AT:
                return


def _differs(entry: os.stat_result, brought: Path) -> bool:
    try:
        original = brought.lstat()
    except OSError:
        return True
    return (entry.st_size, entry.st_mtime_ns) != (original.st_size, original.st_mtime_ns)


def _is_free(folder: Path) -> bool:
    """Whether the bundle brings nothing in this folder, except a file that keeps an empty folder in a repository
    (``.gitkeep``)."""
    try:
        with os.scandir(folder) as entries:
            return all(entry.name.startswith(".") and entry.is_file() for entry in entries)
    except FileNotFoundError:
        return True
    except OSError:
        return False
