"""What of all that an instance wrote is told, and where a volume may lie."""

from __future__ import annotations

import os
from pathlib import Path

from fairway.drivers.runtimes.contract import Written
from fairway.drivers.runtimes.docker import leftovers as in_container
from fairway.drivers.runtimes.process import leftovers as in_copy
from fairway.drivers.runtimes.written import MOST, worth_showing


def test_caches_logs_and_what_passes_are_not_told() -> None:
    passing = ["a/__pycache__/x.py", "log/x.txt", ".cache/x", "x.log", "app.pid", "db.sqlite3-wal", "logs/a/b"]
    assert [one.path for one in worth_showing([*passing, "db.sqlite3", "logbook/x"], lambda folder: True)] == [
        "db.sqlite3",
        "logbook/x",
    ]
    assert len(worth_showing([f"f{number}" for number in range(MOST + 5)], lambda folder: True)) == MOST


def test_a_volume_never_hides_what_a_version_brings(tmp_path: Path) -> None:
    """A folder with code is no target, nor is the application's own folder; one with a ``.gitkeep`` is."""
    app, work = tmp_path / "app", tmp_path / "work"
    for place in (app, work):
        for name in ("shop/code.py", "media/.gitkeep"):
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text("brought")
            os.utime(place / name, ns=(1, 1))
    for name in ("shop/db.sqlite3", "shop/data/x", "media/a.png", "db.sqlite3", "given.toml"):
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text("written")
    (work / "shop/code.py").write_text("changed")
    (work / "volume").symlink_to(tmp_path)
    assert in_copy.written(work, app, ["given.toml"]) == (
        Written("db.sqlite3"),
        Written("media/a.png", "media"),
        Written("shop/code.py"),
        Written("shop/data/x", "shop/data"),
        Written("shop/db.sqlite3"),
    )


def test_in_a_container_only_a_folder_that_was_not_there_is_a_target() -> None:
    changes = [
        {"Path": "/app", "Kind": 0}, {"Path": "/app/uploads", "Kind": 1}, {"Path": "/app/uploads/a.png", "Kind": 1},
        {"Path": "/app/shop", "Kind": 0}, {"Path": "/app/shop/db.sqlite3", "Kind": 1}, {"Path": "/app/gone", "Kind": 2},
        {"Path": "/app/given.toml", "Kind": 1}, {"Path": "/app/kept", "Kind": 1}, {"Path": "/tmp", "Kind": 0},
        {"Path": "/tmp/x", "Kind": 1}, {"Path": "/srv", "Kind": 0}, {"Path": "/srv/data", "Kind": 1},
        {"Path": "/srv/data/x", "Kind": 1},
        {"Path": "/usr/sbin/docker-init", "Kind": 1}, {"Path": "/.dockerenv", "Kind": 1},
    ]  # fmt: skip
    assert in_container.written(changes, folder="/app", given=["/app/given.toml", "/app/kept"]) == (
        Written("/srv/data/x", "/srv/data"),
        Written("shop/db.sqlite3"),
        Written("uploads/a.png", "/app/uploads"),
    )
