"""What an instance wrote into its own copy of the application: it differs from the bundle, and goes with the instance."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from fairway.drivers.runtimes.contract import Written
from fairway.drivers.runtimes.written import CACHES, told

MOST_LOOKED_AT = 20_000  # files; a larger application is not gone through to its end


def written(work: Path, app: Path, given: Collection[str]) -> tuple[Written, ...]:
    """The files below `work` that the bundle's `app` has not, or has with another size or time; volumes, which are links
    there, and what was `given` to it are none of them."""
    differing = (path for path, entry in _files(work) if path not in given and _differs(entry, app / path))
    return told(differing, lambda folder: _is_free(app / folder))


def _files(work: Path) -> Iterator[tuple[str, os.stat_result]]:
    seen = 0
    for folder, names, files in os.walk(work):
        names[:] = [name for name in names if name not in CACHES]
        for name in files:
            place = Path(folder) / name
            try:
                entry = place.lstat()
            except OSError:  # gone meanwhile
                continue
            if stat.S_ISREG(entry.st_mode):
                yield str(place.relative_to(work)), entry
            seen += 1
            if seen >= MOST_LOOKED_AT:
                return


def _differs(entry: os.stat_result, brought: Path) -> bool:
    try:
        there = brought.lstat()
    except OSError:
        return True
    return (entry.st_size, entry.st_mtime_ns) != (there.st_size, there.st_mtime_ns)


def _is_free(folder: Path) -> bool:
    """Nothing is brought there, but for what keeps an empty folder in a repository (``.gitkeep``)."""
    try:
        with os.scandir(folder) as entries:
            return all(entry.name.startswith(".") and entry.is_file() for entry in entries)
    except FileNotFoundError:
        return True
    except OSError:
        return False
