"""A user id for each placement and each application that is built: chosen once, kept in a file, known to no other system.

No entry in passwd is needed. Two installations on one machine choose from the same range, each at random from a million.
"""

from __future__ import annotations

import fcntl
import os
import random
from contextlib import suppress
from pathlib import Path
from typing import Final

# systemd calls 1879048192–2147483646 unused (systemd.io, "Users, Groups, UIDs and GIDs"); containers map far less.
WIDE: Final = range(1_900_000_000, 1_901_048_576)
NARROW: Final = range(40_000, 60_000)


def uids(table: Path = Path("/proc/self/uid_map")) -> range:
    """The ids to choose from: those that exist in this user namespace. Empty where there are none to spare."""
    try:
        extents = [tuple(map(int, line.split())) for line in table.read_text().splitlines()]
    except (OSError, ValueError):
        return range(0)
    for wanted in (WIDE, NARROW):
        if any(inside <= wanted.start and wanted.stop <= inside + count for inside, _, count in extents):
            return wanted
    return range(0)


class Users:
    """The ids that were given, one file each below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def of(self, name: str) -> int:
        """The id that belongs to `name` (a file name), chosen now if it has none. Raises OSError."""
        allowed = uids()
        if (known := _read(self.folder / name)) is not None and known in allowed:
            return known  # a file that is there is whole, and stays
        self.folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        with open(self.folder / ".lock", "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if (known := _read(self.folder / name)) is not None and known in allowed:
                return known  # another was faster
            chosen = self._choose(allowed, self._taken())
            draft = self.folder / f".{name}.draft"
            draft.write_text(str(chosen))
            os.replace(draft, self.folder / name)
            _known[self.folder][name] = chosen
        return chosen

    def _choose(self, allowed: range, taken: set[int]) -> int:
        while True:
            chosen = random.choice(allowed)  # noqa: S311 -- not a secret, only unlikely to be another installation's
            if chosen not in taken:
                return chosen

    def _taken(self) -> set[int]:
        """Every id that somebody has. Each file is read once: there may be a thousand."""
        names = {name for name in os.listdir(self.folder) if not name.startswith(".")}
        known = _known.setdefault(self.folder, {})
        for name in known.keys() - names:
            del known[name]
        for name in names - known.keys():
            if (read := _read(self.folder / name)) is not None:
                known[name] = read
        return set(known.values())


_known: dict[Path, dict[str, int]] = {}  # ids by name, by folder; only whoever holds the folder's lock looks here


def _read(place: Path) -> int | None:
    with suppress(OSError, ValueError):
        return int(place.read_text())
    return None
