"""Doing the same to several instances in parallel, a few at a time. All of it stops when one fails or the run is cancelled.

Why four at a time: with ten parallel starts on two cores little is gained (docs/measurements.md), while four let one
instance work while another waits.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

from fairway.drivers.runtimes.contract import Progress
from fairway.shared.failures import Cancelled

AT_ONCE = 4
TICK = 0.1  # seconds between two checks whether the run shall stop; the log is written as often

Item = TypeVar("Item")
Result = TypeVar("Result")


def run_parallel(work: Callable[[Item, Progress], Result], items: Sequence[Item], progress: Progress) -> list[Result]:
    """The results of ``work(item, progress)``, in the order of the items. Raises what the first failure raised.

    `work` runs in threads and must not use the database. The `Progress` that it is given stops it when the work on another
    item has failed, or when `progress` raises.
    """
    if len(items) < 2:
        return [work(item, progress) for item in items]
    team = _Team(progress)
    with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="parallel") as pool:
        futures = [pool.submit(team.do, work, item) for item in items]
        team.follow(futures)
    if team.problem is not None:
        raise team.problem
    return [future.result() for future in futures]


class _Team:
    """The `Progress` that all threads share: after the first failure its `check` raises `Cancelled` in every thread."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._lock = threading.Lock()
        self.problem: BaseException | None = None

    def line(self, text: str, *, stream: str = "stdout") -> None:
        self._progress.line(text, stream=stream)

    def check(self) -> None:
        if self.problem is not None:
            raise Cancelled
        self._progress.check()

    def do(self, work: Callable[[Item, Progress], Result], item: Item) -> Result:
        self.check()
        try:
            return work(item, self)
        except BaseException as problem:
            self._failed(problem)
            raise

    def follow(self, futures: Sequence[Future[Result]]) -> None:
        """Wait until all are done. Meanwhile this thread writes the log and checks whether the run shall stop."""
        while wait(futures, timeout=TICK).not_done:
            try:
                self._progress.check()
            except BaseException as problem:
                self._failed(problem)
                wait(futures)

    def _failed(self, problem: BaseException) -> None:
        with self._lock:
            if self.problem is None:
                self.problem = problem
