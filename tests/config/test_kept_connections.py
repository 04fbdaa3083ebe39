"""Connections to SQLite that are closed are kept for the next request, and show nothing of the one before."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_django
from django.db import OperationalError
from django.db.utils import ConnectionHandler

from fairway.config.databases import sqlite_database
from fairway.config.sqlite3.base import IDLE, MOST, DatabaseWrapper


@pytest.fixture
def place(tmp_path: Path, django_db_blocker: pytest_django.DjangoDbBlocker) -> Iterator[Path]:
    """A database with one empty table, in a process that keeps connections."""
    with django_db_blocker.unblock():  # the test run's own database is not touched
        IDLE.begin()
        with opened(tmp_path / "one.sqlite3") as first:
            run(first, "CREATE TABLE word (text)")
        yield tmp_path / "one.sqlite3"
        IDLE.end()


class opened:
    """A wrapper of its own, as each thread has one; closed at the end."""

    def __init__(self, place: Path) -> None:
        self.one: DatabaseWrapper = ConnectionHandler({"default": sqlite_database(place)})["default"]  # type: ignore[assignment]
        self.one.inc_thread_sharing()

    def __enter__(self) -> DatabaseWrapper:
        self.one.ensure_connection()
        return self.one

    def __exit__(self, *_: object) -> None:
        self.one.close()


def run(one: DatabaseWrapper, words: str) -> list[tuple[object, ...]]:
    with one.cursor() as cursor:
        return list(cursor.execute(words).fetchall())


def test_the_next_one_gets_the_same_connection_as_it_was_when_new(place: Path) -> None:
    with opened(place) as one:
        used = one.connection
        run(one, "PRAGMA foreign_keys = OFF")
    with opened(place) as other:
        assert other.connection is used
        assert run(other, "PRAGMA foreign_keys") == [(1,)]
        assert run(other, "PRAGMA busy_timeout") == [(20000,)]


def test_two_at_once_have_two_and_few_are_kept(place: Path) -> None:
    all_at_once = [opened(place) for _ in range(MOST + 2)]
    used = {id(each.__enter__().connection) for each in all_at_once}
    assert len(used) == MOST + 2
    for each in all_at_once:
        each.__exit__()
    assert len(IDLE._kept) == MOST


def test_a_cursor_left_open_does_not_keep_the_past_before_the_next_ones_eyes(place: Path) -> None:
    with opened(place) as one:
        run(one, "INSERT INTO word VALUES ('a'), ('b'), ('c')")
        left = one.cursor()
        left.execute("SELECT text FROM word")
        assert left.fetchone() == ("a",)
        used = one.connection
    with opened(place) as other, opened(place) as beside:
        assert other.connection is used
        run(beside, "DELETE FROM word")
        assert run(other, "SELECT count(*) FROM word") == [(0,)]
    del left


def test_what_was_not_committed_is_not_kept(place: Path) -> None:
    one = opened(place)
    with one as begun:
        begun.set_autocommit(False)
        run(begun, "INSERT INTO word VALUES ('lost')")
        used = begun.connection
    with opened(place) as other:
        assert other.connection is not used
        assert run(other, "SELECT * FROM word") == []


def test_after_an_error_a_connection_is_opened_anew(place: Path) -> None:
    with opened(place) as one:
        with pytest.raises(OperationalError):
            run(one, "SELECT * FROM nothing")
        used = one.connection
    with opened(place) as other:
        assert other.connection is not used


def test_another_file_in_its_place_is_what_is_read(place: Path) -> None:
    with opened(place.with_name("restored.sqlite3")) as other:
        run(other, "CREATE TABLE word AS SELECT 'restored' AS text")
        run(other, "PRAGMA wal_checkpoint(TRUNCATE)")
    place.with_name("restored.sqlite3").rename(place)
    with opened(place) as now:
        assert run(now, "SELECT text FROM word") == [("restored",)]


def test_no_connection_is_carried_across_a_fork(place: Path) -> None:
    assert IDLE._kept
    pid = os.fork()
    if not pid:
        os._exit(len(IDLE._kept))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert not IDLE._kept


def test_programs_that_open_one_and_end_keep_none(place: Path) -> None:
    IDLE.end()
    with opened(place) as one:
        run(one, "INSERT INTO word VALUES ('a')")
    assert not IDLE._kept
    assert not place.with_name(f"{place.name}-wal").exists()
