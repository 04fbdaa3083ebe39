"""A full disk: nothing is corrupt, the old version serves, everybody is told, and Fairway goes on by itself."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.docker import missing, program
from tests.services.installation import Installation, installed, wait_for
from tests.workflows.conftest import SETTINGS
from tests.workflows.desk import Desk, Visitors

SIZE = 64  # MB of the small disk
FULL = "is full. Free some space there; Fairway goes on by itself."


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small disk of its own: a tmpfs."""
    if os.geteuid() != 0:
        missing("a disk that can be filled needs root, to mount it")
    place = tmp_path_factory.mktemp("small") / "disk"
    place.mkdir()
    mounted = subprocess.run(
        [program("mount", "mount"), "-t", "tmpfs", "-o", f"size={SIZE}m,mode=0700", "tmpfs", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        missing(f"a disk that can be filled cannot be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run([program("umount", "mount"), "--lazy", str(place)], check=True)


@pytest.fixture(scope="module")
def small(disk: Path) -> Iterator[Installation]:
    with installed(disk, **SETTINGS) as one:
        yield one


@pytest.fixture
def there(small: Installation, tmp_path: Path) -> Desk:
    return Desk(small, tmp_path)


@contextlib.contextmanager
def full(disk: Path) -> Iterator[None]:
    """Not a byte is left meanwhile. What others free at that moment is taken too."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (2**20, 4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"\0" * size)
    try:
        yield
    finally:
        filler.unlink()


def is_sound(fairway: Installation) -> bool:
    with contextlib.closing(sqlite3.connect(f"file:{fairway.data}/fairway.sqlite3?mode=ro", uri=True)) as database:
        return bool(database.execute("PRAGMA integrity_check").fetchone() == ("ok",))


def met_by_worker(fairway: Installation) -> int:
    """How often the worker wrote into its log that something could not be written down."""
    text = fairway.log.read_text()
    return text.count("did not answer; trying again") + text.count("cannot be written") + text.count("disk is full")


def use_up_the_database(desk: Desk, slug: str) -> None:
    """SQLite writes on into the log it has; ask until that is full too."""
    where = f"/applications/{slug}/environments/staging/configuration"
    for number in range(500):
        answer = desk.fairway.api("PUT", where, {"variables": {"BALLAST": f"{number} " + "x" * 10_000}})
        if answer.status == 503:
            assert FULL in answer.json["detail"]
            return
    raise AssertionError("a full disk took 5 MB")


def test_what_is_asked_for_on_a_full_disk_is_refused_in_words(there: Desk, disk: Path) -> None:
    slug, first = there.launched("crowded")
    source = there.source("2")
    before = len(there.history(slug))
    with Visitors(there.fairway.proxy_port, f"{slug}.staging.localhost") as visitors, full(disk):
        use_up_the_database(there, slug)
        asked = there.fairway.api("POST", "/deployments", {"application": slug, "environment": "staging"})
        assert (asked.status, asked.json["type"]) == (503, "urn:fairway:problem:disk_full"), asked.text
        assert FULL in asked.json["detail"]
        sent = there.fairway.api("POST", "/uploads", raw=os.urandom(2**20))
        assert (sent.status, sent.json["type"]) == (503, "urn:fairway:problem:disk_full"), sent.text
        assert there.fairway.api("GET", f"/applications/{slug}").status == 200
        there.serves(slug, first, "1")
    assert visitors.failed == []
    assert is_sound(there.fairway)
    assert len(there.history(slug)) == before
    assert list((there.fairway.data / "uploads").glob(".*")) == []
    number = there.fairway.deploy(slug, source=source)
    there.fairway.live(number)
    there.serves(slug, number, "2")
    there.is_whole()


def test_a_build_on_a_full_disk_fails_and_leaves_the_old_version_serving(there: Desk, disk: Path) -> None:
    slug, first = there.launched("builder")
    hold = there.gate()
    with Visitors(there.fairway.proxy_port, f"{slug}.staging.localhost") as visitors:
        number = there.ship(slug, "2", build_held_by=hold.port, build_writes=2 * SIZE)
        wait_for(lambda: "build line 0" in there.fairway.log_of(number), "it builds")
        hold.open()
        found = there.fairway.ended(number)
        there.serves(slug, first, "1")
    assert visitors.failed == []
    assert found["status"] == "failed"
    assert found["sentence"].startswith("The disk is full: ")
    assert "No space left on device" in there.fairway.log_of(number)
    assert not (there.fairway.data / "work" / f"deployment-{number}").exists()
    assert list((there.fairway.data / "cache" / "staging").iterdir()) == []


def test_a_disk_that_fills_in_the_middle_of_a_deployment(there: Desk, disk: Path) -> None:
    slug, _ = there.launched("surprised")
    hold = there.gate()
    with Visitors(there.fairway.proxy_port, f"{slug}.staging.localhost") as visitors:
        number = there.ship(slug, "2", start_held_by=hold.port)
        there.fairway.reached(number, "check")
        told = met_by_worker(there.fairway)
        with full(disk):
            use_up_the_database(there, slug)
            hold.open()
            wait_for(lambda: met_by_worker(there.fairway) > told, "the worker meets the full disk")
        ended = there.fairway.ended(number)
        assert ended["status"] in {"live", "failed", "errored"}
        assert ended["status"] == "live" or "disk" in ended["sentence"].lower()
        after = there.ship(slug, "3")
        there.fairway.live(after)
        there.settles(slug, after, "3")
    assert visitors.failed == []
    assert is_sound(there.fairway)
    there.is_whole()
