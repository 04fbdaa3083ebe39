"""Reads processes from /proc. A process is identified by (pid, start ticks), so that a reused pid is not taken for the old
process."""

from __future__ import annotations

import os
import re
import select
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from fairway.drivers.runtimes.contract import Usage

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
PSS = re.compile(rb"^Pss:\s+(\d+) kB", re.MULTILINE)
# Fields of /proc/<pid>/stat after the name. Source: proc(5).
STATE, PARENT, GROUP, SESSION, USER_TIME, START, RESIDENT = 0, 1, 2, 3, 11, 19, 21

Identity = Sequence[int]


def boot() -> str:
    """The id of the machine's current boot. Pids and ticks of another boot mean nothing."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def fields(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat after the name; empty if there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def is_alive(identity: Identity | None) -> bool:
    """Whether exactly this process lives. A zombie does not."""
    if not identity:
        return False
    now = fields(identity[0])
    return bool(now) and now[STATE] not in "ZX" and int(now[START]) == identity[1]


def descendants(root: int) -> list[int]:
    """Every process below `root`."""
    below: dict[int, list[int]] = {}
    for pid in everyone():
        if now := fields(pid):
            below.setdefault(int(now[PARENT]), []).append(pid)
    return _family(root, below)


def everyone() -> list[int]:
    """The pids of all processes that can be seen."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


class Running(NamedTuple):
    """An instance that its shim calls running: the identities of both, the limit that the shim enforces, and how often the
    application was restarted."""

    minder: tuple[int, ...]
    app: tuple[int, ...]
    memory_limit_bytes: int | None
    restarts: int


def usages(running: Mapping[str, Running]) -> dict[str, Usage]:
    """The usage of each instance that really runs, from one scan of all processes. CPU time includes children that a process
    has already waited for."""
    if not running:
        return {}
    now = _everything()
    below: dict[int, list[int]] = {}
    for pid, known in now.items():
        below.setdefault(int(known[PARENT]), []).append(pid)
    found = {}
    for name, one in running.items():
        if _lives(one.minder, now) and _lives(one.app, now):
            family = _family(one.minder[0], below)
            memory = sum(_memory(pid, now[pid]) for pid in family)
            ticks = sum(int(field) for pid in family for field in now[pid][USER_TIME : USER_TIME + 4])
            began = "-".join(map(str, one.app))
            found[name] = Usage(memory, ticks / TICKS, began, one.memory_limit_bytes, one.restarts)
    return found


def _everything() -> dict[int, list[bytes]]:
    """The fields of every process, by pid. It reads files directly: as `fields` does it, this takes three times as long."""
    found = {}
    for pid in everyone():
        if read := _read(f"/proc/{pid}/stat", 1024):
            found[pid] = read.rpartition(b")")[2].split()
    return found


def _lives(identity: Identity, now: Mapping[int, list[bytes]]) -> bool:
    known = now.get(identity[0])
    return known is not None and known[STATE] not in b"ZX" and int(known[START]) == identity[1]


def _family(root: int, below: Mapping[int, list[int]]) -> list[int]:
    family: list[int] = []
    pending = [root]
    while pending:
        children = below.get(pending.pop(), [])
        family += children
        pending += children
    return family


def _memory(pid: int, now: Sequence[bytes]) -> int:
    """Resident memory in bytes. If the kernel reports it, each shared page is divided among the processes that share it."""
    found = PSS.search(_read(f"/proc/{pid}/smaps_rollup", 2048))
    return int(found[1]) * 1024 if found else int(now[RESIDENT]) * PAGE


def _read(path: str, most: int) -> bytes:
    """The beginning of a small file of /proc; empty if it cannot be read (its process has ended, or is another user's)."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(file, most)
    except OSError:
        return b""
    finally:
        os.close(file)


def orphans(app: Identity | None, mark: str, folder: Path) -> list[int]:
    """The processes that are left of an application whose shim is gone: those with its mark in their environment, and those
    of its session that work in its folder (some programs overwrite their environment)."""
    return [pid for pid in everyone() if pid != os.getpid() and _belongs(pid, app, mark, folder)]


def _belongs(pid: int, app: Identity | None, mark: str, folder: Path) -> bool:
    now = fields(pid)
    if not now or now[STATE] in "ZX":
        return False
    if app and pid == app[0] and int(now[START]) == app[1]:
        return True
    if app and int(now[SESSION]) == app[0] and _works_in(pid, folder):
        return True
    return bool(mark) and _has_mark(pid, mark)


def _works_in(pid: int, folder: Path) -> bool:
    try:
        return Path(os.readlink(f"/proc/{pid}/cwd")).is_relative_to(folder)
    except OSError:
        return False


def _has_mark(pid: int, mark: str) -> bool:
    try:
        return f"INSTANCE_ID={mark}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def end(pids: Sequence[int]) -> None:
    """Kill these processes."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


def send_and_wait(identity: Identity, number: int, seconds: float) -> bool:
    """Send a signal to exactly this process and wait until it has ended. Returns False if it still lives after `seconds`.

    The pidfd is opened before the identity is checked, so the signal cannot reach another process that reuses the pid.
    """
    try:
        handle = os.pidfd_open(identity[0])
    except ProcessLookupError:
        return True
    try:
        if not is_alive(identity):
            return True
        signal.pidfd_send_signal(handle, number)
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        return bool(poll.poll(max(0.0, seconds) * 1000)) or not is_alive(identity)
    except ProcessLookupError:
        return True
    finally:
        os.close(handle)


def end_orphans(app: Identity | None, mark: str, folder: Path, *, seconds: float = 5.0) -> bool:
    """Kill what is left of an application, repeatedly if needed. Returns False if some of it still lives after `seconds`."""
    until = time.monotonic() + seconds
    while left := orphans(app, mark, folder):
        if time.monotonic() > until:
            return False
        end(left)
        time.sleep(0.01)
    return True
