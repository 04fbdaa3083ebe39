"""Lets a Python program whose port stands in its code listen on PORT at HOST instead, so that several can share a machine.

`put_into` copies this very file into an application's environment, where every Python that starts there runs `move`. It
therefore imports little, and nothing of Fairway.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

MODULE = "fairway_moved_port"
_OPEN = ("", "0.0.0.0")  # noqa: S104 - what is moved, not where to
_EVERYWHERE = (*_OPEN, "::", "127.0.0.1", "::1", "localhost")


def put_into(environment: Path, port: int) -> None:
    """Make every Python of a virtual environment move `port`."""
    for packages in environment.glob("lib/python*/site-packages"):
        (packages / f"{MODULE}.py").write_text(Path(__file__).read_text())
        (packages / f"{MODULE}.pth").write_text(f"import {MODULE}; {MODULE}.move({int(port)})\n")


def move(port: int) -> None:
    """From now on, listening on `port` listens on PORT, and asking this machine there asks the program itself."""
    given = os.environ.get("PORT", "")
    if not given.isdecimal() or int(given) == port:
        return
    sys.modules.setdefault("uvloop", None)  # type: ignore[arg-type]  # it listens below Python; without it, asyncio does
    host = os.environ.get("HOST", "")
    for name in ("bind", "connect", "connect_ex"):
        setattr(socket.socket, name, _moving(getattr(socket.socket, name), port, int(given), host if name == "bind" else ""))
    socket.socket.getsockname = _unmoving(socket.socket.getsockname, port, int(given))  # type: ignore[method-assign]


def _moving(act: Callable[..., Any], port: int, given: int, host: str) -> Callable[..., Any]:
    """The method with the port moved, and where it listens for the whole world, for `host` only."""

    def moved(own: socket.socket, address: Any) -> Any:
        if isinstance(address, tuple) and address[1:2] == (port,) and address[0] in _EVERYWHERE:
            is_open = own.family == socket.AF_INET and address[0] in _OPEN
            address = (host if host and is_open else address[0], given, *address[2:])
        return act(own, address)

    return moved


def _unmoving(ask: Callable[..., Any], port: int, given: int) -> Callable[..., Any]:
    """The method that tells a program the port in its code: some check that it is the one they asked for."""

    def told(own: socket.socket) -> Any:
        address = ask(own)
        is_moved = isinstance(address, tuple) and address[1:2] == (given,)
        return (address[0], port, *address[2:]) if is_moved else address

    return told
