"""Forks processes, and ties their lives together. Uses only a small part of the standard library."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import NoReturn

from fairway.config.log_file import keep_small

HEARD = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}  # the supervisor blocks these signals and waits for them
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h


def fork(work: Callable[[], None]) -> int:
    """Run `work` in a new process and return its pid. The process exits with 0 if `work` returns, with 1 if it raises."""
    pid = os.fork()
    if not pid:
        _become(work)
    return pid


def run(work: Callable[[], None]) -> int:
    """Run `work` in a new process, wait, and return its exit code. The memory that `work` needs is freed with the process,
    which ends if this process ends."""

    def follow() -> None:
        _end_with_parent()
        work()

    return os.waitstatus_to_exitcode(os.waitpid(fork(follow), 0)[1])


def _become(work: Callable[[], None]) -> NoReturn:
    status = 1
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HEARD)
        os.setpgid(0, 0)  # so that Ctrl-C in a terminal reaches only the supervisor, which then ends the others in order
        work()
        status = 0
    except SystemExit as exit_:
        status = exit_.code if isinstance(exit_.code, int) else 1
    except BaseException:
        import traceback

        log_error("A process of Fairway failed", exception=traceback.format_exc())
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def adopt_orphans(yes: bool) -> None:
    """Set whether this process becomes the parent of its grandchildren when their parent ends."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, int(yes), 0, 0, 0)


def change_parent(old: int, new: int) -> None:
    """Wait until `old` has ended and `new` has adopted this process. From then on the kernel sends SIGTERM when `new` ends.

    It exits at once if `new` has ended already.
    """
    while os.getppid() == old:
        time.sleep(0.002)  # a death signal that is set now would be sent when the old parent ends
    _end_with_parent()
    if os.getppid() != new:
        raise SystemExit(0)


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def send(pid: int, number: int) -> None:
    """Send a signal to a process; ignored if it does not exist any more."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def log_error(event: str, **more: str) -> None:
    """Log an error in the format of ``logs.py``, without importing that."""
    keep_small()
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = {"timestamp": moment, "level": "error", "logger": "fairway.up", "event": event, **more}
    sys.stderr.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stderr.flush()
