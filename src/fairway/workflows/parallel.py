"""Doing the same to several instances at once, a few at a time, and stopping all of it when one fails or nobody wants it.

Source: docs/measurements.md, ten parallel starts on two cores gain little; four let one wait while another works.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

from fairway.drivers.runtimes.contract import Progress
from fairway.shared.failures import Cancelled

AT_ONCE = 4
TICK = 0.1  # seconds between two looks at whether the run was asked to stop, and two writes of the log

Item = TypeVar("Item")
Result = TypeVar("Result")


def run_parallel(work: Callable[[Item, Progress], Result], items: Sequence[Item], progress: Progress) -> list[Result]:
    """The results of ``work(item, ear)``, in the order of the items. Raises what the first that failed raised.

    `work` runs in threads and must not touch the database; its `ear` stops it when another one failed or `progress` raises.
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
    """The `Progress` of all of them: one failure is everybody's reason to stop."""

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
        """Wait for all; in this thread the log is written and the run's end is heard."""
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
