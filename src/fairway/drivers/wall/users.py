"""Chooses a user id for each placement and for each application that is built. It is kept in a file; no other system knows
it.

No entry in passwd is needed. Two installations on one machine choose from the same range, each at random from a million ids.
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
    """The ids to choose from: those that exist in this user namespace. Empty if none can be spared."""
    try:
        extents = [tuple(map(int, line.split())) for line in table.read_text().splitlines()]
    except (OSError, ValueError):
        return range(0)
    for wanted in (WIDE, NARROW):
        if any(inside <= wanted.start and wanted.stop <= inside + count for inside, _, count in extents):
            return wanted
    return range(0)


class Users:
    """The ids that were assigned, one file each in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def of(self, name: str) -> int:
        """The id of `name` (which is a file name); it is chosen now if there is none yet. Raises OSError."""
        allowed = uids()
        if (known := _read(self.folder / name)) is not None and known in allowed:
            return known  # without the lock: a file is complete once it exists, and never changes
        self.folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        with open(self.folder / ".lock", "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if (known := _read(self.folder / name)) is not None and known in allowed:
                return known  # another process was faster
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
        """Every id that is assigned. Each file is read only once, because there may be a thousand."""
        names = {name for name in os.listdir(self.folder) if not name.startswith(".")}
        known = _known.setdefault(self.folder, {})
        for name in known.keys() - names:
            del known[name]
        for name in names - known.keys():
            if (read := _read(self.folder / name)) is not None:
                known[name] = read
        return set(known.values())


_known: dict[Path, dict[str, int]] = {}  # ids by folder and name; only read and changed under the folder's lock


def _read(path: Path) -> int | None:
    with suppress(OSError, ValueError):
        return int(path.read_text())
    return None
