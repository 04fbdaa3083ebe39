"""The tunnel to one host: an OpenSSH master process that forwards the host's Docker socket and the ports of its instances to
this machine.

There is one process per address and machine, with a folder ``hosts/<token>/`` in the data directory. It is started detached
and outlives the worker, as Caddy does; the next worker finds it by its control socket and reads its pid with SO_PEERCRED.
Ports of instances are added to and removed from the running master (``ssh -O forward``); adding one twice is no error.

All files are in that folder and ssh runs in it, so that paths stay short however deep the data directory is (the kernel
allows 107 bytes for the path of a socket).
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
ALIVE_EVERY, ALIVE_MISSED = 3, 3  # a silent host counts as away after 9 to 12 s; a busy host must not lose its requests
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
_folders: dict[Path, int] = {}  # open descriptors of folders whose paths are too long for a socket's; never closed
_folders_lock = threading.Lock()


@dataclass(frozen=True)
class Access:
    """What we need to sign in: our private key, and the host's public key that a person confirmed."""

    private_key: str = field(repr=False)
    host_key: str


class FoundTunnel:
    """The tunnel that runs in `folder`, whatever host it leads to. It can be found and ended."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._child: subprocess.Popen[bytes] | None = None

    def pid(self) -> int | None:
        """The process id of the tunnel; None if there is none. The control socket appears once the host has accepted our
        key."""
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
        """End the tunnel if it runs."""
        if not self.folder.is_dir():
            return
        with self._alone():
            running = self.pid()
            if running is not None:
                self._end(running)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Lock the folder, so that two workers do not start two tunnels."""
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
    """The tunnel to `address` for the data directory `data`. Creating the object starts nothing; `ensure_up` does."""

    def __init__(self, address: SshAddress, data: Path) -> None:
        super().__init__(data / FOLDER / address.token)
        self.address = address

    @property
    def url(self) -> str:
        """The address of the host's Docker Engine while the tunnel is up."""
        path = self.folder / SOCKET
        if len(str(path)) <= LONGEST_PATH or not self.folder.is_dir():
            return f"unix://{path}"
        return f"unix:///proc/{os.getpid()}/fd/{_descriptor_of(self.folder)}/{SOCKET}"

    def ensure_up(self, access: Access, wanted: Callable[[], bool] = lambda: True) -> bool:
        """Start the tunnel, or adopt one that was started with the same access. Returns True if it was started. The wait
        ends when `wanted` returns False.

        Raises `Unreached` if the host cannot be reached or does not accept our key.
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
        """The ports that are forwarded now. `table` is the kernel's list of sockets; forwarded ports listen at `local`."""
        wanted = socket.inet_aton(local)[::-1].hex().upper()
        rows = [line.split() for line in table.read_text().splitlines()[1:]]
        return {int(row[1].partition(":")[2], 16) for row in rows if row[3] == "0A" and row[1].partition(":")[0] == wanted}

    def ensure_open(self, local: str, ports: Collection[int]) -> None:
        """Forward these ports: what listens on the host's loopback address is reached at `local` here. Raises
        `Unreached`."""
        for port in sorted(set(ports) - self.open_ports(local)):
            self._ask("forward", "-L", f"{local}:{port}:127.0.0.1:{port}")

    def ensure_closed(self, local: str, ports: Collection[int]) -> None:
        """Stop forwarding these ports. Raises `Unreached`."""
        for port in sorted(set(ports) & self.open_ports(local)):
            self._ask("cancel", "-L", f"{local}:{port}:127.0.0.1:{port}")

    # --- starting and ending

    def _argv(self) -> list[str]:
        options = [part for name, value in _OPTIONS.items() for part in ("-o", f"{name}={value}")]
        forward = f"/proc/self/cwd/{SOCKET}:{self.address.socket}"
        target = ["-p", str(self.address.port), "-l", self.address.user, "--", self.address.host]
        return ["ssh", "-F", "/dev/null", "-M", "-S", CONTROL, "-N", "-T", *options, "-L", forward, *target]

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
        with suppress(OSError, ValueError):  # ssh needs a descriptor per port and request; it may have ended already
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
        """Send a command to the running master."""
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
        """Kill the child that we started before, if it still runs but its control socket no longer answers."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()

    # --- its folder

    def _wish(self, access: Access) -> str:
        """A hash of the options and keys with which a tunnel must have been started to be adopted. It reveals no secret."""
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
        """Write a file atomically, with mode 0600."""
        draft = self.folder / f".{name}.{secrets.token_hex(4)}"
        with open(os.open(draft, _FRESH, 0o600), "w") as file:
            file.write(text)
        draft.rename(self.folder / name)


_FRESH: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC


def _descriptor_of(folder: Path) -> int:
    """An open descriptor of the folder. It is opened again if the path now means another folder (a restored data
    directory)."""
    with _folders_lock:
        known = _folders.get(folder)
        if known is None or not os.path.samestat(os.fstat(known), os.stat(folder)):
            known = _folders[folder] = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return known


@contextmanager
def _in_reach(path: Path) -> Iterator[str]:
    """A path to the socket that is short enough for the kernel."""
    if len(str(path)) <= LONGEST_PATH:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _ended(descriptor: int, seconds: float) -> bool:
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    return bool(waiting.poll(seconds * 1000))


def close_all(data: Path) -> None:
    """End every tunnel of this machine for the data directory `data`. Nothing on the hosts is stopped."""
    if (data / FOLDER).is_dir():
        for folder in (data / FOLDER).iterdir():
            FoundTunnel(folder).close()
