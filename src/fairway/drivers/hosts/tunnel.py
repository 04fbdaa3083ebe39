"""The tunnel to one host: an OpenSSH master that carries its Docker socket and the ports of its instances here.

One process per address and machine, below ``hosts/<token>/`` of the data directory. It is started detached and outlives the
worker, as Caddy does; the next worker knows it again by its control socket (SO_PEERCRED tells its pid). Instances' ports are
added to and taken from the running master (``ssh -O forward``); one that is there already is no error.

Everything lies in the folder and ssh runs in it, so all paths are short however deep the data directory is (the kernel takes
107 bytes for a socket's).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import resource
import secrets
import select
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fairway.drivers.hosts.address import SshAddress
from fairway.drivers.hosts.keys import known_hosts_line, ssh_environment
from fairway.drivers.hosts.reasons import Reason, Unreached, reason_of

FOLDER: Final = "hosts"
SOCKET: Final = "docker.sock"
CONTROL: Final = "control"
CONNECT_SECONDS: Final = 10
START_SECONDS: Final = 30.0
ASK_SECONDS: Final = 10.0
ALIVE_EVERY, ALIVE_MISSED = 3, 3  # a silent host counts as away after 9 to 12 s; a busy one must not lose its requests
LONGEST_PATH: Final = 100
_OPTIONS: Final = {
    "BatchMode": "yes",
    "ExitOnForwardFailure": "yes",
    "StreamLocalBindUnlink": "yes",
    "ControlPersist": "no",
    "ConnectTimeout": str(CONNECT_SECONDS),
    "ServerAliveInterval": str(ALIVE_EVERY),
    "ServerAliveCountMax": str(ALIVE_MISSED),
    "StrictHostKeyChecking": "yes",
    "UserKnownHostsFile": "known_hosts",
    "GlobalKnownHostsFile": "/dev/null",
    "UpdateHostKeys": "no",
    "CheckHostIP": "no",
    "IdentityFile": "key",
    "IdentitiesOnly": "yes",
    "IdentityAgent": "none",
    "PreferredAuthentications": "publickey",
    "ForwardAgent": "no",
    "ProxyCommand": "none",
    "PermitLocalCommand": "no",
}
_folders: dict[Path, int] = {}  # open descriptors of folders whose paths are too long for a socket's; a few, kept
_folders_lock = threading.Lock()


@dataclass(frozen=True)
class Access:
    """What it takes to get in: our private key, and the host's own public one that a person confirmed."""

    private_key: str = field(repr=False)
    host_key: str


class FoundTunnel:
    """Whatever tunnel runs in `folder`, wherever it leads: to be looked for, and to be ended."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._child: subprocess.Popen[bytes] | None = None

    def pid(self) -> int | None:
        """The process that carries the tunnel; None while there is none. It is there once the host has let us in."""
        self._reap()
        with socket.socket(socket.AF_UNIX) as knock:
            try:
                with _in_reach(self.folder / CONTROL) as path:
                    knock.connect(path)
            except OSError:
                return None
            credentials = knock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", credentials)[0])

    def close(self) -> None:
        """End it. Nothing happens when it does not run."""
        if not self.folder.is_dir():
            return
        with self._alone():
            running = self.pid()
            if running is not None:
                self._end(running)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Two workers must not start two of them."""
        self.folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        lock = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _end(self, pid: int) -> None:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            for number, seconds in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
                signal.pidfd_send_signal(descriptor, number)
                if _ended(descriptor, seconds):
                    break
        except ProcessLookupError:
            pass  # it ended by itself
        finally:
            os.close(descriptor)
            self._reap()

    def _reap(self) -> None:
        if self._child is not None and self._child.poll() is not None:
            self._child = None


