"""The log of a run that resolves or distributes a package. Secrets are masked by value; lines are written in batches."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from fairway.engine.workflow import Context
from fairway.environments.models import Environment
from fairway.releases.models import Package, PackageLog
from fairway.shared.lines import last_shown
from fairway.shared.masking import Masker
from fairway.workflows.log import BATCH_SECONDS
from fairway.workflows.step_context import masked

MOST_LINES = 2000  # of one run; the oldest are dropped, because what went wrong is at the end


class RunLog:
    """The `Progress` for drivers. Only the thread that opened it writes to the database; lines of others are buffered."""

    def __init__(self, context: Context, row: PackageLog, masker: Masker) -> None:
        self._context, self._row, self._masked = context, row, masker.lines()
        self._lines: list[list[object]] = list(row.lines)
        self._is_new = False
        self._lock = threading.Lock()
        self._written_at = time.monotonic()
        self._owner = threading.get_ident()

    def line(self, text: str, *, stream: str = "stdout") -> None:
        with self._lock:
            shown = "\n".join(map(last_shown, self._masked(text, stream).split("\n")))
            shown = shown.replace("\x00", "␀").encode(errors="replace").decode()
            self._lines += [[time.time(), stream, part[:8000]] for part in shown.splitlines() or [""]]
            self._is_new = True
        self._write_when_due()

    def say(self, text: str) -> None:
        """Add a line of Fairway's own, in a stream apart from what programs print."""
        self.line(text, stream="fairway")

    def check(self) -> None:
        self._write_when_due()
        self._context.check()

    def write(self) -> None:
        with self._lock:
            lines, self._is_new, self._written_at = self._lines[-MOST_LINES:], False, time.monotonic()
        PackageLog.objects.filter(pk=self._row.pk).update(lines=lines)

    def _write_when_due(self) -> None:
        due = time.monotonic() - self._written_at >= BATCH_SECONDS
        if self._is_new and due and threading.get_ident() == self._owner:
            self.write()


@contextmanager
def log_of(context: Context, package: Package, environment: Environment | None, masker: Masker) -> Iterator[RunLog]:
    """The log of this run. On leaving the block it is written, and secrets are masked in any error that the block raises."""
    row, _ = PackageLog.objects.get_or_create(
        run_id=context.run_id, defaults={"package": package, "environment": environment}
    )
    log = RunLog(context, row, masker)
    try:
        with masked(masker):
            yield log
    finally:
        log.write()
