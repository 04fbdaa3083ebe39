"""Django's SQLite backend with a pool: a closed connection is kept for the next one who opens a connection.

Each request has a thread of its own and closes its connection at the end, and so does each look of the worker's threads.
Opening one costs 3 ms of a core (functions are registered, the schema is read again), a usual query 0.5 ms.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from typing import Any
from weakref import WeakSet

from django.db.backends.sqlite3 import base

MOST = 2  # are kept in a process of `fairway up`; each may hold some megabytes of pages


class Connection(sqlite3.Connection):
    """Knows the file it was opened on, and its cursors."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.cursors: WeakSet[sqlite3.Cursor] = WeakSet()
        self.place, self.file = "", (0, 0)


class Idle:
    """The pool of idle connections. Nothing is kept before `begin`, because most programs open one connection and end."""

    def __init__(self) -> None:
        self._kept: list[Connection] = []
        self._most = 0
        self._lock = threading.Lock()
        os.register_at_fork(before=self.empty)  # SQLite: no connection may be carried across a fork

    def begin(self) -> None:
        """Keep connections from now on, until `end`."""
        self._most = MOST

    def end(self) -> None:
        """Close all, and keep none any more: SQLite removes its write-ahead log with the last connection."""
        self._most = 0
        self.empty()

    def take(self, place: str) -> Connection | None:
        """One to the file that is at `place` now; those to a file that was there before are closed."""
        file = _file(place)
        while (one := self._pop(place)) is not None:
            if one.file == file:
                return one
            one.close()
        return None

    def keep(self, connection: Connection) -> bool:
        """Whether it is kept. Its cursors are closed: an open one would go on seeing the moment when it began to read."""
        for cursor in list(connection.cursors):
            cursor.close()
        if connection.in_transaction or self._most == 0 or connection.file != _file(connection.place):
            return False
        with self._lock:
            if len(self._kept) < self._most:
                self._kept.append(connection)
                return True
        return False

    def empty(self) -> None:
        """Close them all."""
        with self._lock:
            kept, self._kept = self._kept, []
        for one in kept:
            one.close()

    def _pop(self, place: str) -> Connection | None:
        with self._lock:
            found = next((one for one in reversed(self._kept) if one.place == place), None)
            if found is not None:
                self._kept.remove(found)
            return found


IDLE = Idle()


class DatabaseWrapper(base.DatabaseWrapper):
    """The backend's connection wrapper."""

    connection: Connection | None

    def get_connection_params(self) -> dict[str, Any]:
        """As Django's, with our class of connections."""
        return {**super().get_connection_params(), "factory": Connection}

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection:
        """One that was kept, or a new one."""
        place = str(conn_params["database"])
        if (kept := IDLE.take(place)) is not None:
            kept.execute("PRAGMA foreign_keys = ON")
            return kept
        made: Connection = super().get_new_connection(conn_params)
        made.place, made.file = place, _file(place)
        return made

    def create_cursor(self, name: str | None = None) -> Any:
        """As Django's, remembered by its connection."""
        cursor = super().create_cursor(name)
        assert self.connection is not None
        self.connection.cursors.add(cursor)
        return cursor

    def is_usable(self) -> bool:
        """Asked at the end of a request: after an error, say of a full disk, it is better opened anew."""
        return not self.errors_occurred

    def _close(self) -> None:
        assert self.connection is not None
        if self.in_atomic_block or self.errors_occurred or not IDLE.keep(self.connection):
            super()._close()  # type: ignore[misc]  # django-stubs leave it out


def _file(place: str) -> tuple[int, int]:
    """What is at `place` now, as one file; (0, 0) for what is in memory or gone."""
    with contextlib.suppress(OSError):
        found = os.stat(place)
        return found.st_dev, found.st_ino
    return 0, 0
