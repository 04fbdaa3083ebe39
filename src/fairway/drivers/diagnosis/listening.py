"""On which ports programs listen, read from /proc, and why they cannot be reached on the port they should use. No Django."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

_LISTENS = "0A"  # TCP_LISTEN, include/net/tcp_states.h
MOST_SHOWN = 3


@dataclass(frozen=True)
class Listener:
    """A program that accepts connections at an address (``0.0.0.0``, ``::1``). `program` is its name; "" if unknown."""

    address: str
    port: int
    program: str = ""

    @property
    def is_everywhere(self) -> bool:
        return ip_address(self.address).is_unspecified

    @property
    def is_loopback(self) -> bool:
        found = ip_address(self.address)
        return found.is_loopback or bool(getattr(found, "ipv4_mapped", None) and found.ipv4_mapped.is_loopback)  # type: ignore[union-attr]

    @property
    def where(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


def of_processes(pids: Iterable[int]) -> tuple[Listener, ...]:
    """What these processes listen on. A process whose files we may not read contributes nothing."""
    found: set[Listener] = set()
    for pid in pids:
        if owned := _sockets(pid):
            name = _name(pid)
            found.update(Listener(address, port, name) for address, port, inode in _table(pid) if inode in owned)
    return _sorted(found)


def of_network(pid: int, pids: Iterable[int] = ()) -> tuple[Listener, ...]:
    """Everything that listens in the network namespace of the process `pid`. Programs' names are looked up among `pids`."""
    names = {inode: _name(process) for process in pids for inode in _sockets(process)}
    return _sorted({Listener(address, port, names.get(inode, "")) for address, port, inode in _table(pid)})


def has_address(pid: int, addresses: Iterable[str]) -> bool:
    """Whether the network namespace of the process `pid` has one of these IPv4 addresses."""
    with suppress(OSError):
        known = {word for word in Path(f"/proc/{pid}/net/fib_trie").read_text().split() if "." in word}
        return any(address in known for address in addresses)
    return False


def beside(pid: int) -> list[int]:
    """The processes in the same network namespace as `pid`, as far as we may see them."""
    with suppress(OSError):
        network = os.readlink(f"/proc/{pid}/ns/net")
        return [process for process in _everyone() if _network(process) == network]
    return []


def complaint(listeners: Collection[Listener], wanted: int, *, is_alone: bool) -> str:
    """Why `wanted` cannot be reached, in one sentence with what to do; "" if the listeners give no reason.

    `is_alone` means that the programs have a network namespace of their own, as in a container: it is entered from outside,
    and the application may use any port in it.
    """
    matching = [listener for listener in listeners if listener.port == wanted]
    if matching:
        return _wrong_address(matching, is_alone=is_alone)
    if not listeners:
        return ""
    shown = ", ".join(_described(listener) for listener in list(listeners)[:MOST_SHOWN])
    ports = "port" if len({listener.port for listener in listeners}) == 1 else "ports"
    first = next(iter(listeners)).port
    if is_alone:
        remedy = f"set the application's port to {first}, or let it listen on the port that the variable PORT names"
    else:
        remedy = "let it listen on the port that the variable PORT names, or write {port} into the start command"
    return f"It listens on {ports} {shown}, not on {wanted} (PORT): {remedy}."


def _described(listener: Listener) -> str:
    return f"{listener.port} ({listener.program})" if listener.program else str(listener.port)


def _wrong_address(listeners: Collection[Listener], *, is_alone: bool) -> str:
    if is_alone:
        if all(listener.is_loopback for listener in listeners):
            where = next(iter(listeners)).where
            return f"It listens on {where} only, where nobody outside its container reaches it: let it listen on 0.0.0.0."
        return ""
    if any(_reaches_loopback(listener) for listener in listeners):
        return ""
    where = next(iter(listeners)).where
    return (
        f"It listens on {where} only, and is asked on 127.0.0.1: let it listen on the address that the variable HOST names."
    )


def _reaches_loopback(listener: Listener) -> bool:
    return listener.is_everywhere or listener.address in ("127.0.0.1", "::ffff:127.0.0.1")


def _sorted(found: Iterable[Listener]) -> tuple[Listener, ...]:
    return tuple(sorted(found, key=lambda listener: (listener.port, listener.address)))


def _table(pid: int) -> Iterator[tuple[str, int, str]]:
    """Every listening TCP socket in the process's network namespace, as (address, port, inode). Source: proc_net_tcp.rst of
    the kernel."""
    for name in ("tcp", "tcp6"):
        with suppress(OSError), open(f"/proc/{pid}/net/{name}") as file:
            for line in file:
                fields = line.split()
                if len(fields) > 9 and fields[3] == _LISTENS:
                    host, _, port = fields[1].partition(":")
                    yield _address(host), int(port, 16), fields[9]


def _address(hexadecimal: str) -> str:
    """Parse an address as the kernel prints it: words of four bytes, each in the byte order of the machine."""
    words = [int(hexadecimal[at : at + 8], 16) for at in range(0, len(hexadecimal), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)


def _sockets(pid: int) -> set[str]:
    """The inodes of the sockets that a process has open."""
    found: set[str] = set()
    with suppress(OSError):
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                target = os.readlink(entry.path)
                if target.startswith("socket:["):
                    found.add(target[8:-1])
    return found


def _everyone() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _network(pid: int) -> str:
    with suppress(OSError):
        return os.readlink(f"/proc/{pid}/ns/net")
    return ""


def _name(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
    return ""
