"""The folders and files of the `process` runtime in the data directory, and the locks that keep its methods apart.

``process/instances/<name>/`` is one instance, ``process/locks/`` has the locks of methods, ``process/volumes/<volume>/`` is
one volume. ``process/holds/<volume>`` is the lock of the deployment that has a volume,
``process/service-holds/<volume>.<service>`` that of one of its services. ``process/homes/<placement>/`` is the home of a
placement. ``process/verified/`` records which bundles were verified. ``bundles/<64 hex>/`` are the artifacts.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fairway.drivers.runtimes.process.bundle import disk_failure
from fairway.shared.failures import Refused, Retry

SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}")
POLL = 0.02  # seconds between two attempts to take a lock


class Places:
    """Knows the paths of the folders. Those returned by `folder` are created, with mode 0700."""

    def __init__(self, data: Path) -> None:
        self.bundles = data / "bundles"
        self.root = data / "process"
        self.instances = self.root / "instances"

    def folder(self, kind: str) -> Path:
        """One of the folders of `root`; it is created if missing."""
        path = self.root / kind
        path.mkdir(parents=True, mode=0o700, exist_ok=True)
        return path

    def instance(self, name: str) -> Path:
        """The folder of an instance; it need not exist. Raises `Refused` if the name is no file name."""
        return self.instances / _safe(name)

    def volume(self, name: str) -> Path:
        """The folder of a volume; it need not exist. Raises `Refused` if the name is no file name."""
        return self.root / "volumes" / _safe(name)

    def hold(self, volume: str) -> Path:
        """The file whose lock says that a deployment has the volume. It is never removed, because otherwise two holders
        could lock two files of the same name."""
        return self.folder("holds") / _safe(volume)

    def service_hold(self, volume: str, service: str) -> Path:
        """The file whose lock says that an instance of this service has the volume. It is never removed either."""
        return self.folder("service-holds") / _safe(f"{volume}.{service}")

    def home(self, placement: str) -> Path:
        """The writable home of a placement; it need not exist."""
        return self.root / "homes" / _safe(placement)

    def bundle(self, digest: str) -> Path:
        """The folder of the bundle with this digest; it need not exist."""
        return self.bundles / _safe(digest.removeprefix("sha256:"))

    def stamp(self, digest: str) -> Path:
        """The file that records the fingerprint with which a bundle was verified."""
        return self.folder("verified") / _safe(digest.removeprefix("sha256:"))

    @contextmanager
    def locked(self, name: str, check: Callable[[], None], *, shared: bool = False) -> Iterator[None]:
        """Hold the lock called `name`, across processes and threads. `check` is called while waiting, and may raise.

        Whoever holds a lock exclusively removes its file at the end; a process that waited for the removed file tries the
        new one.
        """
        try:
            path = self.folder("locks") / _safe(name)
            fd = _acquire(path, check, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        except OSError as error:
            raise disk_failure(error, f"locking {name}") from error
        try:
            yield
        finally:
            if not shared:
                path.unlink(missing_ok=True)
            os.close(fd)


def _acquire(path: Path, check: Callable[[], None], kind: int) -> int:
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            wait_for(lambda fd=fd: try_lock(fd, kind), check)  # type: ignore[misc]
            if _is_same(fd, path):
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def wait_for(is_done: Callable[[], bool], check: Callable[[], None], *, seconds: float = 120.0) -> None:
    """Poll `is_done`, and call `check` in between. Raises `Retry` after `seconds`."""
    until = time.monotonic() + seconds
    while not is_done():
        check()
        if time.monotonic() > until:
            raise Retry("Another act on the same instance takes very long; it is tried again.")
        time.sleep(POLL)


def try_lock(fd: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Take the lock of an open file if it is free. Returns whether it was."""
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from disk; empty if there is none that can be read."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Replace the file atomically. Only the owner can read it."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file)
    draft.rename(path)


def _is_same(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


def _safe(name: str) -> str:
    if not SAFE.fullmatch(name):
        raise Refused(f"“{name[:60]}” cannot be the name of an instance, a volume or a bundle.")
    return name
