"""Puts up walls around the calling process, which then executes somebody else's program: a user of its own, a view of the
file system without Fairway's data, Landlock, closed ports.

It uses only the standard library, and little of it: a shim loads this file by its path and keeps it in memory once per
instance. `fairway.drivers.wall.plan` has made all decisions; the order is plain JSON. The program cannot undo any of it.
``python -I -S enclosure.py UID`` prints, as JSON, which walls this machine can put up.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import struct
import sys

TYPE_CHECKING = False  # defined here, so that typing need not be imported
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)
NEW_MOUNTS, NEW_USER = 0x00020000, 0x10000000  # linux/sched.h
READ_ONLY, NO_SUID, NO_DEVICES, NO_EXEC, REMOUNT, BIND, RECURSIVE, SLAVE = (
    1,
    2,
    4,
    8,
    32,
    4096,
    16384,
    1 << 19,
)  # linux/mount.h
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 24, 38  # linux/prctl.h
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same numbers on every architecture
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
LOAD, IF_EQUAL, IF_AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06  # linux/bpf_common.h
OF_NUMBER, OF_ARCHITECTURE, OF_ARGUMENTS = 0, 4, 16  # struct seccomp_data
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM  # linux/seccomp.h
FOREIGN = 0x40000000  # calls of x32, which have the same architecture
PRLIMIT = {"x86_64": (0xC000003E, 302), "aarch64": (0xC00000B7, 261)}  # linux/audit.h, asm/unistd.h
PATH_BENEATH, NET_PORT = 1, 2  # linux/landlock.h

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REFER, TRUNCATE, IOCTL_DEVICE = 1 << 13, 1 << 14, 1 << 15
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEVICE
ACCESS = {
    "read": EXECUTE | READ_FILE | READ_DIR,
    "use": EXECUTE | READ_FILE | READ_DIR | WRITE_FILE | TRUNCATE | IOCTL_DEVICE,  # existing files; none can be created
    "write": (1 << 16) - 1,
}
# All rights on files that a version of Landlock knows. Source: Documentation/userspace-api/landlock.rst
KNOWN = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
PORTS_SINCE, SCOPES_SINCE = 4, 6
BIND_TCP, CONNECT_TCP = 1, 2
ABSTRACT_SOCKETS, SIGNALS = 1, 2
FREE_CAPABILITIES = 64


class NoWall(OSError):
    """A wall could not be put up. `strerror` says which one, and where."""


def enter(order: dict[str, Any]) -> None:
    """Put up every wall in the order; an empty order has none. Raises `NoWall`; the caller must then end."""
    if order.get("group"):
        _step("joining the group whose ports are closed", lambda: _write(f"{order['group']}/cgroup.procs", str(os.getpid())))
    if order.get("view"):
        _enter_view(order["view"])
    rules = _ruleset(order["landlock"]) if order.get("landlock") else None
    if order.get("user"):
        _step("changing the user", lambda: _become(*order["user"]))
    if order:
        _check(LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")
    if order and not order.get("user"):
        _keep_limits()
    if rules is not None:
        _check(LIBC.syscall(RESTRICT_SELF, rules, 0), "Landlock")
        os.close(rules)


# -- the user


def _become(uid: int, gid: int) -> None:
    for capability in range(FREE_CAPABILITIES):
        LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # fails, harmlessly, for numbers the kernel does not know
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


# -- the view


def _enter_view(view: dict[str, Any]) -> None:
    """Cover folders with empty ones, and mount only the named paths in them again, each at the same path."""
    _unshare(view["as_user"])
    _check(_mount(None, "/", None, RECURSIVE | SLAVE), "keeping mounts apart")
    shown = [(path, os.open(path, os.O_PATH | os.O_CLOEXEC), way) for path, way in view["shown"] if os.path.exists(path)]
    sources = {source: os.open(source, os.O_PATH | os.O_CLOEXEC) for _, source in view["covered"] if source[0] == "/"}
    for path, source in view["covered"]:
        _cover(path, source, sources)
    for path, fd, way in shown:
        _show(path, fd, way)
        os.close(fd)
    for fd in sources.values():
        os.close(fd)
    if not view["as_user"]:  # hides the processes of others; a container may forbid this mount, so it is not checked
        _mount("proc", "/proc", "proc", NO_SUID | NO_DEVICES | NO_EXEC, "hidepid=invisible")


def _unshare(as_user: bool) -> None:
    uid, gid = os.geteuid(), os.getegid()
    _check(LIBC.unshare(NEW_MOUNTS | (NEW_USER if as_user else 0)), "a view of its own")
    if as_user:
        _step("a view of its own", lambda: _map_user(uid, gid))


def _map_user(uid: int, gid: int) -> None:
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{uid} {uid} 1")
    _write("/proc/self/gid_map", f"{gid} {gid} 1")


def _cover(path: str, source: str, sources: dict[str, int]) -> None:
    """Mount something over `path`: the folder `source`, or an empty file system in memory whose options are `source`."""
    if not os.path.isdir(path):
        return
    if source in sources:
        _check(_mount(f"/proc/self/fd/{sources[source]}", path, None, BIND | RECURSIVE), f"covering {path}")
    else:
        _check(_mount("tmpfs", path, "tmpfs", NO_SUID | NO_DEVICES, source), f"covering {path}")


def _show(path: str, fd: int, way: str) -> None:
    if not os.path.lexists(path):
        with contextlib.suppress(FileExistsError):
            _make_place(path, is_folder=os.path.isdir(f"/proc/self/fd/{fd}"))
    _check(_mount(f"/proc/self/fd/{fd}", path, None, BIND | RECURSIVE), f"showing {path}")
    if way == "read":
        kept = os.statvfs(path).f_flag & (NO_SUID | NO_DEVICES | NO_EXEC)  # flags that are set here must not be removed
        _mount(None, path, None, REMOUNT | BIND | READ_ONLY | kept)  # not checked: the files' owner protects them, too


def _make_place(path: str, *, is_folder: bool) -> None:
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    if is_folder:
        os.mkdir(path, 0o755)
    else:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> int:
    words = [word.encode() if word is not None else None for word in (source, target, kind, data)]
    return int(LIBC.mount(words[0], words[1], words[2], ctypes.c_ulong(flags), words[3]))


# -- Landlock


def _ruleset(order: dict[str, Any]) -> int:
    version = order["version"]
    known = KNOWN[min(version, max(KNOWN))]
    ports = BIND_TCP | CONNECT_TCP if version >= PORTS_SINCE and order.get("ports") else 0
    scopes = ABSTRACT_SOCKETS | SIGNALS if version >= SCOPES_SINCE else 0
    attributes = struct.pack("=QQQ", known, ports, scopes)[: 24 if scopes else 16 if ports else 8]
    rules = int(LIBC.syscall(CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0))
    _check(rules, "Landlock")
    for path, way in order["paths"]:
        _allow(rules, path, ACCESS[way] & known)
    if ports:
        _allow_ports(rules, order["ports"])
    return rules


def _allow(rules: int, path: str, access: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # this machine does not have it
        return
    if not os.path.isdir(f"/proc/self/fd/{fd}"):
        access &= OF_FILES
    done = LIBC.syscall(ADD_RULE, rules, PATH_BENEATH, struct.pack("=Qi", access, fd), 0)
    os.close(fd)
    _check(done, f"Landlock for {path}")


def _allow_ports(rules: int, closed: Iterable[tuple[int, int]]) -> None:
    """Allow every TCP port outside the ranges `closed`. Landlock has no ranges of ports: this takes a call per port, 50 to
    100 ms in all."""
    forbidden = {port for first, last in closed for port in range(first, last + 1)}
    rule = (ctypes.c_uint64 * 2)(BIND_TCP | CONNECT_TCP, 0)
    add, address = LIBC.syscall, ctypes.byref(rule)
    for port in range(65536):
        if port not in forbidden:
            rule[1] = port
            add(ADD_RULE, rules, NET_PORT, address, 0)


# -- limits of other processes


def _keep_limits() -> None:
    """Refuse to set limits of another process with `prlimit`. The kernel allows it between processes of the same user, and
    Fairway could not go on if it may open no more files. A program may still set its own limits and read those of others."""
    machine = os.uname().machine
    if machine not in PRLIMIT:
        return
    architecture, call = PRLIMIT[machine]
    program = [
        (LOAD, 0, 0, OF_ARCHITECTURE),
        (IF_EQUAL, 0, 10, architecture),  # else to REFUSE: on another architecture the numbers mean other calls
        (LOAD, 0, 0, OF_NUMBER),
        (IF_AT_LEAST, 8, 0, FOREIGN),  # to REFUSE
        (IF_EQUAL, 0, 8, call),  # else to ALLOW
        (LOAD, 0, 0, OF_ARGUMENTS),  # which process; 0 is this one
        (IF_EQUAL, 6, 0, 0),  # to ALLOW
        (LOAD, 0, 0, OF_ARGUMENTS + 16),  # the address of new limits, in two halves
        (IF_EQUAL, 0, 3, 0),  # else to REFUSE
        (LOAD, 0, 0, OF_ARGUMENTS + 20),
        (IF_EQUAL, 2, 0, 0),  # to ALLOW
        (RETURN, 0, 0, REFUSE),
        (RETURN, 0, 0, REFUSE),
        (RETURN, 0, 0, ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in program))
    filters = struct.pack("@HP", len(program), ctypes.addressof(code))
    _check(LIBC.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filters, 0, 0), "the filter of calls")


# -- errors


def _check(answer: int, what: str) -> None:
    if answer < 0:
        number = ctypes.get_errno()
        raise NoWall(number, f"{what}: {os.strerror(number)}")


def _step(what: str, act: Callable[[], None]) -> None:
    try:
        act()
    except OSError as error:
        raise NoWall(error.errno or errno.EPERM, f"{what}: {error.strerror}") from error


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


# -- what this machine can do


def abilities(uid: int) -> dict[str, Any]:
    """Which walls can be put up here. Each is tried in a child process, because a wall cannot be taken down again. `uid` is
    the user that the child tries to become."""
    version = int(LIBC.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), 1))
    is_root = os.geteuid() == 0
    return {
        "landlock": max(version, 0),
        "own_user": is_root and _succeeds(lambda: _become(uid, uid)),
        "view": is_root and _succeeds(lambda: _try_view(False)),
        "view_as_user": _succeeds(lambda: _try_view(True)),
    }


def _try_view(as_user: bool) -> None:
    _unshare(as_user)
    _check(_mount(None, "/", None, RECURSIVE | SLAVE), "keeping mounts apart")
    _check(_mount("tmpfs", "/tmp", "tmpfs", NO_SUID | NO_DEVICES, "mode=1777"), "covering /tmp")  # noqa: S108


def _succeeds(act: Callable[[], None]) -> bool:
    pid = os.fork()
    if pid == 0:
        try:
            act()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(pid, 0)[1] == 0


if __name__ == "__main__":
    sys.stdout.write(json.dumps(abilities(int(sys.argv[1]))))
