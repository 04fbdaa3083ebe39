"""Run a program that never hears of network interfaces coming and going.

A Docker Engine makes and removes interfaces all the time, anywhere on the machine. Chromium then drops every request it is
making (``ERR_NETWORK_CHANGED``): a page is left without one of its scripts, and what it can no longer do looks like a
fault of ours. The kernel tells of interfaces over netlink sockets; a filter on the one system call that makes them keeps
the news away. Chromium takes a machine without netlink for one that is always online.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
from pathlib import Path

SOCKET_CALL = {"x86_64": 41, "aarch64": 198}  # of socket(2), by machine (linux/unistd.h)
AF_NETLINK = 16
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, JUMP_EQUAL, ANSWER = 0x20, 0x15, 0x06  # BPF: load a word, compare with a constant, return
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
CALL_NUMBER, FIRST_ARGUMENT = 0, 16  # where they lie in struct seccomp_data


class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def without_netlink(program: str, place: Path) -> Path:
    """A script at `place` that runs `program` so; the program itself where we do not know the machine's calls."""
    if platform.machine() not in SOCKET_CALL:
        return Path(program)
    become_it = f"exec(open({__file__!r}).read())\nbecome({program!r}, sys.argv[1:])"
    place.write_text(f"#!{sys.executable} -SE\nimport sys\n{become_it}\n")
    place.chmod(0o700)
    return place


def become(program: str, arguments: list[str]) -> None:
    """Replace this process by `program`. Raises `OSError` when the kernel takes no filter."""
    instructions = b"".join(
        struct.pack("HBBI", *one)
        for one in (
            (LOAD, 0, 0, CALL_NUMBER),
            (JUMP_EQUAL, 0, 3, SOCKET_CALL[platform.machine()]),
            (LOAD, 0, 0, FIRST_ARGUMENT),
            (JUMP_EQUAL, 0, 1, AF_NETLINK),
            (ANSWER, 0, 0, ERRNO | errno.EAFNOSUPPORT),
            (ANSWER, 0, 0, ALLOW),
        )
    )
    kernel = ctypes.CDLL(None, use_errno=True)
    told = Filter(len(instructions) // 8, instructions)
    for call in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(told), 0, 0)):
        if kernel.prctl(*call) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    os.execv(program, [program, *arguments])
