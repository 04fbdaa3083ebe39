"""Disk usage by kind, and the last garbage collections. A worker measures the usage, and pages show it."""

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
LOW_DISK = 2 * 2**30  # free bytes; below this, builds and pulls soon fail
DATABASE = "database"
KINDS = ("bundles", "cache", "process", "resources", "backups", "uploads", "work", "caddy", "logs")
_FILE = ("run", "storage.json")


@dataclass(frozen=True)
class KindUsage:
    """The usage of one kind: the bytes and number of its files; a file with several hard links counts once."""

    kind: str
    size: int
    files: int


@dataclass(frozen=True)
class DiskUsage:
    """The usage of the data directory at time `at`; `free` and `total` are the bytes of its disk."""

    at: datetime
    taken: tuple[KindUsage, ...] = field(default_factory=tuple)
    free: int = 0
    total: int = 0

    @property
    def size(self) -> int:
        return sum(usage.size for usage in self.taken)

    @property
    def files(self) -> int:
        return sum(usage.files for usage in self.taken)

    @property
    def is_low(self) -> bool:
        return self.free < LOW_DISK


def measure(data: Path) -> DiskUsage:
    """Measure the data directory. It takes about a second for a hundred thousand files, so it is not for web requests."""
    seen: set[tuple[int, int]] = set()
    kinds = [KindUsage(kind, *_count(_below(data / kind), seen)) for kind in KINDS]
    database = KindUsage(DATABASE, *_count(data.glob("fairway.sqlite3*"), seen))
    disk = shutil.disk_usage(data)
    return DiskUsage(datetime.now(UTC), (database, *kinds), disk.free, disk.total)


def store_usage(data: Path, measured: DiskUsage) -> None:
    """Store the figures in a file, from which web processes read them."""
    path = data.joinpath(*_FILE)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps({**asdict(measured), "at": measured.at.isoformat()}))
    draft.replace(path)


def stored_usage(data: Path) -> DiskUsage | None:
    """The last figures, with the disk's present free space; None before the first measurement."""
    try:
        kept = json.loads(data.joinpath(*_FILE).read_text())
        taken = tuple(KindUsage(**usage) for usage in kept["taken"])
        at = datetime.fromisoformat(kept["at"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    disk = shutil.disk_usage(data)
    return DiskUsage(at, taken, disk.free, disk.total)


def last_collections(limit: int = 10) -> list[Event]:
    """The events of the last garbage collections that removed something, newest first."""
    return list(Event.objects.filter(verb=COLLECTED).order_by("-pk")[:limit])


def _below(folder: Path) -> Iterable[Path]:
    for name, _, files in os.walk(folder):
        for file in files:
            yield Path(name, file)


def _count(paths: Iterable[Path], seen: set[tuple[int, int]]) -> tuple[int, int]:
    """Returns (bytes, files). Files that vanish meanwhile are not counted; hard links in `seen` are not counted again."""
    size = files = 0
    for path in paths:
        try:
            facts = path.lstat()
        except OSError:
            continue
        if (facts.st_dev, facts.st_ino) not in seen:
            seen.add((facts.st_dev, facts.st_ino))
            size, files = size + facts.st_size, files + 1
    return size, files
