"""This machine's Fairway: who runs, on which ports, and how everything of it is stopped."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings


class RunFile:
    """``run/fairway.json``: the supervisor's pid and ports; a lock on it says whether that supervisor lives."""

    def __init__(self, path: Path, content: dict[str, Any]) -> None:
        self._path, self._content = path, content

    @classmethod
    @contextmanager
    def claimed(cls, port: int, proxy_port: int) -> Iterator[RunFile]:
        """Hold it while running. Raises `CannotStart` when another Fairway uses this data directory."""
        from fairway.config.up import CannotStart

        folder: Path = settings.DATA.folder("run")
        with open(folder / "lock", "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CannotStart(f"another Fairway already uses {settings.DATA.path}; stop it with fairway down.") from None
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
        draft.write_text(json.dumps(self._content))
        os.replace(draft, self._path)


def stop_everything() -> None:
    """Stop the applications of this machine's own runtimes and the proxy; volumes, data and containers stay.

    What a placement should be is not changed: the next ``fairway up`` starts it again.
    """
    from fairway.environments.models import Environment
    from fairway.environments.runtimes import runtime_of
    from fairway.stories.outside import caddy

    process = Environment.objects.filter(deleted_at=None, runtime="process").first()
    if process is not None:
        runtime = runtime_of(process)
        with ThreadPoolExecutor(max_workers=8) as pool:
            list(pool.map(lambda one: runtime.ensure_stopped(one.name), runtime.instances()))
    caddy().stop()
