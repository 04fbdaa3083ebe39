"""How much lies on the disk, by kind, and what was collected when. Measured by a worker, read by pages."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from fairway.activity.models import Event

COLLECTED = "storage.collected"
LOW_DISK = 2 * 2**30  # bytes free below which builds and pulls soon fail
DATABASE = "database"
KINDS = ("bundles", "cache", "process", "resources", "backups", "uploads", "work", "caddy", "logs")
_FILE = ("run", "storage.json")


@dataclass(frozen=True)
class Taken:
    """What one kind of thing takes: bytes as its files count them (a file with several names counts once), and files."""

    kind: str
    size: int
    files: int


@dataclass(frozen=True)
class Measured:
    """The data directory at one moment; `free` and `total` are bytes of the disk it lies on."""

    at: datetime
    taken: tuple[Taken, ...] = field(default_factory=tuple)
    free: int = 0
    total: int = 0

    @property
    def size(self) -> int:
        return sum(one.size for one in self.taken)

    @property
    def files(self) -> int:
        return sum(one.files for one in self.taken)

    @property
    def is_low(self) -> bool:
        return self.free < LOW_DISK


def measure(data: Path) -> Measured:
    """Walk the data directory. Takes a second or so for a hundred thousand files: not for a web request."""
    seen: set[tuple[int, int]] = set()
    kinds = [Taken(kind, *_count(_below(data / kind), seen)) for kind in KINDS]
    database = Taken(DATABASE, *_count(data.glob("fairway.sqlite3*"), seen))
    disk = shutil.disk_usage(data)
    return Measured(datetime.now(UTC), (database, *kinds), disk.free, disk.total)


def remember(data: Path, measured: Measured) -> None:
    """Keep the figures for pages; the web process may be another one."""
    place = data.joinpath(*_FILE)
    place.parent.mkdir(mode=0o700, exist_ok=True)
    draft = place.with_name(f".{place.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps({**asdict(measured), "at": measured.at.isoformat()}))
    draft.replace(place)


def remembered(data: Path) -> Measured | None:
    """The last figures with the disk's free space as it is now; None before the first round."""
    try:
        kept = json.loads(data.joinpath(*_FILE).read_text())
        taken = tuple(Taken(**one) for one in kept["taken"])
        at = datetime.fromisoformat(kept["at"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    disk = shutil.disk_usage(data)
    return Measured(at, taken, disk.free, disk.total)


def last_collections(limit: int = 10) -> list[Event]:
    """The last rounds that found something, newest first."""
    return list(Event.objects.filter(verb=COLLECTED).order_by("-pk")[:limit])


def _below(folder: Path) -> Iterable[Path]:
    for name, _, files in os.walk(folder):
        for file in files:
            yield Path(name, file)


def _count(places: Iterable[Path], seen: set[tuple[int, int]]) -> tuple[int, int]:
    """(bytes, files). What vanishes meanwhile was not there; what has several names is counted under the first."""
    size = files = 0
    for place in places:
        try:
            facts = place.lstat()
        except OSError:
            continue
        if (facts.st_dev, facts.st_ino) not in seen:
            seen.add((facts.st_dev, facts.st_ino))
            size, files = size + facts.st_size, files + 1
    return size, files
