"""A volume has one holder, proven by the kernel, not by what anybody wrote down.

Each volume has a lock file beside it. An instance's shim inherits the lock from whoever starts it, before it has said a
word, and the application inherits it from the shim: the kernel keeps it until the last of that family that has not closed
it is gone, whoever was killed meanwhile. What closed its files all the same, and what an older Fairway started, is found in
/proc: by the volume in its environment, or by a file it has open for writing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from fairway.drivers.runtimes.process import readings
from fairway.drivers.runtimes.process.places import Places, try_lock
from fairway.shared.failures import Retry


@contextmanager
def held(places: Places, volumes: Sequence[str]) -> Iterator[list[int]]:
    """The locks of these volumes, to be inherited. Raises `Retry`, naming who has it, while anything else holds one."""
    with ExitStack() as stack:
        locks = []
        for volume in sorted(set(volumes)):
            fd = os.open(places.hold(volume), os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            stack.callback(os.close, fd)
            is_free, who = try_lock(fd), users(places.volume(volume))
            if not is_free or who:
                raise Retry(
                    f"The volume “{volume}” is still held by {who or 'an instance that is starting or ending'}; "
                    "nothing else is started on it."
                )
            locks.append(fd)
        yield locks


def users(volume: Path) -> str:
    """Who uses a volume, as a sentence names them: processes that were given it, or have a file of it open for writing."""
    if not volume.exists():
        return ""
    volume = volume.resolve()  # as the kernel names the files in it
    found = [pid for pid in readings.everyone() if pid != os.getpid() and _uses(pid, volume)]
    return ", ".join(f"process {pid} ({_name(pid)})" for pid in found[:5])


def _uses(pid: int, volume: Path) -> bool:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # gone, or not ours to ask
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
