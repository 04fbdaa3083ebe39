"""Ensures that a volume belongs to one deployment at a time, by locks of the kernel, not by records.

Each volume has a lock file beside it. An instance's shim inherits the lock from the process that starts it, and the
application inherits it from the shim. The kernel keeps the lock until the last of these processes has ended or closed it,
whichever was killed meanwhile. Processes that closed the lock but live on, and those that an older Fairway started, are
found in /proc: by the volume in their environment, or by a file of it that they have open for writing.

The services of one deployment share the lock. A starter that gets the lock alone writes its deployment into the file; a
later one that finds the lock shared joins if the file names the same deployment. A second lock, for each volume and service,
keeps two instances of one service apart.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from fairway.drivers.runtimes.contract import InstanceSpec
from fairway.drivers.runtimes.process import readings
from fairway.drivers.runtimes.process.places import Places, try_lock
from fairway.shared.failures import Retry


@contextmanager
def held(places: Places, spec: InstanceSpec, check: Callable[[], None]) -> Iterator[list[int]]:
    """The locks of the spec's volumes, for the shim to inherit. Raises `Retry`, naming the holder, while anything but
    another service of the same deployment holds one."""
    with ExitStack() as stack:
        locks: list[int] = []
        for volume in sorted({volume.name for volume in spec.volumes}):
            stack.enter_context(places.locked(f"volume-{volume}", check))  # one starter at a time
            locks += [_service_lock(places, volume, spec, stack), _volume_lock(places, volume, spec, stack)]
        yield locks


def _service_lock(places: Places, volume: str, spec: InstanceSpec, stack: ExitStack) -> int:
    fd = _opened(places.service_hold(volume, spec.service), stack)
    if not try_lock(fd):
        raise _is_held(places, volume)
    return fd


def _volume_lock(places: Places, volume: str, spec: InstanceSpec, stack: ExitStack) -> int:
    fd, deployment = _opened(places.hold(volume), stack), f"{spec.placement}-{spec.deployment}".encode()
    if try_lock(fd):
        if users(places.volume(volume)):
            raise _is_held(places, volume)
        os.ftruncate(fd, 0)
        os.pwrite(fd, deployment, 0)
        fcntl.flock(fd, fcntl.LOCK_SH)
        return fd
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:  # an instance that an older Fairway started holds it exclusively
        raise _is_held(places, volume) from None
    if os.pread(fd, 1000, 0) != deployment:
        raise _is_held(places, volume)
    return fd


def _opened(path: Path, stack: ExitStack) -> int:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    stack.callback(os.close, fd)
    return fd


def _is_held(places: Places, volume: str) -> Retry:
    who = users(places.volume(volume)) or "an instance that is starting or ending"
    return Retry(f"The volume “{volume}” is still held by {who}; nothing else is started on it.")


def users(volume: Path) -> str:
    """The processes that use a volume, as text for a sentence: those that were given it, or have a file in it open for
    writing."""
    if not volume.exists():
        return ""
    volume = volume.resolve()  # the kernel names the files in it without links
    found = [pid for pid in readings.everyone() if pid != os.getpid() and _uses(pid, volume)]
    return ", ".join(f"process {pid} ({_name(pid)})" for pid in found[:5])


def _uses(pid: int, volume: Path) -> bool:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # it has ended, or is another user's
        return False
    given = b"=" + os.fsencode(volume)
    return any(word.startswith(b"VOLUME_") and word.endswith(given) for word in environment) or _writes(pid, volume)


def _writes(pid: int, volume: Path) -> bool:
    with suppress(OSError):
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                if Path(os.readlink(f"/proc/{pid}/fd/{fd}")).is_relative_to(volume) and _is_open_for_writing(pid, fd):
                    return True
    return False


def _is_open_for_writing(pid: int, fd: str) -> bool:
    lines = Path(f"/proc/{pid}/fdinfo/{fd}").read_text().splitlines()
    flags = next(int(line.split()[1], 8) for line in lines if line.startswith("flags:"))
    return flags & os.O_ACCMODE != os.O_RDONLY


def _name(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return "just ended"
