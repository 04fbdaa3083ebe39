"""One thread per process that notices committed events and log lines, however many viewers there are.

With SQLite it polls ``PRAGMA data_version``, which changes when another connection commits, and reads the tables only after
a change. PostgreSQL wakes it through the engine's NOTIFY channel; it also polls every `POLL` seconds, in case a notification
is lost. Numbers of events are in commit order (see `activity.commands.record`), so
"everything after number n" misses nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection

from django.db import Error, connection

from fairway.activity.models import Event
from fairway.activity.queries import after, latest_number
from fairway.engine.waking import CHANNEL
from fairway.web.stored_logs import LogKey, LogLengths, lengths_of

log = logging.getLogger(__name__)

POLL = 0.1  # seconds between two polls of PostgreSQL without a notification (the goal: p95 ≤ 300 ms to the browser)
SQLITE_POLL = 0.05  # seconds; a poll is a PRAGMA of about 10 µs, and there are none without viewers
PATIENCE = 1.0  # seconds before a database that did not answer is asked again
BATCH = 500


class Tail:
    """Calls `on_events` with every event after its start, in order, and `on_logs` when a watched log grows or ends.

    `on_start` is called once, when its starting position is fixed. All are called in the tail's own thread.
    """

    def __init__(
        self,
        on_start: Callable[[], None],
        on_events: Callable[[list[Event]], None],
        on_logs: Callable[[LogLengths], None],
        watched_logs: Callable[[], Collection[LogKey]],
    ) -> None:
        self._on_start = on_start
        self._on_events = on_events
        self._on_logs = on_logs
        self._watched_logs = watched_logs
        self._lengths: LogLengths = {}
        self._stop = threading.Event()
        self._nudge = threading.Event()
        self._thread: threading.Thread | None = None
        self._version: int | None = None
        self._position: int | None = None

    def start(self) -> None:
        """Start with events that are committed from now on."""
        self._thread = threading.Thread(target=self._run, name="fairway-live-tail", daemon=True)
        self._thread.start()

    def look_soon(self) -> None:
        """Poll even if nothing was committed, because another log is watched now."""
        self._nudge.set()

    def ask_to_stop(self) -> None:
        """Let the thread end and close its connection, within `POLL` seconds."""
        self._stop.set()

    def join(self) -> None:
        """Wait until it has ended."""
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._look_until_it_fails()
        finally:
            connection.close()

    def _look_until_it_fails(self) -> None:
        try:
            self._version = None
            self._listen()
            while not self._stop.is_set():
                if self._has_changed():
                    self._look()
        except Exception as problem:
            # psycopg's errors are not wrapped by Django in `notifies`. No event is missed, because `position` does not move.
            if not isinstance(problem, Error) and type(problem).__module__.partition(".")[0] != "psycopg":
                log.exception("reading new events failed")
            connection.close()
            self._stop.wait(PATIENCE)

    def _listen(self) -> None:
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(f"LISTEN {CHANNEL}")

    def _has_changed(self) -> bool:
        """Whether something may have been committed; waits for at most `POLL` seconds."""
        if self._position is None:
            self._position = latest_number()
            self._on_start()
            return True
        if connection.vendor == "postgresql":
            for _ in connection.connection.notifies(timeout=POLL, stop_after=1):
                pass
            return True
        self._stop.wait(SQLITE_POLL)
        return self._data_version_moved() or self._nudge.is_set()

    def _data_version_moved(self) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA data_version")
            (version,) = cursor.fetchone()
        moved = bool(version != self._version)
        self._version = version
        return moved

    def _look(self) -> None:
        self._nudge.clear()
        while found := after(self._position or 0, limit=BATCH):
            self._on_events(found)
            self._position = found[-1].pk
        self._look_at_logs()

    def _look_at_logs(self) -> None:
        watched = list(self._watched_logs())
        if not watched:
            self._lengths = {}
            return
        now = lengths_of(watched)
        grown = {key: length for key, length in now.items() if self._lengths.get(key) != length}
        self._lengths = now
        if grown:
            self._on_logs(grown)
