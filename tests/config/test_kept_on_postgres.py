"""Connections to PostgreSQL that are closed are kept for the next thread, and replaced when their server has ended them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest
import pytest_django
from django.db import OperationalError, connection, connections

from fairway.config import databases
from fairway.config.databases import kept_connections
from fairway.engine import waking
from tests.engine.conftest import connected_to
from tests.services.postgres import SharedPostgres, postgres_server  # noqa: F401
from tests.services.waiting import eventually

pytestmark = pytest.mark.postgres
T = TypeVar("T")
SESSION = "SELECT pg_backend_pid()"
LISTENS = "SELECT count(*) FROM pg_listening_channels()"


@pytest.fixture
def url(postgres_server: SharedPostgres) -> str:  # noqa: F811
    return postgres_server.create_database("kept")


@pytest.fixture
def kept(url: str, monkeypatch: pytest.MonkeyPatch, django_db_blocker: pytest_django.DjangoDbBlocker) -> Iterator[None]:
    """A process on a database of its own that has two connections at most."""
    monkeypatch.setitem(databases.MOST_CONNECTIONS, "web", 2)
    monkeypatch.setitem(databases.POOL, "timeout", 0.5)
    with django_db_blocker.unblock(), connected_to(url), kept_connections("web"):
        yield


def in_a_thread(work: Callable[[], T]) -> T:
    """As each request has one, which closes its connection at the end."""

    def closing() -> T:
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(closing).result()


def ask(words: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(words)
        return cursor.fetchone()[0]


def test_the_next_thread_gets_the_same_connection(kept: None) -> None:
    assert in_a_thread(lambda: ask(SESSION)) == in_a_thread(lambda: ask(SESSION))


def test_without_that_each_thread_connects(url: str, django_db_blocker: pytest_django.DjangoDbBlocker) -> None:
    with django_db_blocker.unblock(), connected_to(url):
        assert in_a_thread(lambda: ask(SESSION)) != in_a_thread(lambda: ask(SESSION))


def test_a_connection_that_the_server_has_ended_is_replaced(kept: None, postgres_server: SharedPostgres) -> None:  # noqa: F811
    ended = in_a_thread(lambda: ask(SESSION))
    with postgres_server.connect("postgres") as administrator:
        administrator.execute("SELECT pg_terminate_backend(%s, 5000)", [ended])
    assert in_a_thread(lambda: ask(SESSION)) != ended


def test_what_was_not_committed_is_not_kept(kept: None) -> None:
    def begin() -> None:
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE word (text text)")
            connection.set_autocommit(False)
            cursor.execute("INSERT INTO word VALUES ('lost')")

    in_a_thread(begin)
    assert in_a_thread(lambda: (ask("SELECT count(*) FROM word"), connection.get_autocommit())) == (0, True)


def test_one_too_many_waits_and_is_then_told_that_the_database_cannot_be_used(kept: None) -> None:
    ask(SESSION)
    free, is_taken = threading.Event(), threading.Event()

    def hold() -> None:
        ask(SESSION)
        is_taken.set()
        free.wait()

    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(in_a_thread, hold)
        is_taken.wait()
        with pytest.raises(OperationalError):
            in_a_thread(lambda: ask(SESSION))
        free.set()
        held.result()
    assert in_a_thread(lambda: ask("SELECT 1")) == 1


def test_whoever_gets_the_connection_of_a_listener_hears_nothing(kept: None) -> None:
    wakeup, stop = threading.Event(), threading.Event()
    listener = threading.Thread(target=waking.listen, args=(wakeup, stop, 0.1))
    listener.start()
    eventually(wakeup.is_set, "it listens")
    stop.set()
    waking.notify()  # it looks whether it shall stop
    listener.join()
    connection.close()
    assert {in_a_thread(lambda: ask(LISTENS)) for _ in range(2)} == {0}


def test_nothing_stays_open_when_the_process_ends(url: str, django_db_blocker: pytest_django.DjangoDbBlocker) -> None:
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with django_db_blocker.unblock(), connected_to(url):
        with kept_connections("worker"):
            in_a_thread(lambda: ask(SESSION))
        eventually(lambda: ask(others) == 0, "all of them are closed")