class Tunnel(FoundTunnel):
    """The tunnel to `address` for the data directory `data`. Cheap to make; nothing is started but by `ensure_up`."""

    def __init__(self, address: SshAddress, data: Path) -> None:
        super().__init__(data / FOLDER / address.token)
        self.address = address

    @property
    def url(self) -> str:
        """Where the host's Docker Engine is reached while the tunnel is up."""
        place = self.folder / SOCKET
        if len(str(place)) <= LONGEST_PATH or not self.folder.is_dir():
            return f"unix://{place}"
        return f"unix:///proc/{os.getpid()}/fd/{_descriptor_of(self.folder)}/{SOCKET}"

    def ensure_up(self, access: Access, wanted: Callable[[], bool] = lambda: True) -> bool:
        """Start it, or adopt the one that runs with this access; True when it was started. `wanted` may end the wait.

        Raises `Unreached` when the host is not reached or does not let us in.
        """
        with self._alone():
            running = self.pid()
            if running is not None and self._stamp() == self._wish(access):
                return False
            if running is not None:
                self._end(running)
            self._write("key", access.private_key.replace("\r\n", "\n").strip() + "\n")
            self._write("known_hosts", known_hosts_line(self.address, access.host_key))
            self._start(wanted)
            self._write("stamp", self._wish(access))
            return True

    def open_ports(self, local: str, table: Path = Path("/proc/net/tcp")) -> set[int]:
        """The ports that are forwarded now, as the kernel says: what listens on the host's own loopback address."""
        wanted = socket.inet_aton(local)[::-1].hex().upper()
        rows = [line.split() for line in table.read_text().splitlines()[1:]]
        return {int(row[1].partition(":")[2], 16) for row in rows if row[3] == "0A" and row[1].partition(":")[0] == wanted}

    def ensure_open(self, local: str, ports: Collection[int]) -> None:
        """Let what listens on these loopback ports over there be reached at `local` here. Raises `Unreached`."""
        for port in sorted(set(ports) - self.open_ports(local)):
            self._ask("forward", "-L", f"{local}:{port}:127.0.0.1:{port}")

    def ensure_closed(self, local: str, ports: Collection[int]) -> None:
        """Take ports back. Raises `Unreached`."""
        for port in sorted(set(ports) & self.open_ports(local)):
            self._ask("cancel", "-L", f"{local}:{port}:127.0.0.1:{port}")

    # --- starting and ending

    def _argv(self) -> list[str]:
        options = [part for name, value in _OPTIONS.items() for part in ("-o", f"{name}={value}")]
        forward = f"/proc/self/cwd/{SOCKET}:{self.address.socket}"
        place = ["-p", str(self.address.port), "-l", self.address.user, "--", self.address.host]
        return ["ssh", "-F", "/dev/null", "-M", "-S", CONTROL, "-N", "-T", *options, "-L", forward, *place]

    def _start(self, wanted: Callable[[], bool]) -> None:
        self._let_go()
        for name in (SOCKET, CONTROL):
            (self.folder / name).unlink(missing_ok=True)
        with open(os.open(self.folder / "ssh.log", _FRESH, 0o600), "wb") as log:
            try:
                child = subprocess.Popen(
                    self._argv(),
                    cwd=self.folder,
                    env=ssh_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    umask=0o077,
                )
            except FileNotFoundError as error:
                raise Unreached(Reason.NO_SSH, str(error)) from None
        self._child = child
        with suppress(OSError, ValueError):  # one descriptor per port and per request; it may have ended already
            most = resource.prlimit(child.pid, resource.RLIMIT_NOFILE)[1]
            resource.prlimit(child.pid, resource.RLIMIT_NOFILE, (most, most))
        self._await_start(child, wanted)

    def _await_start(self, child: subprocess.Popen[bytes], wanted: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and wanted():
            if self.pid() == child.pid:
                return
            with suppress(subprocess.TimeoutExpired):
                child.wait(0.05)
                self._child = None
                raise Unreached(reason_of(self._said()), self._said())
        self._end(child.pid)
        raise Unreached(Reason.SILENT, self._said())

    def _ask(self, act: str, *arguments: str) -> None:
        """Have the running master do something."""
        argv = ["ssh", "-F", "/dev/null", "-S", CONTROL, "-O", act, *arguments, "--", self.address.host]
        try:
            done = subprocess.run(
                argv,
                cwd=self.folder,
                env=ssh_environment(),
                capture_output=True,
                text=True,
                timeout=ASK_SECONDS,
                check=False,
            )
        except FileNotFoundError as error:  # the folder, or ssh
            raise Unreached(Reason.NO_SSH if self.folder.is_dir() else Reason.OTHER, str(error)) from None
        except subprocess.TimeoutExpired:
            raise Unreached(Reason.SILENT, f"The tunnel did not {act} within {ASK_SECONDS:g} s.") from None
        if done.returncode != 0:
            raise Unreached(Reason.OTHER, done.stderr.strip()[-500:])

    def _let_go(self) -> None:
        """Of what we started before and nobody can talk to any more."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()

    # --- its folder

    def _wish(self, access: Access) -> str:
        """What a running one must have been started with to be adopted; no secret can be read from it."""
        wish = "\0".join([*self._argv(), access.private_key, access.host_key])
        return hashlib.sha256(wish.encode()).hexdigest()

    def _stamp(self) -> str:
        with suppress(OSError):
            return (self.folder / "stamp").read_text()
        return ""

    def _said(self) -> str:
        with suppress(OSError):
            return (self.folder / "ssh.log").read_text(errors="replace").strip()[-1000:]
        return ""

    def _write(self, name: str, text: str) -> None:
        """Whole or not at all, 0600."""
        draft = self.folder / f".{name}.{secrets.token_hex(4)}"
        with open(os.open(draft, _FRESH, 0o600), "w") as file:
            file.write(text)
        draft.rename(self.folder / name)


_FRESH: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC


def _descriptor_of(folder: Path) -> int:
    """A descriptor of the folder that stays open, and still means it (a restored data directory is another folder)."""
    with _folders_lock:
        known = _folders.get(folder)
        if known is None or not os.path.samestat(os.fstat(known), os.stat(folder)):
            known = _folders[folder] = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return known


@contextmanager
def _in_reach(place: Path) -> Iterator[str]:
    """A path to a socket that the kernel takes, however long the folder's is."""
    if len(str(place)) <= LONGEST_PATH:
        yield str(place)
        return
    folder = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{place.name}"
    finally:
        os.close(folder)


def _ended(descriptor: int, seconds: float) -> bool:
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    return bool(waiting.poll(seconds * 1000))


def close_all(data: Path) -> None:
    """End every tunnel of this machine for the data directory `data`; nothing elsewhere is stopped by that."""
    if (data / FOLDER).is_dir():
        for place in (data / FOLDER).iterdir():
            FoundTunnel(place).close()
