"""``fairway up``: prepares the data directory, then keeps a web and a worker process running.

Everything is loaded once and the two are forked from it, so that they share most of their memory. SIGTERM ends the
control plane and leaves applications and proxy serving (that is how an upgrade happens); SIGINT (Ctrl-C, ``fairway
down``) stops those too.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

BACK_OFF_MOST = 30.0
log = logging.getLogger("fairway.up")


def main(arguments: list[str] | None = None) -> int:
    """The process behind ``fairway up``; exits 0 after a clean stop, 2 when it cannot start."""
    wanted = _parse(arguments)
    _environment(wanted)
    try:
        return _serve(wanted)
    except CannotStart as reason:
        sys.stderr.write(f"Fairway cannot start: {reason}\n")
        return 2


class CannotStart(Exception):
    """What stands in the way, and what to do, in one sentence."""


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fairway up")
    parser.add_argument("--data", required=True)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--proxy-port", type=int, default=8080)
    parser.add_argument("--bind", default="127.0.0.1")
    parser.add_argument("--demo", action="store_true")
    parser.add_argument("--only", choices=["web", "worker"], help="run one of the two, for machines that share the work")
    return parser.parse_args(arguments)


def _environment(wanted: argparse.Namespace) -> None:
    os.environ["FAIRWAY_DATA"] = str(Path(wanted.data).expanduser().absolute())
    os.environ["FAIRWAY_PORT"], os.environ["FAIRWAY_PROXY_PORT"] = str(wanted.port), str(wanted.proxy_port)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fairway.config.settings")
    if wanted.demo:
        os.environ["FAIRWAY_DEMO"] = "1"


def _serve(wanted: argparse.Namespace) -> int:
    import django

    _log_to_standard_error()
    django.setup()
    from fairway.config.machine import RunFile

    with RunFile.claimed(wanted.port, wanted.proxy_port) as run_file:
        if wanted.only != "worker":
            _refuse_taken_port(wanted.bind, wanted.port)
        secret = prepare(is_demo=wanted.demo)
        link = f"http://localhost:{wanted.port}/first-run/{secret}" if secret else ""
        if link:
            sys.stdout.write(f"First administrator: {link}\n")
            sys.stdout.flush()
        supervisor = Supervisor(_processes(wanted))
        run_file.write(state="running", first_link=link)
        must_stop_all = supervisor.run()
        if must_stop_all and wanted.only is None:
            from fairway.config.machine import stop_everything

            stop_everything()
    return 0


def prepare(*, is_demo: bool) -> str | None:
    """Bring the database up to date and make what must exist from the start; the first administrator's link, if needed."""
    from django.core.management import call_command

    from fairway.accounts.commands import ensure_first_link
    from fairway.environments.commands import ensure_default_environments

    call_command("migrate", verbosity=0, interactive=False)
    ensure_default_environments()
    if is_demo:
        from fairway.config.demo import ensure_demo_people

        ensure_demo_people()
    return ensure_first_link()


def _processes(wanted: argparse.Namespace) -> dict[str, Callable[[], None]]:
    def web() -> None:
        import uvicorn

        uvicorn.run(
            "fairway.config.asgi:application",
            host=wanted.bind,
            port=wanted.port,
            log_level="warning",
            timeout_graceful_shutdown=3,
            lifespan="off",
            server_header=False,
        )

    def worker() -> None:
        from fairway.worker.main import run_worker

        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        run_worker(stop)

    every = {"web": web, "worker": worker}
    return every if wanted.only is None else {wanted.only: every[wanted.only]}


class Supervisor:
    """Forks the processes and forks them again when they die, less and less often while they keep dying."""

    def __init__(self, processes: dict[str, Callable[[], None]]) -> None:
        self._processes = processes
        self._pids: dict[int, str] = {}
        self._started: dict[str, float] = {}
        self._pauses: dict[str, float] = {}
        self._due: dict[str, float] = dict.fromkeys(processes, 0.0)
        self._signal: int | None = None

    def run(self) -> bool:
        """Until a signal comes. True when it was SIGINT: then everything is to stop."""
        self._preload()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._heard)
        while self._signal is None:
            self._start_due()
            self._reap()
            time.sleep(0.1)
        self._stop_all()
        return self._signal == signal.SIGINT

    def _heard(self, number: int, frame: FrameType | None) -> None:
        self._signal = number

    def _preload(self) -> None:
        """Import before forking what both need, so that its pages are shared."""
        from django.db import connections

        import fairway.config.asgi
        import fairway.config.urls  # noqa: F401

        connections.close_all()
        gc.collect()
        gc.freeze()  # the collector would otherwise touch, and so copy, every shared page

    def _start_due(self) -> None:
        now = time.monotonic()
        for name, due in list(self._due.items()):
            if now >= due:
                del self._due[name]
                self._started[name] = now
                self._pids[self._fork(name)] = name

    def _fork(self, name: str) -> int:
        pid = os.fork()
        if pid:
            return pid
        status = 1
        try:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            os.setpgid(0, 0)  # a terminal's Ctrl-C reaches the supervisor alone, which then ends us in order
            _die_with_parent()
            self._processes[name]()
            status = 0
        except SystemExit as exit_:
            status = exit_.code if isinstance(exit_.code, int) else 1
        except BaseException:
            log.exception("The %s process failed", name)
        finally:
            logging.shutdown()
            os._exit(status)

    def _reap(self) -> None:
        for pid, name in list(self._pids.items()):
            found, status = os.waitpid(pid, os.WNOHANG)
            if not found:
                continue
            del self._pids[pid]
            lasted = time.monotonic() - self._started[name]
            pause = 0.0 if lasted > 30 else min(max(2 * self._pauses.get(name, 0.0), 0.2), BACK_OFF_MOST)
            self._pauses[name], self._due[name] = pause, time.monotonic() + pause
            log.error("The %s process ended (%s); starting it again", name, os.waitstatus_to_exitcode(status))

    def _stop_all(self) -> None:
        for pid in self._pids:
            _send(pid, signal.SIGTERM)
        deadline = time.monotonic() + 20
        while self._pids and time.monotonic() < deadline:
            for pid in list(self._pids):
                if os.waitpid(pid, os.WNOHANG)[0]:
                    del self._pids[pid]
            time.sleep(0.05)
        for pid in self._pids:
            _send(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _die_with_parent() -> None:
    """A supervisor that is killed takes its two processes along (Linux); nothing is lost, everything is in the database."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def _refuse_taken_port(bind: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((bind, port))
        except OSError as error:
            raise CannotStart(f"port {port} is not free ({error.strerror}); choose another with --port.") from None


def _log_to_standard_error() -> None:
    from fairway.config.logs import configure

    configure()


if __name__ == "__main__":
    sys.exit(main())
