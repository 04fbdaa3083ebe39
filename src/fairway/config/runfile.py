"""The files ``run/*.json``, in which the supervisors that run with this data directory are listed. No Django here.

The supervisor with workers is ``fairway``. There is only one, because it owns the applications and the proxy. Besides, any
number of supervisors with only web processes may run, each on a port of its own.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

MAIN = "fairway"


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
            _take(own, fcntl.LOCK_EX, f"another Fairway already uses {data}; stop it with fairway down.")
            path = folder / f"{name}.json"
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


def _take(lock: TextIO, kind: int, sentence: str) -> None:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CannotStart(sentence) from None


def _opened(path: Path) -> TextIO:
    """The file, emptied and open for writing; only its owner can read it."""
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w")
