"""Several workers look for due backups at the same moment: one of them takes each. On a real file, and on PostgreSQL."""

from __future__ import annotations

import threading
from shutil import copy

import pytest
from django.db import connection

from fairway.accounts.rules import SYSTEM
from fairway.applications.commands import create_application
from fairway.resources.commands import create_resource
from fairway.resources.models import Backup
from fairway.resources.schedules import take_due_backups
from tests.conftest import make_environment
from tests.engine.conftest import connected_to
from tests.resources.test_commands import bind
from tests.resources.test_schedules import was_due
from tests.services.postgres import postgres_server  # noqa: F401
from tests.services.sharing import shared

WORKERS, TIMES = 4, 5


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request, tmp_path, django_db_blocker):
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_server").create_with_tables("backups")
    else:
        copy(shared("tables")["file"], tmp_path / "backups.sqlite3")
        url = f"sqlite://{tmp_path / 'backups.sqlite3'}"
    with django_db_blocker.unblock(), connected_to(url):
        yield url


def test_workers_that_look_at_the_same_time_take_one(database):
    place = make_environment("staging", runtime="process")
    main = create_resource(actor=SYSTEM, environment=place, kind="postgres", name="main")
    source = {"image": "registry.test/hello:1"}
    hello = create_application(actor=SYSTEM, name="Hello", source_kind="image", source=source)
    bind(SYSTEM, main, hello)
    for time in range(1, TIMES + 1):
        was_due(main, minutes=1)
        assert sorted(_together(take_due_backups)) == [0] * (WORKERS - 1) + [1]
        assert Backup.objects.count() == time
        Backup.objects.update(state="verified", due_at=None)


def _together(act):
    begin, answers = threading.Barrier(WORKERS), []

    def work():
        try:
            begin.wait()
            answers.append(act())
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers
