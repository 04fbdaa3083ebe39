"""Wakes workers when there is something to do, so that they need not poll all the time.

Inside a process: an event. Between processes: PostgreSQL's NOTIFY; beside an SQLite file a folder of named pipes, one per
worker, into which whoever has committed writes. A lost message costs one slow poll, never a run. Whoever writes says who
it is, so that a worker does not look again for what it has told itself already.
"""

from __future__ import annotations

import logging
import os
import select
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import ENXIO
from functools import cache
from pathlib import Path
from secrets import token_hex

from django.db import Error, connection, transaction

log = logging.getLogger(__name__)

CHANNEL = "fairway_engine"
PIPES = "-wakeups"  # suffix of the database file's name: the folder of the pipes
POSTGRES_PATIENCE = 5.0  # seconds between two checks of `stop`; a stopping worker notifies itself

_wakeups: weakref.WeakSet[threading.Event] = weakref.WeakSet()
_wakeups_lock = threading.Lock()
NAME = 16  # characters


def new_wakeup() -> threading.Event:
    """A new event that every `notify` in this process sets."""
    wakeup = threading.Event()
    with _wakeups_lock:
        _wakeups.add(wakeup)
    return wakeup


def notify() -> None:
    """Wake every worker when the current transaction commits (at once outside of a transaction)."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"NOTIFY {CHANNEL}, '{_our_name()}'")
    elif (folder := _pipes_folder()) is not None:
        transaction.on_commit(lambda: _notify_pipes(folder))
    transaction.on_commit(_notify_process)


def _notify_process() -> None:
    with _wakeups_lock:
        wakeups = list(_wakeups)
    for wakeup in wakeups:
        wakeup.set()


def _our_name() -> str:
    """What tells this process from every other."""
    return _name_of(os.getpid())


@cache
def _name_of(pid: int) -> str:
    """By pid, because a process that was forked is another one. Two in containers of their own may share a pid."""
    return token_hex(NAME // 2)


def _is_news(said: str, wakeup: threading.Event) -> bool:
    """Whether `said`, one name or several, may come from another process. What did not has set `wakeup` without a detour."""
    with _wakeups_lock:
        is_rung_here = wakeup in _wakeups
    names = {said[start : start + NAME] for start in range(0, len(said), NAME)}
    return not is_rung_here or names != {_our_name()}


def listen(wakeup: threading.Event, stop: threading.Event, poll: float) -> None:
    """Set `wakeup` whenever another process may have changed something, until `stop`. Survives an unreachable database."""
    while not stop.is_set():
        try:
            if connection.vendor == "postgresql":
                _listen_postgres(wakeup, stop)
            else:
                _listen_pipe(wakeup, stop, poll)
        except Exception as problem:
            # psycopg's own errors are not wrapped by Django here. Meanwhile the slow poll continues.
            if not isinstance(problem, Error | OSError) and type(problem).__module__.partition(".")[0] != "psycopg":
                log.exception("listening for work failed")
            stop.wait(poll)
        finally:
            connection.close()


def _listen_postgres(wakeup: threading.Event, stop: threading.Event) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"LISTEN {CHANNEL}")
    wakeup.set()  # a notification may have been sent before we listened
    raw = connection.connection
    try:
        while not stop.is_set():
            for told in raw.notifies(timeout=POSTGRES_PATIENCE, stop_after=1):
                if _is_news(told.payload, wakeup):
                    wakeup.set()
        raw.execute("UNLISTEN *")  # or it would go on hearing for whoever gets it next
    except BaseException:
        raw.close()
        raise


def _pipes_folder() -> Path | None:
    """The folder of the pipes; None for an in-memory database, which no other process can reach."""
    name = str(connection.settings_dict["NAME"])
    return None if connection.is_in_memory_db() else Path(name + PIPES)  # type: ignore[attr-defined]


def _listen_pipe(wakeup: threading.Event, stop: threading.Event, poll: float) -> None:
    folder = _pipes_folder()
    if folder is None:
        stop.wait()
        return
    with _pipe_below(folder) as pipe:
        wakeup.set()  # a change may have been committed before the pipe existed
        waiting = select.poll()
        waiting.register(pipe, select.POLLIN)
        while not stop.is_set():
            if waiting.poll(poll * 1000) and _is_news(os.read(pipe, 256 * NAME).decode(errors="replace"), wakeup):
                wakeup.set()


@contextmanager
def _pipe_below(folder: Path) -> Iterator[int]:
    """A named pipe for this worker, opened before it becomes visible: a pipe that nobody has open was left by a killed
    worker."""
    folder.mkdir(mode=0o700, exist_ok=True)
    draft, pipe_path = folder / f".{token_hex(8)}", folder / token_hex(8)
    os.mkfifo(draft, 0o600)
    pipe = os.open(
        draft, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC
    )  # opened for writing as well, so that the reader never sees end-of-file
    try:
        draft.rename(pipe_path)
        yield pipe
    finally:
        pipe_path.unlink(missing_ok=True)
        os.close(pipe)


def _notify_pipes(folder: Path) -> None:
    with suppress(OSError):
        for name in os.listdir(folder):
            if not name.startswith("."):
                _notify_pipe(folder / name)


def _notify_pipe(pipe_path: Path) -> None:
    try:
        pipe = os.open(pipe_path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == ENXIO:
            pipe_path.unlink(missing_ok=True)
        return
    with suppress(BlockingIOError, BrokenPipeError):  # full: it has not even read what was written before
        os.write(pipe, _our_name().encode())
    os.close(pipe)
