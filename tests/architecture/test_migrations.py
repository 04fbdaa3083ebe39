"""A database made by the migrations, as a first start makes it."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import fairway


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


LATER = """
import django; django.setup()
from pathlib import Path
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from fairway.config import tables
loader = MigrationLoader(connection)
steps = [("fairway", file.stem) for file in sorted(Path("{migrations}").glob("0*.py"))]
before = [node for node in steps if node[1] < "0023" and "squashed" not in node[1]]
others = [node for node in loader.graph.nodes if node[0] != "fairway"]
assert tables.unknown([*others, *before, ("fairway", "9999_later")]) == ["fairway.9999_later"]
tables.load(Path("nowhere"), [*others, *before], {})
assert {name for app, name in tables.applied() if app == "fairway"} == {name for _, name in before}
call_command("migrate", verbosity=0)
assert tables.pending() == []
"""


def test_a_database_that_took_every_step_is_like_one_that_was_made_in_one_go(migrated, tmp_path):
    """Also: a backup of an earlier version is loaded at the state it had."""
    environment = {**os.environ, "FAIRWAY_DATA": str(tmp_path), "DJANGO_SETTINGS_MODULE": "fairway.config.settings"}
    environment.pop("FAIRWAY_DATABASE_URL", None)
    script = LATER.replace("{migrations}", str(Path(fairway.__file__).parent / "migrations"))
    done = subprocess.run([sys.executable, "-c", script], env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert tables_of(tmp_path) == tables_of(migrated)


def tables_of(data):
    """Columns, foreign keys, indexes, constraints and triggers; in which order the columns stand means nothing."""
    found = {}
    with closing(sqlite3.connect(data / "fairway.sqlite3")) as connection:
        for name, made in connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type IN ('table', 'trigger')"
        ).fetchall():
            columns = sorted(str(row[1:]) for row in connection.execute(f"PRAGMA table_info({name})"))
            keys = sorted(str(row[2:]) for row in connection.execute(f"PRAGMA foreign_key_list({name})"))
            constraints = sorted(re.findall(r'CONSTRAINT "(\w+)" (?:CHECK|UNIQUE|FOREIGN)', made))
            found[name] = (columns, keys, constraints) if columns else made
        indexes = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        ).fetchall()
    return found, sorted(indexes)


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
