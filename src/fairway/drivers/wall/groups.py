"""Closes ports to a group of processes, with a control group (version 2) and a small BPF filter of our own.

This needs root. It takes a millisecond, whereas Landlock has no ranges of ports and needs a call for each of 60,000; and it
closes UDP ports as well. The filter refuses addresses whose port is in a closed range when a socket is bound or connected or
sends. It stays attached to the group, even if Fairway ends, and no process can leave the group.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import platform
import signal
import struct
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

_LIBC = ctypes.CDLL(None, use_errno=True)
_BPF: Final = {"x86_64": 321, "aarch64": 280}.get(platform.machine(), 0)  # asm/unistd.h
_LOAD, _ATTACH, _SOCKET_ADDRESS = 5, 8, 18  # linux/bpf.h
_WHERE: Final = (8, 9, 10, 11, 14, 15)  # bind, connect, sendmsg; each for IPv4 and IPv6
_TRIES: Final = 100
_PORT: Final = 24  # offset of user_port in struct bpf_sock_addr

Ranges = Sequence[tuple[int, int]]


class Groups:
    """The control groups of one data directory."""

    def __init__(self, data: Path) -> None:
        self._prefix = f"fairway-{hashlib.sha256(os.fsencode(data)).hexdigest()[:10]}-"

    def ensure(self, name: str, closed: Ranges) -> Path:
        """Create or keep the group `name`, and close these ports to it. Raises OSError."""
        folder = base() / (self._prefix + name)
        folder.mkdir(exist_ok=True)
        group = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for kind in _WHERE:
                _attach(group, kind, filter_of(closed))
        finally:
            os.close(group)
        return folder

    def remove(self, name: str) -> None:
        """Remove a group whose processes have ended. A group that still has processes stays."""
        with suppress(OSError, LookupError):
            folder = base() / (self._prefix + name)
            for _ in range(20):  # the kernel counts processes for a moment after they ended
                if not folder.exists() or (folder / "cgroup.procs").read_text():
                    return
                with suppress(OSError):
                    folder.rmdir()
                time.sleep(0.005)


def base(mounts: Path = Path("/proc/self/mountinfo"), own: Path = Path("/proc/self/cgroup")) -> Path:
    """The folder of the control group that we are in. Raises LookupError if there are no groups of version 2."""
    lines = [line.split() for line in mounts.read_text().splitlines()]
    root = next((line[4] for line in lines if line[line.index("-") + 1] == "cgroup2"), None)
    mine = next((line[3:] for line in own.read_text().splitlines() if line.startswith("0::")), None)
    if root is None or mine is None:
        raise LookupError("there are no control groups of version 2")
    return Path(root) / mine.strip("/")


def can_close() -> bool:
    """Whether ports can be closed with a group here; one group is tried."""
    groups, name = Groups(Path("/")), f"trial-{os.getpid()}-{threading.get_ident()}"
    try:
        groups.ensure(name, [(1, 1)])
    except (OSError, LookupError):
        return False
    finally:
        groups.remove(name)
    return True


def filter_of(closed: Ranges) -> bytes:
    """The filter, as BPF instructions: it returns 0 (refuse) for a closed port, else 1."""
    load = [_instruction(0x61, 2, 1, _PORT), _instruction(0xDC, 2, imm=16)]  # r2 = port; from network order
    allow = [_instruction(0xB7, 0, imm=1), _instruction(0x95)]  # return 1
    refuse = [_instruction(0xB7, 0, imm=0), _instruction(0x95)]  # return 0
    checks: list[bytes] = []
    for number, (first, last) in enumerate(closed):
        away = 2 * (len(closed) - number) - 2 + len(allow)
        checks += [_instruction(0xA5, 2, off=1, imm=first), _instruction(0xB5, 2, off=away, imm=last)]  # < first; <= last
    return b"".join([*load, *checks, *allow, *refuse])


def _instruction(code: int, to: int = 0, source: int = 0, off: int = 0, imm: int = 0) -> bytes:
    return struct.pack("=BBhi", code, source << 4 | to, off, imm)


def _attach(group: int, kind: int, program: bytes) -> None:
    code, licence = ctypes.create_string_buffer(program), ctypes.create_string_buffer(b"Apache-2.0")
    addresses = ctypes.addressof(code), ctypes.addressof(licence)
    wanted = struct.pack(
        "=IIQQIIQII16sII", _SOCKET_ADDRESS, len(program) // 8, *addresses, 0, 0, 0, 0, 0, b"fairway_ports", 0, kind
    )
    loaded = _bpf(_LOAD, wanted)
    try:
        _bpf(_ATTACH, struct.pack("=IIII", group, loaded, kind, 0))
    finally:
        os.close(loaded)


def _bpf(act: int, attributes: bytes) -> int:
    """Call bpf(2). The kernel gives up checking a filter whenever a signal arrives (EAGAIN). The call is repeated, as libbpf
    does, and signals are blocked meanwhile, so that a stream of them cannot delay it forever."""
    if not _BPF:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    before = signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
    try:
        for _ in range(_TRIES):
            answer = int(_LIBC.syscall(_BPF, act, attributes, len(attributes)))
            number = ctypes.get_errno() if answer < 0 else 0
            if number not in (errno.EAGAIN, errno.EINTR):
                break
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    if number:
        raise OSError(number, os.strerror(number))
    return answer
