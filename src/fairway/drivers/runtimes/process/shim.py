"""The shim: one small process that starts one application, keeps it alive, writes its log and ends it.

It outlives the control plane, so it knows nothing of Fairway: it is run by path with ``python -I -S -E``, and imports only a
few modules of the standard library and the module that puts up the walls (also by its path), because its memory counts once
per instance (about 6 MB).

Its order comes as one JSON object on stdin (never in argv or on disk, because it contains secrets). The answer to the first
start goes to stdout as one JSON object: ``{}`` or ``{"errno": 2}`` (and ``"wall"``: which wall could not be put up). After
that it communicates through its folder: ``state.json`` (which it writes), ``logs/output.log`` (and ``.1`` …),
``stop-<seconds>`` (the grace period, read when TERM arrives).
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import resource
import select
import signal
import sys
import time

# For `family`, `shim_check`, `shim_log`, `enclosure` and `chain`. At the end, so that no file there hides a library.
sys.path.extend(os.path.normpath(os.path.join(os.path.abspath(__file__), up)) for up in ("..", "../../../wall", "../.."))
# Imported now, because an upgrade may replace the files while we run.
import enclosure  # type: ignore[import-not-found]
from family import descendants, group_of, identity, proportional, resident, threads  # type: ignore[import-not-found]
from shim_check import Check  # type: ignore[import-not-found]
from shim_log import CHUNK, Log, Stream  # type: ignore[import-not-found]

PR_SET_PDEATHSIG = 1  # linux/prctl.h
PR_SET_CHILD_SUBREAPER = 36
OPEN_FILES = 65536
GONE = contextlib.suppress(ProcessLookupError, PermissionError)
LIBC = ctypes.CDLL(None, use_errno=True)
TYPE_CHECKING = False  # defined here, so that typing need not be imported
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Shim:
    """Carries out the order until it is stopped."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.order = order
        self.folder: str = order["folder"]
        self.log = Log(os.path.join(self.folder, "logs"), order["log_bytes"], order["log_files"])
        self.streams: dict[int, Stream] = {}
        self.poll = select.poll()
        self.wake, wake_in = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self.poll.register(self.wake, select.POLLIN)
        signal.set_wakeup_fd(wake_in, warn_on_full_buffer=False)
        self.pid = 0
        self.told = -1  # the pipe on which a chain of programs reports which one runs
        self.started = 0.0
        self.restart_at: float | None = None
        self.stop_by: float | None = None
        self.stop_asked = False
        self.look_at, self.ended_by = 0.0, ""
        self.check: Check | None = None
        self.check_at: float | None = None
        self.failed_checks = 0
        self.backoff: float = order["backoff_first"]
        self.state: dict[str, Any] = {
            "state": "starting",
            "minder": identity(os.getpid()),
            "app": None,
            "restarts": 0,
            "exit_code": None,
            "started_at": None,
            "doing": "",
            "ended_in": "",
            "ended_by": "",
            **{key: order[key] for key in ("digest", "port", "mark", "boot", "memory_bytes")},
        }

    # -- starting

    def start(self) -> str:
        """Start the application. Returns "", or the errno with which that failed, and which wall."""
        out, out_in = os.pipe2(os.O_CLOEXEC)
        err, err_in = os.pipe2(os.O_CLOEXEC)
        reports, tell = os.pipe2(os.O_CLOEXEC)
        pid = os.fork()
        if pid == 0:
            self.become(out_in, err_in, tell, self.run_application)
        for fd in (out_in, err_in, tell):
            os.close(fd)
        failure = os.read(reports, 1000).decode()  # empty once the program has been executed
        for fd, mark in ((out, b"o"), (err, b"e")):
            self.streams[fd] = Stream(fd, mark)
            self.poll.register(fd, select.POLLIN)
        self.pid, self.started, self.restart_at = pid, time.monotonic(), None
        is_chain = failure.startswith("#")
        if is_chain:
            self.told = reports
            self.poll.register(reports, select.POLLIN)
        else:
            os.close(reports)
            if failure:
                return failure
        self.look_at = self.started + self.order["look_every"]
        checked = {"health": "starting", "health_output": ""} if self.order.get("health") else {}
        if checked:
            self.check_at, self.failed_checks = self.started + self.order["health"]["first"], 0
        self.note(state="running", app=identity(pid), started_at=time.time(), doing="", **checked)
        if is_chain:
            self.hear(failure.encode())
        return ""

    def hear(self, message: bytes) -> None:
        """Record which program of a chain runs. When the pipe has ended, none is recorded, except one that failed."""
        lines = message.split()
        doing = self.order["before"][int(lines[-1][1:])]["text"] if lines else ""
        if doing and not lines[-1].startswith(b"!"):
            return self.note(doing=doing)
        self.poll.unregister(self.told)
        os.close(self.told)
        self.told = -1
        self.note(doing=doing, started_at=time.time())

    def become(self, out: int, err: int, tell: int, run: Callable[[int], None]) -> None:
        """In the child: go behind the walls and turn into what `run` executes. Never returns."""
        try:
            shim = os.getppid()
            os.setsid()
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            signal.set_wakeup_fd(-1)
            set_limits()
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(out, 1)
            os.dup2(err, 2)
            os.umask(0o022)
            if self.order.get("before"):
                import chain  # type: ignore[import-not-found]  # now: the walls may hide its file

                chain.keep_only(tell)
            enclosure.enter(self.order.get("wall") or {})
            die_with_parent()  # after the change of user, which clears this setting
            if os.getppid() != shim:
                os._exit(126)
            os.chdir(self.order["cwd"])
            run(tell)
        except enclosure.NoWall as error:
            os.write(tell, f"{error.errno} {error.strerror}".encode())
        except OSError as error:
            os.write(tell, b"%d" % (error.errno or errno.EINVAL))
        finally:
            os._exit(127)

    def run_application(self, tell: int) -> None:
        before = self.order.get("before")
        if before:
            import chain

            chain.follow([*before, self.order["last"]], self.order["env"], tell=tell, prepare=die_with_parent)
        os.execve(self.order["program"], self.order["argv"], self.order["env"])  # noqa: S606 — no shell is the point

    # -- its health

    def begin_check(self) -> None:
        """Run the health command in the application's own surroundings; not while programs before it run."""
        health = self.order["health"]
        if self.state["doing"]:
            self.check_at = time.monotonic() + health["first"]
            return
        out, out_in = os.pipe2(os.O_CLOEXEC)
        told, tell = os.pipe2(os.O_CLOEXEC)
        pid = os.fork()
        if pid == 0:
            self.become(out_in, out_in, tell, self.run_check)
        for fd in (out_in, tell):
            os.close(fd)
        problem = os.read(told, 1000).decode()
        os.close(told)
        os.set_blocking(out, False)
        self.poll.register(out, select.POLLIN)
        self.check_at, self.check = None, Check(pid, out, time.monotonic() + health["timeout"])
        if problem and not problem.startswith("#"):
            number, _, wall = problem.partition(" ")
            self.check.said = (wall or os.strerror(int(number))).encode()

    def run_check(self, _: int) -> None:
        health = self.order["health"]
        os.execve(health["program"], health["argv"], self.order["env"])  # noqa: S606 — no shell is the point

    def end_check(self, code: int) -> None:
        """The health command ended, or was ended because it took too long."""
        check, health = self.check, self.order["health"]
        assert check is not None
        while check.read():
            pass
        if not check.is_read:
            self.poll.unregister(check.out)
        os.close(check.out)
        self.check = None
        if not self.pid or self.stop_by is not None:  # it says nothing about the application that comes next
            return
        now, before = time.monotonic(), self.state["health"]
        self.failed_checks = 0 if code == 0 else self.failed_checks + 1
        verdict = "healthy" if code == 0 else before
        is_starting = before == "starting" and now - self.started < health["start"]
        if self.failed_checks >= health["tries"] and not is_starting:
            verdict = "unhealthy"
        self.check_at = now + (health["first"] if verdict == "starting" else health["every"])
        said = check.words(health["timeout"], code)
        if (verdict, said) != (before, self.state["health_output"]):
            self.note(health=verdict, health_output=said)

    # -- minding

    def run(self) -> None:
        while True:
            for fd, _ in self.poll.poll(self.patience()):
                if fd == self.wake:
                    os.read(self.wake, 4096)
                elif fd == self.told:
                    self.hear(os.read(self.told, CHUNK))
                elif self.check and fd == self.check.out:
                    if not self.check.read():
                        self.poll.unregister(fd)
                        self.check.is_read = True
                elif not self.streams[fd].read(self.log):
                    self.forget(fd)
            if self.stop_asked:
                self.begin_stop()
            alone = self.reap()
            now = time.monotonic()
            for stream in self.streams.values():
                if stream.due is not None and now >= stream.due:
                    stream.write_unfinished(self.log)
            if self.stop_by is not None and (alone or now >= self.stop_by):
                return self.end()
            if self.restart_at is not None and now >= self.restart_at:
                self.restart()
            elif self.pid and now >= self.look_at and self.stop_by is None:
                self.look()
            if self.check and now >= self.check.by:
                self.check.is_late, self.check.by = True, now + 1
                kill_group(self.check.pid, signal.SIGKILL)
            elif self.pid and self.check_at is not None and now >= self.check_at and self.stop_by is None:
                self.begin_check()

    def patience(self) -> int:
        """Milliseconds until something must be done even if no event occurs."""
        unfinished = [stream.due for stream in self.streams.values()]
        own = (self.look_at, None if self.check else self.check_at) if self.pid else ()
        wanted = (self.stop_by, self.restart_at, self.check.by if self.check else None, *own, *unfinished)
        due = [at for at in wanted if at is not None]
        return max(0, int((min(due) - time.monotonic()) * 1000) + 1) if due else 60_000

    def reap(self) -> bool:
        """Reap all children that have ended. Returns True if no process below us is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return False
            if pid == self.pid:
                self.died(os.waitstatus_to_exitcode(status))
            elif self.check and pid == self.check.pid:
                self.end_check(os.waitstatus_to_exitcode(status))

    def died(self, code: int) -> None:
        """The application's first process ended. The others are ended, too, because they might hold the port."""
        ran = time.monotonic() - self.started
        self.pid, self.check_at = 0, None
        while self.told >= 0:
            self.hear(os.read(self.told, CHUNK))
        exit_code = code if code >= 0 else 128 - code
        last = {"exit_code": exit_code, "ended_in": self.state["doing"], "ended_by": self.ended_by}
        self.ended_by = ""
        if self.order["once"]:
            self.stop_by = time.monotonic()  # a program that runs once is not started again
        if self.stop_by is not None:
            return self.note(app=None, **last)
        self.sweep()
        self.drain()
        if ran >= self.order["backoff_reset"]:
            self.backoff = self.order["backoff_first"]
        self.restart_at = time.monotonic() + self.backoff
        self.remark(f"exited with code {exit_code}; starting again in {self.backoff:g} s")
        self.backoff = min(self.backoff * 2, self.order["backoff_most"])
        self.note(state="restarting", app=None, **last)

    def restart(self) -> None:
        self.state["restarts"] += 1
        failure = self.start()
        if failure:  # the child exits with 127 and is reaped like any other
            number, _, wall = failure.partition(" ")
            self.remark(f"could not be started: {wall or os.strerror(int(number))}")

    def look(self) -> None:
        """Kill an application that exceeds its limits. A cgroup would act earlier; this needs no privileges."""
        self.look_at = time.monotonic() + self.order["look_every"]
        most_memory, most_pids = self.order["memory_bytes"], self.order["pids"]
        family = descendants(os.getpid())
        if most_pids and sum(map(threads, family)) > most_pids:
            self.remark(f"has more than {most_pids} processes and threads: killed")
            self.sweep()
        elif most_memory and sum(map(resident, family)) > most_memory and sum(map(proportional, family)) > most_memory:
            self.remark(f"uses more than {most_memory // 1024**2} MB of memory: killed")
            self.ended_by = "memory"
            self.sweep()

    # -- stopping

    def begin_stop(self) -> None:
        """Send TERM to the application's process group and to processes that left the group. A server with its own stop
        signal gets that one alone, because it ends its own processes."""
        self.stop_asked, self.restart_at, wished = False, None, self.wish()
        by = time.monotonic() + (self.order["grace"] if wished is None else wished)
        self.stop_by = by if self.stop_by is None else min(by, self.stop_by)
        if self.pid and self.order.get("stop_signal"):
            return kill(self.pid, self.order["stop_signal"])
        if self.pid:
            kill_group(self.pid, signal.SIGTERM)
        for pid in descendants(os.getpid()):
            if group_of(pid) != self.pid:
                kill(pid, signal.SIGTERM)

    def end(self) -> None:
        self.sweep()
        self.drain()
        self.note(state="failed" if self.wish() is None else "stopped", app=None, doing="")

    def wish(self) -> float | None:
        """The grace period in seconds if Fairway asked for the stop (a file ``stop-<seconds>``); None if somebody else
        did."""
        try:
            wishes = [name for name in os.listdir(self.folder) if name.startswith("stop-")]
        except OSError:  # the folder was deleted
            return None
        return min((float(name.removeprefix("stop-")) for name in wishes), default=None)

    def sweep(self) -> None:
        """Kill and reap every process below us, even if they fork meanwhile."""
        until = time.monotonic() + 5
        if self.pid:
            kill_group(self.pid, signal.SIGKILL)
        while time.monotonic() < until:
            for pid in descendants(os.getpid()):
                kill(pid, signal.SIGKILL)
            if self.stop_by is None and self.pid:
                return  # the main loop reaps the killed application, counts the restart and starts it again
            if self.reap():
                return
            time.sleep(0.005)

    # -- writing

    def drain(self) -> None:
        """Log what is left in the pipes, and close them."""
        for fd in list(self.streams):
            while select.select([fd], [], [], 0)[0] and self.streams[fd].read(self.log):
                pass
            self.forget(fd)

    def forget(self, fd: int) -> None:
        stream = self.streams.pop(fd)
        if stream.rest:
            self.log.write(stream.mark, [stream.rest])
        self.poll.unregister(fd)
        os.close(fd)

    def remark(self, text: str) -> None:
        self.log.write(b"m", [text.encode()])

    def note(self, **changes: object) -> None:
        """Change the state and write it atomically. When the disk is full, the old state stays in the file."""
        self.state.update(changes)
        draft = os.path.join(self.folder, ".state.json")
        try:
            with open(draft, "w") as file:
                json.dump(self.state, file)
            os.rename(draft, os.path.join(self.folder, "state.json"))
        except OSError as error:
            if self.state["restarts"] == 0 and changes.get("state") == "running":
                raise
            self.remark(f"the state could not be written: {error.strerror}")


