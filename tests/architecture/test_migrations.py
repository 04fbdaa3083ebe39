"""A database made by the migrations, as a first start makes it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest


@pytest.fixture(scope="module")
def migrated(tmp_path_factory):
    data = tmp_path_factory.mktemp("migrated")
    environment = {**os.environ, "FAIRWAY_DATA": str(data), "DJANGO_SETTINGS_MODULE": "fairway.config.settings"}
    environment.pop("FAIRWAY_DATABASE_URL", None)
    command = [sys.executable, "-m", "django", "migrate", "--verbosity", "0"]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return data


def test_nothing_waits_to_be_migrated(migrated):
    environment = {**os.environ, "FAIRWAY_DATA": str(migrated), "DJANGO_SETTINGS_MODULE": "fairway.config.settings"}
    command = [sys.executable, "-m", "django", "makemigrations", "--check", "--dry-run", "fairway"]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("statement", ["UPDATE fairway_event SET comment = 'x'", "DELETE FROM fairway_event"])
def test_events_can_be_neither_changed_nor_deleted(migrated, statement):
    with closing(sqlite3.connect(migrated / "fairway.sqlite3")) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(fairway_event)") if row[1] != "id"]
        marks = ", ".join("?" for _ in columns)
        values = ["{}" if name in ("before", "after") else f"{name}-{statement[:6]}" for name in columns]
        connection.execute(f"INSERT INTO fairway_event ({', '.join(columns)}) VALUES ({marks})", values)
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)


def test_keys_and_database_are_readable_by_their_owner_only(migrated):
    for path in [migrated, *migrated.iterdir(), *(migrated / "keys").iterdir()]:
        assert path.stat().st_mode & 0o077 == 0, path
