"""The files ``run/*.json``, in which the supervisors that run with this data directory are listed. No Django here.

The supervisor with workers is ``fairway``. There is only one, because it owns the applications and the proxy. Besides, any
number of supervisors with only web processes may run, each on a port of its own.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

MAIN = "fairway"
DYING = 10.0  # seconds within which processes that were killed are gone


class CannotStart(Exception):
    """Fairway cannot start; the message says why, and what to do, in one sentence."""


class RunFile:
    """The file with a supervisor's pid and ports. The supervisor locks a file beside it as long as it lives."""

    def __init__(self, path: Path, content: dict[str, Any]) -> None:
        self._path, self._content = path, content

    @classmethod
    @contextmanager
    def claimed(cls, data: Path, port: int, proxy_port: int, *, webs: int = 1, workers: int = 1) -> Iterator[RunFile]:
        """Write the file, and hold its lock until the block ends. Raises `CannotStart` if another supervisor of this kind
        runs with this data directory, or while it is being restored."""
        name = MAIN if workers else f"web-{port}"
        folder = _folder(data)
        with _opened(folder / "lock") as shared, _opened(folder / f"{name}.lock") as own:
            _take(shared, fcntl.LOCK_SH, f"{data} is being restored, or its keys are being changed; wait for the end.")
            path = folder / f"{name}.json"
            _take_over(own, path, f"another Fairway already uses {data}; stop it with fairway down.")
            facts = {"pid": os.getpid(), "host": socket.gethostname(), "port": port, "proxy_port": proxy_port}
            run_file = cls(path, {**facts, "webs": webs, "workers": workers})
            run_file.write(state="starting")
            try:
                yield run_file
            finally:
                path.unlink(missing_ok=True)

    def write(self, **changes: Any) -> None:
        self._content |= changes
        draft = self._path.with_suffix(".draft")
        with _opened(draft) as file:
            json.dump(self._content, file)
        os.replace(draft, self._path)


@contextmanager
def nobody_runs(data: Path) -> Iterator[None]:
    """Keep every supervisor from starting with this data directory. Raises `CannotStart` while one runs."""
    with _opened(_folder(data) / "lock") as lock:
        _take(lock, fcntl.LOCK_EX, "Fairway runs; end it first with: fairway down --keep-applications")
        yield


def _folder(data: Path) -> Path:
    for folder in (data, data / "run"):
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    return data / "run"


def _take_over(lock: TextIO, run_file: Path, sentence: str) -> None:
    """Take the lock. Its processes share it with their supervisor, and if they were all killed, some need a moment to be
    gone: that is waited for. Raises `CannotStart` if the supervisor named in the run file lives."""
    until = time.monotonic() + DYING
    while True:
        try:
            return _take(lock, fcntl.LOCK_EX, sentence)
        except CannotStart:
            if not _was_killed(run_file) or time.monotonic() > until:
                raise
        time.sleep(0.05)


def _was_killed(run_file: Path) -> bool:
    """Whether the supervisor that wrote this file is gone without having removed it."""
    try:
        os.kill(int(json.loads(run_file.read_text())["pid"]), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return False


def _take(lock: TextIO, kind: int, sentence: str) -> None:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CannotStart(sentence) from None


def _opened(path: Path) -> TextIO:
    """The file, emptied and open for writing; only its owner can read it."""
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w")
