"""``fairway up``: the supervisor, which keeps web and worker processes running and uses little memory itself.

It never loads the application. Another process (``launch.py``) loads it once, forks web and worker, which share most of
their memory, and ends; they then become the supervisor's children. SIGTERM ends the control plane and leaves applications
and proxy serving (that is how an upgrade happens); SIGINT (Ctrl-C, ``fairway down``) stops those, too.

This file imports only what it really needs, because each module would stay in memory as long as Fairway runs.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

from fairway.config import forking, programs
from fairway.config.runfile import CannotStart, RunFile

BACK_OFF_MOST = 30.0  # seconds between two starts of a process that keeps dying
STEADY = 2.0  # seconds; a process that ran longer before it died is started again without a pause
STOP_LIMIT = 20.0  # seconds within which web and worker must stop
MOST = 32  # processes of one kind under one supervisor


def main(arguments: list[str] | None = None) -> int:
    """The process of ``fairway up``; returns 0 after a clean stop, 1 if the application failed to start, 2 if it must not
    start here."""
    wanted = _parse(arguments)
    _environment(wanted)
    try:
        return _serve(wanted)
    except CannotStart as reason:
        sys.stderr.write(f"Fairway cannot start: {reason}\n")
        return 2


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fairway up")
    parser.add_argument("--data", required=True)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--proxy-port", type=int, default=8080)
    parser.add_argument("--bind", default="127.0.0.1")
    parser.add_argument("--demo", action="store_true")
    parser.add_argument("--web", type=int, default=1, help="how many web processes share the port")
    parser.add_argument("--workers", type=int, default=1, help="how many worker processes share the work")
    parser.add_argument("--move-here", action="store_true", help="from now on the installation lives in this data directory")
    wanted = parser.parse_args(arguments)
    if not (0 <= wanted.web <= MOST and 0 <= wanted.workers <= MOST and wanted.web + wanted.workers):
        parser.error(f"--web and --workers are numbers from 0 to {MOST}, not both 0")
    return wanted


def _environment(wanted: argparse.Namespace) -> None:
    os.environ["FAIRWAY_DATA"] = str(Path(wanted.data).expanduser().absolute())
    os.environ["FAIRWAY_PORT"], os.environ["FAIRWAY_PROXY_PORT"] = str(wanted.port), str(wanted.proxy_port)
    os.environ["DJANGO_SETTINGS_MODULE"] = "fairway.config.settings"  # overrides the shell's environment
    if wanted.demo:
        os.environ["FAIRWAY_DEMO"] = "1"
    os.environ["FAIRWAY_MOVE_HERE"] = "1" if wanted.move_here else ""


def _serve(wanted: argparse.Namespace) -> int:
    # Before anybody can find this process by its run file: whoever tells it to stop then would end it with the file left.
    signal.pthread_sigmask(signal.SIG_BLOCK, forking.HEARD)
    data, counts = Path(os.environ["FAIRWAY_DATA"]), {"webs": wanted.web, "workers": wanted.workers}
    with RunFile.claimed(data, wanted.port, wanted.proxy_port, **counts) as run_file:
        if wanted.web:
            _refuse_taken_port(wanted.bind, wanted.port, "--port")
        if wanted.workers and not proxy_serves(data):
            _refuse_taken_port("127.0.0.1", wanted.proxy_port, "--proxy-port")
        names = _named("web", wanted.web) + _named("worker", wanted.workers)
        supervisor = Supervisor(names, wanted.bind, wanted.port, is_demo=wanted.demo, run_file=run_file)
        why = supervisor.run()
        if why == signal.SIGINT and wanted.workers:
            _stop_everything(data)
        return 1 if why is None else 0


def _named(kind: str, count: int) -> tuple[str, ...]:
    """The names of `count` processes: ``worker``, ``worker-2``, ``worker-3`` …"""
    return tuple(kind if number == 1 else f"{kind}-{number}" for number in range(1, count + 1))


class Supervisor:
    """Starts the processes, and restarts them when they die, with growing pauses while they keep dying.

    It waits for signals instead of handling them, so an idle supervisor never wakes up.
    """

    def __init__(self, names: tuple[str, ...], bind: str, port: int, *, is_demo: bool, run_file: RunFile) -> None:
        self._names, self._bind, self._port, self._is_demo, self._run_file = names, bind, port, is_demo, run_file
        self._pids: dict[int, str] = {}
        self._due = dict.fromkeys(names, 0.0)  # when to start each process that does not run (monotonic seconds)
        self._pauses: dict[str, float] = {}
        self._started: dict[str, float] = {}
        self._launcher: tuple[int, int] | None = None  # its pid, and the pipe to which it writes its answers
        self._launched: tuple[str, ...] = ()
        self._ended: dict[int, int] = {}  # exit codes of children that have ended and are not handled yet, by pid
        self._has_run = False

    def run(self) -> int | None:
        """Supervise until told to stop; returns the signal, or None if the first start failed. The signals in
        `forking.HEARD` are blocked by then."""
        told: int | None = None
        while told is None:
            self._start_due()
            info = signal.sigtimedwait(forking.HEARD, self._patience())
            if info is not None and info.si_signo != signal.SIGCHLD:
                told = info.si_signo
            self._reap()
            if not (self._has_run or self._launcher or told):
                break
        self._stop_all()
        return told

    def _patience(self) -> float:
        """Seconds until a process is due for a start."""
        if self._launcher or not self._due:
            return 3600.0
        return max(0.0, min(self._due.values()) - time.monotonic())

    def _start_due(self) -> None:
        now = time.monotonic()
        due = tuple(name for name, at in self._due.items() if now >= at)
        if due and self._launcher is None:
            for name in due:
                del self._due[name]
                self._started[name] = now
            self._launch(due)

    def _launch(self, names: tuple[str, ...]) -> None:
        """Let a newly loaded process fork `names`; they become this process's children when it ends."""
        forking.adopt_orphans(True)
        reader, writer = os.pipe()
        supervisor, is_first = os.getpid(), not self._has_run
        is_shared = sum(name.startswith("web") for name in self._names) > 1

        def load_and_fork() -> None:
            os.close(reader)
            gc.disable()  # until all is loaded: there is no garbage, and collecting took an eighth of the start
            from fairway.config import launch

            try:
                launch.set_up()
            except Exception as problem:
                programs.refuse(problem, "Fairway cannot start: ")
            if is_first and (code := forking.run(lambda: self._prepare(writer))):
                raise SystemExit(code)
            launch.launch(names, self._bind, self._port, is_shared=is_shared, supervisor=supervisor, answer=writer)

        self._launched = names
        self._launcher = (forking.fork(load_and_fork), reader)
        os.close(writer)

    def _prepare(self, answer: int) -> None:
        from django.conf import settings

        from fairway.config.launch import prepare, say
        from fairway.drivers.wall.abilities import layers_said

        has_workers = any(name.startswith("worker") for name in self._names)
        try:
            secret = prepare(is_demo=self._is_demo, has_workers=has_workers)
        except Exception as problem:
            programs.refuse(problem, "Fairway cannot start: ")
        say(answer, {"walls": layers_said()} if has_workers else {})
        say(answer, {"url": settings.PUBLIC_URL})
        say(answer, {"first_link": f"{settings.PUBLIC_URL}/first-run/{secret}" if secret else ""})

    def _reap(self) -> None:
        """Record every child that has ended."""
        while ended := _next_ended():
            self._ended |= ended
        if self._launcher and self._launcher[0] in self._ended:
            self._adopt(self._ended.pop(self._launcher[0]))
        for pid in self._ended.keys() & self._pids.keys():
            self._lost(self._pids.pop(pid), self._ended[pid])
        if self._launcher is None:  # with a launcher, it may be a process whose pid has not been read from the pipe yet
            self._ended.clear()

    def _adopt(self, code: int) -> None:
        """Take over the processes that the launcher forked; it has ended, so they are this process's children now."""
        answer = self._said()
        forking.adopt_orphans(False)
        for name in self._launched:
            if name not in answer:
                self._lost(name, code)
        if code == 0 and not self._has_run:
            self._has_run = True
            self._announce(answer.get("url") or "", answer.get("first_link") or "", answer.get("walls") or [])
        self._run_file.write(processes={name: pid for pid, name in self._pids.items()})

    def _said(self) -> dict[str, Any]:
        """Read what the launcher, which has ended, wrote to its pipe, and note the processes that it named."""
        assert self._launcher is not None
        answer = _everything_in(self._launcher[1])
        self._launcher = None
        self._pids |= {pid: name for name, pid in answer.items() if name in self._names}
        return answer

    def _announce(self, url: str, link: str, walls: list[str]) -> None:
        sys.stdout.writelines(f"{wall}\n" for wall in walls)
        if link:  # links that sign somebody in, and passwords, must not be written into a log
            hint = link if sys.stdout.isatty() else f"fairway status --data {os.environ['FAIRWAY_DATA']} says the link"
            sys.stdout.write(f"First administrator: {hint}\n")
            sys.stdout.flush()
        if self._is_demo and sys.stdout.isatty():
            _say_demo_people(Path(os.environ["FAIRWAY_DATA"]))
        self._run_file.write(state="running", url=url, first_link=link)

    def _lost(self, name: str, code: int) -> None:
        lasted = time.monotonic() - self._started[name]
        pause = 0.0 if lasted > STEADY else min(max(2 * self._pauses.get(name, 0.0), 0.2), BACK_OFF_MOST)
        self._pauses[name], self._due[name] = pause, time.monotonic() + pause
        if self._has_run:
            forking.log_error(f"The {name} process ended ({code}); starting it again")

    def _stop_all(self) -> None:
        if self._launcher:  # end it, and read which processes it has forked so far
            forking.send(self._launcher[0], signal.SIGTERM)
            os.waitpid(self._launcher[0], 0)
            self._said()
        for pid in self._pids:
            forking.send(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_LIMIT
        while self._pids and (left := deadline - time.monotonic()) > 0:
            for pid in list(self._pids):
                if os.waitpid(pid, os.WNOHANG)[0]:
                    del self._pids[pid]
            if self._pids:
                signal.sigtimedwait({signal.SIGCHLD}, left)
        for pid in self._pids:
            forking.send(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _say_demo_people(data: Path) -> None:
    """Show the demo people on the terminal, from a forked process, so that the supervisor stays small."""

    def say() -> None:
        from fairway.cli.machine import tell_demo_people

        tell_demo_people(data)

    forking.run(say)


def _stop_everything(data: Path) -> None:
    """Stop applications and proxy in a forked process, which loads the application."""

    def stop() -> None:
        from fairway.config.machine import stop_everything

        stop_everything(data)

    forking.run(stop)


def _next_ended() -> dict[int, int]:
    """The pid and exit code of one child that has ended, if any."""
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return {}
    return {pid: os.waitstatus_to_exitcode(status)} if pid else {}


def _everything_in(pipe: int) -> dict[str, Any]:
    """What a launcher that has ended wrote to its pipe: one JSON object per line, merged."""
    os.set_blocking(pipe, False)
    content: dict[str, Any] = {}
    try:
        with open(pipe, "rb") as answer:
            for line in (answer.read() or b"").splitlines():
                content |= json.loads(line)
    except ValueError:
        pass  # it died while it wrote a line; processes that it has not named are started again
    return content


def proxy_serves(data: Path) -> bool:
    """Whether a proxy of this installation still serves from before. The socket is reached through the folder's descriptor,
    because its path may be too long for a Unix socket."""
    try:
        folder = os.open(data / "caddy", os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return False
    try:
        with socket.socket(socket.AF_UNIX) as knock:
            return knock.connect_ex(f"/proc/self/fd/{folder}/admin.sock") == 0
    finally:
        os.close(folder)


def _refuse_taken_port(bind: str, port: int, option: str) -> None:
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((bind, port))
        except OSError as error:
            raise CannotStart(f"port {port} is not free ({error.strerror}); choose another with {option}.") from None


if __name__ == "__main__":
    sys.exit(main())
