"""Every test here that asks for `database` runs on SQLite (a real file) and on PostgreSQL, with committed transactions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copy

import pytest
from django.db import connection, connections

from fairway.config.databases import database_from_url
from fairway.engine.models import Run, RunStep, ScheduledTick, Worker
from tests.services.postgres import postgres_server  # noqa: F401

TABLES = (Run, RunStep, Worker, ScheduledTick)


@contextmanager
def connected_to(url: str) -> Iterator[None]:
    """Point this process's default database, in every thread, to `url`."""
    before, ours = connections.settings, connections.configure_settings({"default": database_from_url(url)})
    own = connections["default"]
    connections.settings = ours
    del connections["default"]
    try:
        yield
    finally:
        connections["default"].close()
        connections.settings = before
        connections["default"] = own


def create_tables() -> None:
    with connection.schema_editor() as editor:
        for table in TABLES:
            editor.create_model(table)


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory, django_db_blocker) -> Path:
    place = tmp_path_factory.mktemp("engine") / "empty.sqlite3"
    with django_db_blocker.unblock(), connected_to(f"sqlite://{place}"):
        create_tables()
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return place


@pytest.fixture(scope="session")
def postgres_url(postgres_server, django_db_blocker) -> str:  # noqa: F811
    url = postgres_server.create_database("engine")
    with django_db_blocker.unblock(), connected_to(url):
        create_tables()
    return url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request, tmp_path) -> str:
    if request.param == "postgresql":
        return request.getfixturevalue("postgres_url")
    place = tmp_path / "engine.sqlite3"
    copy(request.getfixturevalue("empty_sqlite"), place)
    return f"sqlite://{place}"


@pytest.fixture
def database(database_url, django_db_blocker) -> Iterator[str]:
    """An empty database with the engine's tables; yields its URL."""
    with django_db_blocker.unblock(), connected_to(database_url):
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                names = ", ".join(table._meta.db_table for table in TABLES)
                cursor.execute(f"TRUNCATE {names} RESTART IDENTITY CASCADE")
        yield database_url
