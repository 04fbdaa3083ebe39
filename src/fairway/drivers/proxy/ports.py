"""Finds which program listens on a port of this machine, for the message that our port is taken. Linux only (/proc)."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

_LISTEN = "0A"  # Source: include/net/tcp_states.h


def is_taken(bind: str, port: int) -> bool:
    """Whether a program listens there. Binds without SO_REUSEPORT, which would succeed beside a program that shares its
    port."""
    with socket.socket(socket.AF_INET6 if ":" in bind else socket.AF_INET, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((bind, port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def listening_program(port: int) -> str:
    """“nginx (pid 123)”, or “another program” if it belongs to another user and the kernel hides it."""
    sockets = {f"socket:[{inode}]" for table in ("tcp", "tcp6") for inode in _listening(Path("/proc/net") / table, port)}
    for process in Path("/proc").glob("[0-9]*"):
        if sockets & _open_files(process):
            return f"“{_name(process)}” (pid {process.name})"
    return "another program"


def _listening(table: Path, port: int) -> set[str]:
    try:
        rows = [line.split() for line in table.read_text().splitlines()[1:]]
    except OSError:
        return set()
    return {row[9] for row in rows if row[3] == _LISTEN and int(row[1].rpartition(":")[2], 16) == port}


def _open_files(process: Path) -> set[str]:
    try:
        return {_target(process / "fd" / name) for name in os.listdir(process / "fd")}
    except OSError:
        return set()  # another user's process, or one that ended meanwhile


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "a program that just ended"
