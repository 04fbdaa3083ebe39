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

HEARD = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}  # what the supervisor waits for, blocked in it
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h


def fork(work: Callable[[], None]) -> int:
    """`work` in a process of its own, which ends with it (0 when it returns, 1 when it raises); returns its pid."""
    pid = os.fork()
    if not pid:
        _become(work)
    return pid


def run(work: Callable[[], None]) -> int:
    """`fork`, waiting for it: its exit code. What `work` leaves in memory goes with it; it ends when we do."""

    def follow() -> None:
        _end_with_parent()
        work()

    return os.waitstatus_to_exitcode(os.waitpid(fork(follow), 0)[1])


def _become(work: Callable[[], None]) -> NoReturn:
    status = 1
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HEARD)
        os.setpgid(0, 0)  # a terminal's Ctrl-C reaches the supervisor alone, which then ends the others in order
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
    """Whether the children of our children become ours when their parent ends."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, int(yes), 0, 0, 0)


def change_parent(old: int, new: int) -> None:
    """Wait until `old` has ended and `new` has adopted this process, then bind its life to `new`: ended by SIGTERM with it.

    Exits at once when `new` is gone already.
    """
    while os.getppid() == old:
        time.sleep(0.002)  # a death signal asked for now would tell of the old parent's end, which is what we wait for
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
