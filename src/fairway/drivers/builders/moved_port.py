"""Makes a Python program with a fixed port in its code listen on PORT at HOST instead, so that several can run on one
machine.

`put_into` copies this file into an application's environment, where every Python that starts runs `move`. So it imports
little, and nothing of Fairway.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

MODULE = "fairway_moved_port"
_OPEN = ("", "0.0.0.0")  # noqa: S104 - addresses that are replaced, not listened on
_EVERYWHERE = (*_OPEN, "::", "127.0.0.1", "::1", "localhost")


def put_into(environment: Path, port: int) -> None:
    """Make every Python of a virtual environment replace `port` when it starts."""
    for packages in environment.glob("lib/python*/site-packages"):
        (packages / f"{MODULE}.py").write_text(Path(__file__).read_text())
        (packages / f"{MODULE}.pth").write_text(f"import {MODULE}; {MODULE}.move({int(port)})\n")


def move(port: int) -> None:
    """From now on, listening on `port` means listening on PORT, and connecting to `port` on this machine reaches the
    program itself."""
    given = os.environ.get("PORT", "")
    if not given.isdecimal() or int(given) == port:
        return
    # uvloop listens without Python's sockets. If it cannot be imported, servers use asyncio instead.
    sys.modules.setdefault("uvloop", None)  # type: ignore[arg-type]
    host = os.environ.get("HOST", "")
    for name in ("bind", "connect", "connect_ex"):
        setattr(socket.socket, name, _moving(getattr(socket.socket, name), port, int(given), host if name == "bind" else ""))
    socket.socket.getsockname = _unmoving(socket.socket.getsockname, port, int(given))  # type: ignore[method-assign]


def _moving(act: Callable[..., Any], port: int, given: int, host: str) -> Callable[..., Any]:
    """The socket method with the port replaced. An address open to the whole network is narrowed to `host`, if given."""

    def moved(own: socket.socket, address: Any) -> Any:
        if isinstance(address, tuple) and address[1:2] == (port,) and address[0] in _EVERYWHERE:
            is_open = own.family == socket.AF_INET and address[0] in _OPEN
            address = (host if host and is_open else address[0], given, *address[2:])
        return act(own, address)

    return moved


def _unmoving(ask: Callable[..., Any], port: int, given: int) -> Callable[..., Any]:
    """A ``getsockname`` that answers with the port in the code, because some programs check that they got the port they
    asked for."""

    def told(own: socket.socket) -> Any:
        address = ask(own)
        is_moved = isinstance(address, tuple) and address[1:2] == (given,)
        return (address[0], port, *address[2:]) if is_moved else address

    return told
