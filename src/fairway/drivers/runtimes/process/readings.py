"""Reads processes from /proc. A process is identified by (pid, start ticks), so that a reused pid is not taken for the old
process."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from fairway.drivers.runtimes.contract import Usage

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
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
    family: list[int] = []
    pending = [root]
    while pending:
        children = below.get(pending.pop(), [])
        family += children
        pending += children
    return family


def everyone() -> list[int]:
    """The pids of all processes that can be seen."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def usage(pids: Sequence[int]) -> Usage:
    """The sum over these processes. CPU time includes children that they have already waited for."""
    memory, ticks = 0, 0
    for pid in pids:
        if now := fields(pid):
            memory += _memory(pid, now)
            ticks += sum(map(int, now[USER_TIME : USER_TIME + 4]))
    return Usage(memory_bytes=memory, cpu_seconds=ticks / TICKS)


def _memory(pid: int, now: list[str]) -> int:
    """Resident memory in bytes. If the kernel reports it, each shared page is divided among the processes that share it."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return int(now[RESIDENT]) * PAGE


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
