"""Threads of one process write to SQLite in the order in which they came."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import pytest_django
from django.db import IntegrityError, OperationalError
from django.db.utils import ConnectionHandler

from fairway.config.databases import sqlite_database
from fairway.config.sqlite3.base import IDLE
from fairway.config.sqlite3.turns import LINES, Line
from tests.services.waiting import eventually


@pytest.fixture
def place(tmp_path: Path, django_db_blocker: pytest_django.DjangoDbBlocker) -> Iterator[Path]:
    """A database with one empty table, in a process that keeps connections."""
    with django_db_blocker.unblock():
        IDLE.begin()
        Writer(tmp_path / "one.sqlite3").run("CREATE TABLE word (text UNIQUE)")
        yield tmp_path / "one.sqlite3"
        IDLE.end()


class Writer:
    """A connection of one's own, as each thread has one."""

    def __init__(self, place: Path, timeout: float = 20) -> None:
        database = sqlite_database(place)
        database["OPTIONS"]["timeout"] = timeout
        self.handler = ConnectionHandler({"default": database})

    def run(self, statement: str, while_open: Callable[[], object] = lambda: None) -> None:
        """Run one statement in a transaction; `while_open` is called before it ends."""
        one = self.handler["default"]
        try:
            with _atomic(one):
                with one.cursor() as cursor:
                    cursor.execute(statement)
                while_open()
        finally:
            one.close()


class _atomic:
    """`transaction.atomic` for a connection that is not one of the project's."""

    def __init__(self, one: object) -> None:
        self.one = one

    def __enter__(self) -> None:
        self.one.ensure_connection()  # type: ignore[attr-defined]
        self.one.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)  # type: ignore[attr-defined]

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.one.commit()  # type: ignore[attr-defined]
        else:
            self.one.rollback()  # type: ignore[attr-defined]
        self.one.set_autocommit(True)  # type: ignore[attr-defined]


def started(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def line(place: Path) -> Line:
    return LINES.before(str(place))


def test_those_who_wait_begin_in_the_order_in_which_they_came(place: Path) -> None:
    order: list[int] = []
    holds, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        Writer(place).run("INSERT INTO word VALUES ('first')", lambda: (holds.set(), may_end.wait(60)))

    def write(number: int) -> None:
        Writer(place).run(f"INSERT INTO word VALUES ('{number}')", lambda: order.append(number))

    threads = [started(hold)]
    assert holds.wait(60)
    for number in range(20):
        threads.append(started(lambda number=number: write(number)))  # type: ignore[misc]
        eventually(lambda: len(line(place)) == number + 1, "it stands in line")  # noqa: B023
    may_end.set()
    for thread in threads:
        thread.join(60)
    assert order == list(range(20))
    assert len(line(place)) == 0


def test_whoever_waits_too_long_is_told_as_sqlite_would(place: Path) -> None:
    holds, may_end = threading.Event(), threading.Event()
    holder = started(lambda: Writer(place).run("INSERT INTO word VALUES ('a')", lambda: (holds.set(), may_end.wait(60))))
    assert holds.wait(60)
    with pytest.raises(OperationalError, match="database is locked"):
        Writer(place, timeout=0.05).run("INSERT INTO word VALUES ('b')")
    assert len(line(place)) == 0, "it does not stand there any more"
    may_end.set()
    holder.join(60)
    Writer(place).run("INSERT INTO word VALUES ('c')")


@pytest.mark.parametrize("statement", ["INSERT INTO word VALUES ('a')", "INSERT INTO nowhere VALUES (1)"])
def test_a_turn_ends_however_its_transaction_does(place: Path, statement: str) -> None:
    Writer(place).run("INSERT INTO word VALUES ('a')")
    with pytest.raises((IntegrityError, OperationalError)):
        Writer(place).run(statement)
    other = started(lambda: Writer(place).run("INSERT INTO word VALUES ('b')"))
    other.join(60)
    assert not other.is_alive()


def test_a_connection_that_is_closed_in_a_transaction_gives_its_turn_up(place: Path) -> None:
    one = Writer(place).handler["default"]
    one.ensure_connection()
    one.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
    one.close()
    other = started(lambda: Writer(place).run("INSERT INTO word VALUES ('b')"))
    other.join(60)
    assert not other.is_alive()


def test_a_thread_never_waits_for_itself(place: Path) -> None:
    """With two connections it is refused by SQLite, soon, instead of standing behind itself."""
    line_of = line(place)
    first = line_of.join(1)
    assert first is not None
    second = line_of.join(1)
    assert second is not None
    line_of.leave(second)
    assert started_and_waits(line_of)
    line_of.leave(first)


def started_and_waits(line_of: Line) -> bool:
    thread = started(lambda: line_of.join(0.01))
    thread.join(60)
    return len(line_of) == 0


def test_a_new_process_has_lines_of_its_own(place: Path) -> None:
    """A process is forked while a thread of the old one has its turn."""
    turn = line(place).join(1)
    assert turn is not None
    child = os.fork()
    if child == 0:
        os._exit(0 if line(place).join(0) is not None else 1)
    assert os.waitpid(child, 0)[1] == 0
    line(place).leave(turn)
