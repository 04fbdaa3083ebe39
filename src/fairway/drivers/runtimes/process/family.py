"""Reads the processes below the shim from /proc. Uses only the standard library, because the shim imports it by its path."""

import os
import resource

HAS_CHILDREN_FILE = os.path.exists(f"/proc/self/task/{os.getpid()}/children")  # CONFIG_PROC_CHILDREN


def identity(pid: int) -> list[int]:
    """A process as (pid, start time in clock ticks). A pair is never used twice while the machine runs."""
    return [pid, int(stat_of(pid)[19])]


def stat_of(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat after the name, so [0] is the state and [1] the parent; [] if there is no such
    process."""
    try:
        with open(f"/proc/{pid}/stat", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return []


def descendants(root: int) -> list[int]:
    """Every living process below `root`. Zombies do not count."""
    family: list[int] = []
    pending = [root]
    while pending:
        children = children_of(pending.pop())
        family += [pid for pid in children if (fields := stat_of(pid)) and fields[0] != "Z"]
        pending += children
    return family


def children_of(parent: int) -> list[int]:
    if not HAS_CHILDREN_FILE:
        found = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        return [pid for pid in found if (fields := stat_of(pid)) and int(fields[1]) == parent]
    found = []
    try:
        for thread in os.listdir(f"/proc/{parent}/task"):
            with open(f"/proc/{parent}/task/{thread}/children") as file:
                found += map(int, file.read().split())
    except OSError:  # it ended meanwhile
        pass
    return found


def group_of(pid: int) -> int:
    fields = stat_of(pid)
    return int(fields[2]) if fields else 0


def threads(pid: int) -> int:
    fields = stat_of(pid)
    return int(fields[17]) if fields else 0


def resident(pid: int) -> int:
    fields = stat_of(pid)
    return int(fields[21]) * resource.getpagesize() if fields else 0


def proportional(pid: int) -> int:
    """Resident memory in bytes, with each shared page divided among its users, so that forked workers are not counted
    twice."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return resident(pid)
