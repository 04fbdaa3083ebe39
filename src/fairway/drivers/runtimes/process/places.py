"""Where the `process` runtime keeps things below the data directory, and the locks that keep its verbs apart.

``process/instances/<name>/`` one instance · ``process/locks/`` · ``process/volumes/<volume>/`` · ``process/holds/<volume>``
the lock of whoever holds it, ``process/service-holds/<volume>.<service>`` that of one service ·
``process/homes/<placement>/`` · ``process/verified/`` what was checked when · ``bundles/<64 hex>/`` the artifacts.
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
POLL = 0.02  # seconds between two tries for a lock


class Places:
    """Names the folders; makes them, mode 0700, when they are asked for."""

    def __init__(self, data: Path) -> None:
        self.bundles = data / "bundles"
        self.root = data / "process"
        self.instances = self.root / "instances"

    def folder(self, kind: str) -> Path:
        """One of the folders of `root`, made if missing."""
        place = self.root / kind
        place.mkdir(parents=True, mode=0o700, exist_ok=True)
        return place

    def instance(self, name: str) -> Path:
        """The folder of an instance; it need not exist. Raises `Refused` for a name that is no file name."""
        return self.instances / _safe(name)

    def volume(self, name: str) -> Path:
        """The folder of a volume; it need not exist. Raises `Refused` for a name that is no file name."""
        return self.root / "volumes" / _safe(name)

    def hold(self, volume: str) -> Path:
        """The file whose lock says that a volume is held; it is never removed, or two could hold two files of one name."""
        return self.folder("holds") / _safe(volume)

    def service_hold(self, volume: str, service: str) -> Path:
        """The file whose lock says that an instance of this service has a volume; it is never removed either."""
        return self.folder("service-holds") / _safe(f"{volume}.{service}")

    def home(self, placement: str) -> Path:
        """The writable home of a placement; it need not exist."""
        return self.root / "homes" / _safe(placement)

    def bundle(self, digest: str) -> Path:
        """Where the bundle with this digest lies; it need not exist."""
        return self.bundles / _safe(digest.removeprefix("sha256:"))

    def stamp(self, digest: str) -> Path:
        """The note that says with which fingerprint a bundle was verified."""
        return self.folder("verified") / _safe(digest.removeprefix("sha256:"))

    @contextmanager
    def locked(self, name: str, check: Callable[[], None], *, shared: bool = False) -> Iterator[None]:
        """Hold the lock called `name`, across processes and threads; `check` is called while waiting and may raise.

        A lock file is removed by whoever holds it alone last; whoever waited on a removed file tries the new one.
        """
        try:
            place = self.folder("locks") / _safe(name)
            fd = _acquire(place, check, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        except OSError as error:
            raise disk_failure(error, f"locking {name}") from error
        try:
            yield
        finally:
            if not shared:
                place.unlink(missing_ok=True)
            os.close(fd)


def _acquire(place: Path, check: Callable[[], None], kind: int) -> int:
    while True:
        fd = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            wait_for(lambda fd=fd: try_lock(fd, kind), check)  # type: ignore[misc]
            if _is_same(fd, place):
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def wait_for(is_done: Callable[[], bool], check: Callable[[], None], *, seconds: float = 120.0) -> None:
    """Poll `is_done`, calling `check` in between. Raises `Retry` after `seconds`."""
    until = time.monotonic() + seconds
    while not is_done():
        check()
        if time.monotonic() > until:
            raise Retry("Another act on the same instance takes very long; it is tried again.")
        time.sleep(POLL)


def try_lock(fd: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Take the lock of an open file if it is free."""
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def read_json(place: Path) -> dict[str, Any]:
    """A JSON object from disk; empty when there is none, or none that can be read."""
    try:
        content = json.loads(place.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_json(place: Path, content: dict[str, Any]) -> None:
    """Replace the file in one step, readable by the owner only."""
    draft = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file)
    draft.rename(place)


def _is_same(fd: int, place: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), place.stat())
    except FileNotFoundError:
        return False


def _safe(name: str) -> str:
    if not SAFE.fullmatch(name):
        raise Refused(f"“{name[:60]}” cannot be the name of an instance, a volume or a bundle.")
    return name
