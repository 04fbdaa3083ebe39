"""Runs one program, behind walls if the order has some, and ends with it. No process of the program is left behind.

It is called as ``python -I -S -E walled.py FD``. The order comes as JSON on the descriptor FD: ``wall`` (see `enclosure`),
``program``, ``argv``, ``env``. The environment is part of it because this process must not start with one that somebody else
wrote: ``LD_PRELOAD`` would act before the walls.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import enclosure  # type: ignore[import-not-found]

HEARD = {signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP}
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
GRACE = 4.0  # seconds the program gets after TERM; less than the sender of TERM waits
SWEEPS_FOR = 5.0
TYPE_CHECKING = False  # defined here, so that typing need not be imported
if TYPE_CHECKING:
    from typing import Any


def main(descriptor: int) -> None:
    with open(descriptor) as pipe:
        order = json.load(pipe)
    enclosure.LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # orphaned processes below us become our children
    ours = os.getpid()
    signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
    pid = os.fork()
    if pid == 0:
        become(order, ours)
    status = wait(pid)
    sweep()
    end_like(status)


def become(order: dict[str, Any], parent: int) -> None:
    """In the child process: execute the program. Never returns."""
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HEARD)
        os.umask(0o022)
        folder = os.getcwd()
        enclosure.enter(order["wall"])
        enclosure.LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() == parent:
            os.chdir(folder)  # again: behind the walls the same path may be another mount
            os.execve(order["program"], order["argv"], order["env"])  # noqa: S606 -- no shell is the point
    except OSError as error:
        os.write(2, f"{order['argv'][0]} could not be started: {error.strerror}\n".encode())
    finally:
        os._exit(127)


def wait(pid: int) -> int:
    """Wait until the program ends, and return its status. After TERM, which the program receives as well, the program gets a
    grace period and is then killed. After HUP, which says that our parent died, it is killed at once."""
    until = None
    while True:
        while True:  # before waiting for a signal, because several SIGCHLD may arrive as one
            found, status = os.waitpid(-1, os.WNOHANG)
            if found == pid:
                return status
            if not found:
                break
        left = None if until is None else until - time.monotonic()
        if left is not None and left <= 0:
            os.kill(pid, signal.SIGKILL)
            left = 1.0
        received = signal.sigwaitinfo(HEARD) if left is None else signal.sigtimedwait(HEARD, left)
        if received is not None and received.si_signo == signal.SIGTERM and until is None:
            until = time.monotonic() + GRACE
        if received is not None and received.si_signo == signal.SIGHUP:
            until = time.monotonic()


def sweep() -> None:
    """Kill and reap every process below us, even if they fork meanwhile."""
    until = time.monotonic() + SWEEPS_FOR
    while time.monotonic() < until:
        for pid in descendants():
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.005)


def descendants() -> list[int]:
    """Every process below this one."""
    below: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", errors="replace") as file:
                    parent = int(file.read().rpartition(")")[2].split()[1])
            except OSError:
                continue
            below.setdefault(parent, []).append(int(name))
    family: list[int] = []
    pending = [os.getpid()]
    while pending:
        children = below.get(pending.pop(), [])
        family += children
        pending += children
    return family


def end_like(status: int) -> None:
    """End with the program's exit code or signal, so that our parent sees the same."""
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {-code})
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main(int(sys.argv[1]))
