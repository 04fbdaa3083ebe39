"""``run/*.json``: which supervisors run with this data directory, since they wrote it. Knows no Django.

One with workers is ``fairway``, and there is only one: it owns applications and proxy. Beside it any number may run that
have web processes only, each on a port of its own.
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
    """What stands in the way, and what to do, in one sentence."""


class RunFile:
    """A supervisor's pid and ports; a lock beside it says whether that supervisor lives."""

    def __init__(self, path: Path, content: dict[str, Any]) -> None:
        self._path, self._content = path, content

    @classmethod
    @contextmanager
    def claimed(cls, data: Path, port: int, proxy_port: int, *, webs: int = 1, workers: int = 1) -> Iterator[RunFile]:
        """Hold it while running. Raises `CannotStart` when another Fairway does the same with this data directory."""
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
    for place in (data, data / "run"):
        place.mkdir(parents=True, mode=0o700, exist_ok=True)
    return data / "run"


def _take(lock: TextIO, kind: int, sentence: str) -> None:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CannotStart(sentence) from None


def _opened(place: Path) -> TextIO:
    """An empty file to write, its owner's only."""
    return open(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w")
