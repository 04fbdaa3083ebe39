"""Telling workers that there is something to do, without making them ask all the time.

Inside a process: an event. Between processes: PostgreSQL's NOTIFY, or SQLite's `data_version`, a counter that moves when
another connection has committed. A lost message costs one slow poll, never a run.
"""

from __future__ import annotations

import logging
import threading
import weakref

from django.db import Error, connection, transaction

log = logging.getLogger(__name__)

CHANNEL = "fairway_engine"
SQLITE_POLL = 0.05  # seconds; one PRAGMA costs about 10 µs, and 100 ms from request to start is what a person calls at once
POSTGRES_PATIENCE = 5.0  # seconds between two looks at whether to stop; a stopping worker rings itself

_bells: weakref.WeakSet[threading.Event] = weakref.WeakSet()
_bells_lock = threading.Lock()


def new_bell() -> threading.Event:
    """An event that every `ring` in this process sets."""
    bell = threading.Event()
    with _bells_lock:
        _bells.add(bell)
    return bell


def ring() -> None:
    """Wake every worker once the current transaction has committed (at once outside of one)."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"NOTIFY {CHANNEL}")
    transaction.on_commit(_ring_here)


def _ring_here() -> None:
    with _bells_lock:
        bells = list(_bells)
    for bell in bells:
        bell.set()


def listen(bell: threading.Event, stop: threading.Event, poll: float) -> None:
    """Set `bell` whenever another process may have changed something, until `stop`. Survives a lost database."""
    while not stop.is_set():
        try:
            if connection.vendor == "postgresql":
                _listen_postgres(bell, stop)
            else:
                _listen_sqlite(bell, stop)
        except Exception as problem:
            # psycopg's own errors come through unwrapped here. The slow poll carries on meanwhile.
            if not isinstance(problem, Error) and type(problem).__module__.partition(".")[0] != "psycopg":
                log.exception("listening for work failed")
            stop.wait(poll)
        finally:
            connection.close()


def _listen_postgres(bell: threading.Event, stop: threading.Event) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"LISTEN {CHANNEL}")
    bell.set()  # whatever was sent before we listened
    raw = connection.connection
    while not stop.is_set():
        for _ in raw.notifies(timeout=POSTGRES_PATIENCE, stop_after=1):
            bell.set()


def _listen_sqlite(bell: threading.Event, stop: threading.Event) -> None:
    seen: int | None = None
    with connection.cursor() as cursor:
        while not stop.is_set():
            cursor.execute("PRAGMA data_version")
            (version,) = cursor.fetchone()
            if version != seen:
                seen = version
                bell.set()
            stop.wait(SQLITE_POLL)