def kill(pid: int, number: int) -> None:
    with GONE:
        os.kill(pid, number)


def kill_group(pid: int, number: int) -> None:
    with GONE:
        os.killpg(pid, number)


def die_with_parent() -> None:
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def set_limits() -> None:
    """Forbid core files, which would contain secrets, and allow as many open files as a server needs."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    soft = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def main() -> None:
    order = json.load(sys.stdin)
    fcntl.fcntl(order["lock_fd"], fcntl.F_SETFD, fcntl.FD_CLOEXEC)  # the kernel releases the lock when we end
    if os.fork():
        os._exit(0)  # the starter waits for this process; the other one is no longer its child
    os.setsid()
    os.chdir("/")
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    answer = os.dup(1)
    try:
        shim = born(order)
        failure = shim.start()
    except OSError as error:  # if the application was started, it ends with us
        failure = str(error.errno or errno.EIO)
    why, _, wall = failure.partition(" ")
    with contextlib.suppress(BrokenPipeError):  # the starter was killed; the next worker adopts us
        os.write(answer, json.dumps({"errno": int(why), "wall": wall} if failure else {}).encode())
    os.close(answer)
    if not failure:
        shim.run()


def born(order: dict[str, Any]) -> Shim:
    """A shim that is detached from its starter's terminal and receives TERM and SIGCHLD."""
    quiet = os.open(os.devnull, os.O_RDWR)
    complaints = os.open(os.path.join(order["folder"], "minder.log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for source, target in ((quiet, 0), (quiet, 1), (complaints, 2)):
        os.dup2(source, target)
    shim = Shim(order)

    def ask_stop(*_: object) -> None:
        shim.stop_asked = True

    signal.signal(signal.SIGTERM, ask_stop)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return shim


if __name__ == "__main__":
    main()
