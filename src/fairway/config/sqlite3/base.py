"""Django's SQLite backend, with a pool of connections and with writers in the order in which they came.

When a connection is closed, it is kept, and the next thread gets it.

Each request has a thread of its own and closes its connection at the end; each round of the worker's threads does so, too.
Opening a connection takes 3 ms of a core, because functions are registered and the schema is read again; a usual query takes
0.5 ms. About the order of writers see `turns`.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from typing import Any
from weakref import WeakSet

from django.db import OperationalError
from django.db.backends.sqlite3 import base

from fairway.config.sqlite3.turns import LINES, Line, Turn

MOST = 2  # idle connections per process; each may have some megabytes of pages in memory


class Connection(sqlite3.Connection):
    """A connection that knows its cursors and the file on which it was opened."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.cursors: WeakSet[sqlite3.Cursor] = WeakSet()
        self.path, self.file = "", (0, 0)


class Idle:
    """The pool of idle connections. Nothing is kept before `begin`, because most programs open one connection and end."""

    def __init__(self) -> None:
        self._kept: list[Connection] = []
        self._most = 0
        self._lock = threading.Lock()
        os.register_at_fork(before=self.empty)  # SQLite forbids using a connection in a forked process

    def begin(self) -> None:
        """Keep connections from now on, until `end`."""
        self._most = MOST

    def end(self) -> None:
        """Close all connections and keep none any more. When the last one is closed, SQLite removes its write-ahead log."""
        self._most = 0
        self.empty()

    def take(self, path: str) -> Connection | None:
        """An idle connection to the file that is at `path` now, if any. Connections to an earlier file there are closed."""
        file = _file(path)
        while (connection := self._pop(path)) is not None:
            if connection.file == file:
                return connection
            connection.close()
        return None

    def keep(self, connection: Connection) -> bool:
        """Keep this connection, if possible, and return whether it was kept. Its cursors are closed, because an open one
        would keep the database as it was when it began to read."""
        for cursor in list(connection.cursors):
            cursor.close()
        if connection.in_transaction or self._most == 0 or connection.file != _file(connection.path):
            return False
        with self._lock:
            if len(self._kept) < self._most:
                self._kept.append(connection)
                return True
        return False

    def empty(self) -> None:
        """Close all idle connections."""
        with self._lock:
            kept, self._kept = self._kept, []
        for connection in kept:
            connection.close()

    def _pop(self, path: str) -> Connection | None:
        with self._lock:
            connection = next((kept for kept in reversed(self._kept) if kept.path == path), None)
            if connection is not None:
                self._kept.remove(connection)
            return connection


IDLE = Idle()


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's wrapper of a connection, which uses the pool, and waits for its turn before it writes."""

    connection: Connection | None
    transaction_mode: str | None
    _turn: tuple[Line, Turn] | None = None

    def get_connection_params(self) -> dict[str, Any]:
        """Django's parameters, with `Connection` as the class of connections."""
        return {**super().get_connection_params(), "factory": Connection}

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection:
        """An idle connection, or a new one."""
        path = str(conn_params["database"])
        if (kept := IDLE.take(path)) is not None:
            kept.execute("PRAGMA foreign_keys = ON")
            return kept
        made: Connection = super().get_new_connection(conn_params)
        made.path, made.file = path, _file(path)
        return made

    def create_cursor(self, name: str | None = None) -> Any:
        """A cursor, which is noted in its connection, so that `Idle.keep` can close it."""
        cursor = super().create_cursor(name)
        assert self.connection is not None
        self.connection.cursors.add(cursor)
        return cursor

    def is_usable(self) -> bool:
        """Whether the connection may be used again. Django asks at the end of a request. After an error, for example of a
        full disk, a new connection is safer."""
        return not self.errors_occurred

    def _close(self) -> None:
        assert self.connection is not None
        try:
            if self.in_atomic_block or self.errors_occurred or not IDLE.keep(self.connection):
                super()._close()  # type: ignore[misc]  # django-stubs leave it out
        finally:
            self._leave()

    def _start_transaction_under_autocommit(self) -> None:
        """Begin a transaction. One that may write waits for its turn first; raises `OperationalError` if that takes longer
        than SQLite itself would wait."""
        self._join()
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        except BaseException:
            self._leave()
            raise

    def _commit(self) -> None:
        super()._commit()  # type: ignore[misc]
        self._leave()

    def _rollback(self) -> None:
        try:
            super()._rollback()  # type: ignore[misc]
        finally:
            self._leave()

    def _join(self) -> None:
        if self.transaction_mode != "IMMEDIATE" or self.connection is None or self.connection.file == (0, 0):
            return
        line = LINES.before(self.connection.path)
        turn = line.join(self.settings_dict["OPTIONS"]["timeout"])
        if turn is None:
            raise OperationalError("database is locked")
        self._turn = line, turn

    def _leave(self) -> None:
        if self._turn is not None:
            (line, turn), self._turn = self._turn, None
            line.leave(turn)


def _file(path: str) -> tuple[int, int]:
    """The device and inode of the file at `path`; (0, 0) if there is none, or the database is in memory."""
    with contextlib.suppress(OSError):
        facts = os.stat(path)
        return facts.st_dev, facts.st_ino
    return 0, 0
