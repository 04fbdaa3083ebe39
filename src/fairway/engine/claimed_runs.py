"""The runs a worker has claimed, as its memory knows them, and the context their steps receive. Shared between threads."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from fairway.engine import transitions
from fairway.engine.claim import Lease
from fairway.engine.models import Run
from fairway.engine.workflow import DeadlinePassed, LeaseLost
from fairway.shared.failures import Cancelled


class Halt(StrEnum):
    """Why a step is interrupted."""

    CANCELLED = "cancelled"
    DEADLINE = "deadline"
    SHUTDOWN = "shutdown"
    LOST = "lost"


class ClaimedRun:
    """One claimed run: its lease, the event that interrupts the running step, and the step's deadline (monotonic
    seconds)."""

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self.stop = threading.Event()
        self.why: Halt | None = None
        self.asked_at: float | None = None
        self.deadline: float | None = None
        self.is_cleaning_up = False
        self._lock = threading.Lock()

    def begin(self, seconds: float, *, cleaning_up: bool = False) -> None:
        """A step begins that may take `seconds`. What interrupted the steps does not interrupt the clean-up after them."""
        with self._lock:
            self.deadline = time.monotonic() + seconds
            if cleaning_up and not self.is_cleaning_up:
                self.is_cleaning_up = True
                if self.why in (Halt.CANCELLED, Halt.DEADLINE):
                    self.why, self.asked_at, self.stop = None, None, threading.Event()

    def seconds_left(self) -> float:
        """Seconds until the deadline; infinite without one."""
        return float("inf") if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    def rest(self) -> None:
        """No step runs now, so there is no deadline."""
        with self._lock:
            self.deadline = None

    def interrupt(self, why: Halt) -> None:
        """Interrupt the running step. The first reason counts, except that a lost lease overrules all others."""
        with self._lock:
            if why is Halt.CANCELLED and self.is_cleaning_up:
                return
            if self.why is None or why is Halt.LOST:
                self.why = why
            if self.asked_at is None:
                self.asked_at = time.monotonic()
            self.stop.set()

    def check(self) -> None:
        """Raise if the step must end now: `Cancelled`, `LeaseLost` or `DeadlinePassed`."""
        if self.why is None and self.deadline is not None and time.monotonic() >= self.deadline:
            self.interrupt(Halt.DEADLINE)
        if self.why is Halt.CANCELLED:
            raise Cancelled
        if self.why is Halt.DEADLINE:
            raise DeadlinePassed
        if self.why is not None:
            raise LeaseLost


class ClaimedRuns:
    """The runs this worker has claimed; thread-safe."""

    def __init__(self) -> None:
        self._claimed: set[ClaimedRun] = set()
        self._lock = threading.Lock()

    def add(self, claimed: ClaimedRun) -> None:
        with self._lock:
            self._claimed.add(claimed)

    def discard(self, claimed: ClaimedRun) -> None:
        with self._lock:
            self._claimed.discard(claimed)

    def all(self) -> list[ClaimedRun]:
        with self._lock:
            return list(self._claimed)

    def busy(self) -> Counter[str]:
        """How many slots each lane uses now."""
        return Counter(claimed.lease.lane for claimed in self.all())

    def interrupt(self, run_ids: Iterable[int], why: Halt) -> None:
        wanted = set(run_ids)
        for claimed in self.all():
            if claimed.lease.run_id in wanted:
                claimed.interrupt(why)


class RunContext:
    """`fairway.engine.workflow.Context` for one attempt of one step."""

    def __init__(self, run: Run, claimed: ClaimedRun, *, step: str, attempt: int) -> None:
        self.run_id: int = run.pk
        self.kind: str = run.kind
        self.key: str = run.key
        self.payload: Mapping[str, Any] = run.payload
        self.state: Mapping[str, Any] = run.state
        self.step = step
        self.attempt = attempt
        self.fence = claimed.lease.fence
        self.stop = claimed.stop
        self._hold = claimed

    def check(self) -> None:
        self._hold.check()

    def checkpoint(self, **state: Any) -> None:
        self.check()
        refuse_signals(state)
        self.state = transitions.checkpoint(self._hold.lease, state).state

    def sleep(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.check()
            self.stop.wait(min(left, self._hold.seconds_left()))
        self.check()


def refuse_signals(state: Mapping[str, Any]) -> None:
    """Raise ValueError if a step writes the part of the state that holds signals: it would lose a signal that arrives
    then."""
    if transitions.SIGNALS in state:
        raise ValueError(f"{transitions.SIGNALS!r} in the state belongs to signals; keep results under another name")
