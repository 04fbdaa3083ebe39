"""A runner in a thread, and waiting for conditions instead of times."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from fairway.engine.models import Run
from fairway.engine.runner import Runner
from tests.services.waiting import eventually

T = TypeVar("T")


def until_status(run: Run, *wanted: str) -> Run:
    """Wait until the run has one of these statuses."""

    def reached() -> bool:
        run.refresh_from_db()
        return run.status in wanted

    eventually(reached)
    return run


@contextmanager
def working(*runners: Runner) -> Iterator[None]:
    """Runners at work in threads, stopped in order at the end."""
    stop = threading.Event()
    threads = [threading.Thread(target=runner.run_forever, args=(stop,)) for runner in runners]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for runner in runners:
            runner.wake()
        for thread in threads:
            thread.join()
