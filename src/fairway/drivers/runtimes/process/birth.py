"""Starts a shim: it receives its order, answers, and from then on is no child of ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fairway.drivers.runtimes.process import launch
from fairway.drivers.runtimes.process.bundle import disk_failure
from fairway.drivers.runtimes.process.places import try_lock
from fairway.shared.failures import Failure, NeedsPerson, Refused, Retry

SHIM = Path(__file__).with_name("shim.py")
LONGEST = 30.0  # seconds that a shim may take to answer; on a loaded machine it takes two


def bear(order: dict[str, Any], folder: Path, volumes: Sequence[int]) -> None:
    """Start a shim with this order and wait for its answer. It inherits the locks `volumes`. Raises the failure that fits
    the kernel's error."""
    lock = os.open(folder / "minder.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not try_lock(lock):
            raise Retry(f"{folder.name} is still being ended; it is tried again.", after=0.5)
        answer = _ask({**order, "lock_fd": lock}, (lock, *volumes))
    finally:
        os.close(lock)  # the shim has inherited the descriptor, and so holds the lock
    if wall := answer.get("wall"):
        raise NeedsPerson(
            f"The wall around the application could not be put up ({wall}); ask whoever operates this machine."
        )
    if "errno" in answer:
        raise _not_started(int(answer["errno"]), order)


def _ask(order: dict[str, Any], locks: Sequence[int]) -> dict[str, Any]:
    python = getattr(sys, "_base_executable", sys.executable)
    try:
        done = subprocess.run(
            [python, "-I", "-S", "-E", str(SHIM)],
            input=json.dumps(order).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=locks,
            env={"LANG": "C.UTF-8"},
            cwd="/",
            start_new_session=True,
            timeout=LONGEST,
            check=False,
        )
        return dict(json.loads(done.stdout))
    except (subprocess.TimeoutExpired, ValueError) as error:
        raise Retry("The process that minds the application did not answer; it is tried again.") from error


def _not_started(number: int, order: Mapping[str, Any]) -> Failure:
    error = OSError(number, os.strerror(number), order["folder"])
    if isinstance(error, BlockingIOError) or number == 12:  # EAGAIN, ENOMEM
        return Retry(f"This machine has no room for another process ({error.strerror}); it is tried again.")
    if isinstance(error, FileNotFoundError | PermissionError) or number == 8:  # ENOEXEC
        return Refused(f"“{order['argv'][0]}” cannot be started: {launch.why_not_executable(order)}.")
    return disk_failure(error, f"starting “{order['program']}”")
