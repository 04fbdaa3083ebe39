"""Dumps of MariaDB databases: what they consist of, what they hold, and how a restored one takes the place of another.

A dump is one file of SQL: the tables with their rows, a line that begins what depends on them (views, routines, triggers,
events), and a last line, without which a file is not whole.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pymysql

from fairway.drivers.resources.contract import LOOPBACK, Content
from fairway.drivers.resources.mariadb_accounts import Connection, ask, end_connections, make, quoted
from fairway.shared.failures import Retry
from fairway.shared.translation import translate

THROW_AWAY = "look#"  # the names of other databases contain no “#”
DRAFT = "#draft"
BEFORE = "#before"
REST, END = b"-- Fairway: what depends on the tables\n", b"-- Fairway: the end\n"
LOCKED = 1205  # a lock was not given in time
MARK = "#whole"  # the name of a table in a draft that is whole
WAIT = 30  # seconds for a table that is in use
_VIEWS = "SELECT 'VIEW', TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA = %s"
_TRIGGERS = "SELECT 'TRIGGER', TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = %s"
_EVENTS = "SELECT 'EVENT', EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = %s"
_ROUTINES = "SELECT ROUTINE_TYPE, ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = %s"
_CREATES = rb"^((?:/\*![0-9]+ CREATE\*/ )?(?:/\*![0-9]+ |CREATE )(?:OR REPLACE )?DEFINER=)"
_OWNED = re.compile(_CREATES + rb"`[^`]*`@`[^`]*`")
_UNOWNED = re.compile(_CREATES + rb"CURRENT_USER")


def views(connection: Connection, database: str) -> list[str]:
    return [str(name) for _, name in ask(connection, _VIEWS, (database,))]


def dump_words(database: str, views: Sequence[str]) -> list[tuple[str, ...]]:
    """What mariadb-dump is asked for: the tables; routines, triggers and events; views, which may call routines. Empty:
    nothing."""
    common = ("--skip-add-locks", "--skip-dump-date", "--skip-lock-tables", "--hex-blob", "--skip-comments")
    tables = ("--single-transaction", "--quick", "--skip-triggers", *(f"--ignore-table={database}.{view}" for view in views))
    rest = ("--no-create-info", "--no-data", "--triggers", "--routines", "--events", *tables[3:])
    return [
        (*common, *tables, database),
        (*common, *rest, database),
        (*common, "--no-data", "--skip-triggers", database, *views) if views else (),
    ]


def join(parts: Sequence[Path], to: Path) -> None:
    """Make one file of the parts, in which nobody owns anything: whoever reads it becomes the owner. Raises OSError."""
    with open(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        with open(parts[0], "rb") as tables:
            shutil.copyfileobj(tables, file, 1024 * 1024)
        file.write(b"\n" + REST)
        for part in parts[1:]:
            if part.exists():
                file.writelines(_OWNED.sub(b"\\1CURRENT_USER", line) for line in part.read_bytes().splitlines(keepends=True))
                file.write(b"\n")
        file.write(END)


def extract(dump: Path, to: Path, owner: str = "") -> bool:
    """Copy a dump; with `owner`, only what depends on its tables, which then runs in the owner's name. Whether the dump is
    whole. Raises OSError."""
    name = b"\\1`%s`@`%s`" % (owner.encode(), LOOPBACK.encode())
    with open(dump, "rb") as file, open(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as target:
        last, is_rest = b"", False
        for line in file:
            is_rest, last = is_rest or line == REST, line
            if not owner:
                target.write(line)
            elif is_rest:
                target.write(_UNOWNED.sub(name, line))
    return is_rest and last == END


def content(connection: Connection, database: str) -> Content:
    """Every table and its number of rows."""
    rows = {}
    for name, kind in _tables(connection, database):
        if kind != "VIEW":
            rows[name] = int(ask(connection, f"SELECT COUNT(*) FROM {quoted(database)}.{quoted(name)}")[0][0])  # noqa: S608
    return Content(rows)


def forget(connection: Connection, database: str) -> None:
    ask(connection, f"DROP DATABASE IF EXISTS {quoted(database)}")


def exists(connection: Connection, database: str) -> bool:
    words = "SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s"
    return bool(ask(connection, words, (database,)))


def mark(connection: Connection, draft: str) -> None:
    """Mark a draft as whole. The mark is a table, so that it leaves the draft in the statement that moves its tables."""
    ask(connection, f"CREATE TABLE {quoted(draft)}.{quoted(MARK)} (n INT)")


def is_marked(connection: Connection, draft: str) -> bool:
    """Whether the draft still has its tables."""
    return MARK in {name for name, _ in _tables(connection, draft)}


def swap(connection: Connection, draft: str, name: str) -> None:
    """Give `name` the draft's tables, all in one statement. Its own tables are kept beside it until the next swap, with the
    draft's mark. Open connections to the database are ended.

    Raises `Retry` while a table is in use; then nothing has changed.
    """
    before = f"{name}{BEFORE}"
    forget(connection, before)
    make(connection, before)
    ask(connection, f"SET SESSION lock_wait_timeout = {WAIT}")
    connection.select_db(name)
    triggers = _triggers(connection, name)
    _drop(connection, draft, _TRIGGERS)  # they keep a table in its database
    moves = [
        (of, to, table)
        for of, to in ((name, before), (draft, name))
        for table, kind in _tables(connection, of)
        if kind != "VIEW" and table != MARK
    ]
    moves.append((draft, before, MARK))
    end_connections(connection, "DB", name)
    try:
        _await_unused(connection, [f"{quoted(of)}.{quoted(table)}" for of, _, table in moves])
        _drop(connection, name, _TRIGGERS)
        words = ", ".join(f"{quoted(of)}.{quoted(table)} TO {quoted(to)}.{quoted(table)}" for of, to, table in moves)
        ask(connection, f"RENAME TABLE {words}")
    except pymysql.MySQLError as error:
        _make_again(connection, name, triggers)
        if error.args[0] == LOCKED:
            raise Retry(translate("The database is still in use; it is tried again."), detail=str(error)) from None
        raise


def drop_dependents(connection: Connection, database: str) -> None:
    """Drop everything but the tables: it is made again from the dump."""
    for words in (_TRIGGERS, _VIEWS, _EVENTS, _ROUTINES):
        _drop(connection, database, words)


def _await_unused(connection: Connection, tables: Sequence[str]) -> None:
    """Wait until nobody uses the tables, before anything of them is dropped."""
    if tables:
        ask(connection, "LOCK TABLES " + ", ".join(f"{table} WRITE" for table in tables))
        ask(connection, "UNLOCK TABLES")


def _triggers(connection: Connection, database: str) -> dict[str, tuple[str, str]]:
    """What makes the triggers of a database again, by name: the SQL mode, and the statement."""
    names = [str(name) for _, name in ask(connection, _TRIGGERS, (database,))]
    found = {name: ask(connection, f"SHOW CREATE TRIGGER {quoted(database)}.{quoted(name)}")[0] for name in names}
    return {name: (str(one[1]), str(one[2])) for name, one in found.items()}


def _make_again(connection: Connection, database: str, triggers: Mapping[str, tuple[str, str]]) -> None:
    """Make the triggers again that were dropped already."""
    ask(connection, "SET SESSION lock_wait_timeout = DEFAULT")
    there = _triggers(connection, database)
    for name, (mode, statement) in triggers.items():
        if name not in there:
            ask(connection, "SET SESSION sql_mode = %s", (mode,))
            ask(connection, statement)


def _drop(connection: Connection, database: str, words: str) -> None:
    """Drop what is found with these words."""
    for kind, name in ask(connection, words, (database,)):
        ask(connection, f"DROP {kind} IF EXISTS {quoted(database)}.{quoted(name)}")


def _tables(connection: Connection, database: str) -> list[tuple[str, str]]:
    words = "SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s ORDER BY TABLE_NAME"
    return [(str(name), str(kind)) for name, kind in ask(connection, words, (database,)) if kind != "TEMPORARY"]
