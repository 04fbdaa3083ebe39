"""``run/fairway.json``: who runs with this data directory, since the supervisor wrote it. Knows no Django."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO


class CannotStart(Exception):
    """What stands in the way, and what to do, in one sentence."""


class RunFile:
    """The supervisor's pid and ports; a lock beside it says whether that supervisor lives."""

    def __init__(self, path: Path, content: dict[str, Any]) -> None:
        self._path, self._content = path, content

    @classmethod
    @contextmanager
    def claimed(cls, data: Path, port: int, proxy_port: int) -> Iterator[RunFile]:
        """Hold it while running. Raises `CannotStart` when another Fairway uses this data directory."""
        folder = data / "run"
        for place in (data, folder):
            place.mkdir(parents=True, mode=0o700, exist_ok=True)
        with _opened(folder / "lock") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CannotStart(f"another Fairway already uses {data}; stop it with fairway down.") from None
            path = folder / "fairway.json"
            run_file = cls(path, {"pid": os.getpid(), "port": port, "proxy_port": proxy_port})
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


def _opened(place: Path) -> TextIO:
    """An empty file to write, its owner's only."""
    return open(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w")
