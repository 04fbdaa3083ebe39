"""Which database an address means, and that concurrent writers wait on SQLite."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from fairway.config.databases import PATIENCE, SQLITE_PRAGMAS, database_from_url, sqlite_database


def test_an_address_of_postgresql_is_taken_apart() -> None:
    found = database_from_url("postgres://me:p%40ss@db.example.com:5433/fair%20way?sslmode=require")
    assert found["ENGINE"] == "django.db.backends.postgresql"
    names = ("NAME", "USER", "PASSWORD", "HOST", "PORT")
    assert [found[name] for name in names] == ["fair way", "me", "p@ss", "db.example.com", "5433"]
    assert found["OPTIONS"] == {**PATIENCE, "sslmode": "require"}


def test_what_an_address_says_goes_before_our_patience() -> None:
    options = database_from_url("postgres://db.example.com/fairway?connect_timeout=30&options=")["OPTIONS"]
    assert options["connect_timeout"] == "30"
    assert "options" not in options, "a pooler may refuse them"


def test_a_socket_folder_may_be_the_host() -> None:
    assert database_from_url("postgresql://fairway@/test?host=%2Frun%2Fpg")["HOST"] == "/run/pg"


def test_an_address_of_sqlite_is_a_path() -> None:
    assert database_from_url("sqlite:///srv/fair%20way.sqlite3") == sqlite_database(Path("/srv/fair way.sqlite3"))


@pytest.mark.parametrize("url", ["mysql://localhost/fairway", "postgres://localhost", "postgres://localhost/", "fairway"])
def test_anything_else_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="postgres://user:password@host:5432/fairway"):
        database_from_url(url)


def test_sqlite_is_opened_so_that_writers_wait_for_each_other(tmp_path: Path) -> None:
    settings = sqlite_database(tmp_path / "test.sqlite3")
    assert settings["OPTIONS"]["transaction_mode"] == "IMMEDIATE"

    def opened() -> sqlite3.Connection:
        connection = sqlite3.connect(settings["NAME"], timeout=settings["OPTIONS"]["timeout"], isolation_level=None)
        connection.executescript(SQLITE_PRAGMAS)
        return connection

    def write() -> None:
        with closing(opened()) as connection:
            for _ in range(20):
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("UPDATE counter SET n = n + 1")
                connection.execute("COMMIT")

    with closing(opened()) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)
        connection.execute("CREATE TABLE counter (n INTEGER)")
        connection.execute("INSERT INTO counter VALUES (0)")
        writers = [threading.Thread(target=write) for _ in range(4)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert connection.execute("SELECT n FROM counter").fetchone() == (80,)
