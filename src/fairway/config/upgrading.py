"""Migrates the database to this version, one process at a time; refuses a database that is newer than the code."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fairway.shared.failures import NeedsPerson

LOCK = 0x0FA1_12AE  # PostgreSQL's advisory locks are numbers; this is Fairway's
MIGRATIONS = Path(__file__).parent.parent / "migrations"


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Hold a lock during the migration, so that processes that start together wait for the first."""
    from django.conf import settings
    from django.db import connection

    if connection.vendor == "postgresql":
        holder = connection.copy()
        try:
            with holder.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
                yield
        finally:
            holder.close()  # this releases the lock
        return
    with open(os.open(settings.DATA.folder("run") / "upgrade.lock", os.O_WRONLY | os.O_CREAT, 0o600), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def migrate() -> None:
    """Migrate the database. Raises `NeedsPerson` if a newer Fairway has migrated it."""
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.loader import MigrationLoader
    from django.db.migrations.recorder import MigrationRecorder

    applied = MigrationRecorder(connection).applied_migrations()
    refuse_newer(name for app, name in applied if app == "fairway")
    if MigrationLoader(connection).graph.nodes.keys() - applied.keys():  # Django would take long to find nothing to do
        call_command("migrate", verbosity=0, interactive=False)


def refuse_newer(applied: Iterable[str]) -> None:
    """Raises `NeedsPerson` if this version does not know one of the migrations in `applied`, Fairway's in the database."""
    from fairway import __version__

    known = {file.stem for file in MIGRATIONS.glob("[0-9]*.py")}
    newer = sorted(set(applied) - known)
    if newer:
        raise NeedsPerson(
            f"This database was written by a newer Fairway (it has {newer[-1]}, which {__version__} does not know). "
            "Start that version, or restore a backup from before the upgrade."
        )
