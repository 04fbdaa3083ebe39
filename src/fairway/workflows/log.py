"""The log of a deployment or a job while a step runs: numbered, masked by value, written in small batches."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

from django.db import IntegrityError, InterfaceError, OperationalError, connection

from fairway.deployments.commands.jobs import append_job_log
from fairway.deployments.commands.progress import Line, append_log
from fairway.deployments.models import Deployment, JobRun
from fairway.engine.workflow import Context, LeaseLost
from fairway.shared.lines import last_shown
from fairway.shared.masking import Masker

log = logging.getLogger(__name__)

BATCH_LINES = 500
MOST_BUFFERED = 200_000  # lines kept in memory while the database cannot take them
PAUSE = 1.0  # seconds until they are tried again
BATCH_SECONDS = 0.15  # half the goal for event → browser (docs/measurements.md)
LONGEST_LINE = 8_000


Append = Callable[[Sequence[Line]], None]


class NumberedLog:
    """The `Progress` that drivers talk to. Only the thread that opened it writes to the database; others are buffered.

    Line numbers go on from `number`, what is stored already; `append` stores some lines. If another worker has written them
    meanwhile, ours lost its lease: `LeaseLost`.
    """

    def __init__(self, context: Context, masker: Masker, *, number: int, append: Append) -> None:
        self._context, self._masked, self._append = context, masker.lines(), append
        self._number = number
        self._buffer: list[Line] = []
        self._lock = threading.Lock()
        self._written_at = time.monotonic()
        self._owner = threading.get_ident()

    def line(self, text: str, *, stream: str = "stdout") -> None:
        with self._lock:
            shown = "\n".join(map(last_shown, self._masked(text, stream).split("\n")))
            for part in shown.splitlines() or [""]:
                self._number += 1
                self._buffer.append((self._number, time.time(), self._context.step, stream, _storable(part)))
        self._write_when_due()

    def say(self, text: str) -> None:
        """One of Fairway's own lines, told apart from what programs print."""
        self.line(text, stream="fairway")

    def check(self) -> None:
        self._write_when_due()
        self._context.check()

    def write(self) -> None:
        """Write what is buffered. Called at the end of every step, whatever happened. What cannot be stays buffered."""
        with self._lock:
            batch, self._buffer = self._buffer, []
            self._written_at = time.monotonic()
        for start in range(0, len(batch), BATCH_LINES):
            try:
                self._append(batch[start : start + BATCH_LINES])
            except IntegrityError:
                raise LeaseLost("another worker writes this log") from None
            except (OperationalError, InterfaceError):
                with self._lock:
                    self._buffer[:0] = batch[start:]
                raise

    def _write_when_due(self) -> None:
        due = len(self._buffer) >= BATCH_LINES or time.monotonic() - self._written_at >= BATCH_SECONDS
        if self._buffer and due and threading.get_ident() == self._owner:
            self._try_to_write()

    def _try_to_write(self) -> None:
        """A database that is away, or has no room, is no reason to stop working: these lines are written later."""
        try:
            self.write()
        except (OperationalError, InterfaceError) as problem:
            if connection.in_atomic_block or len(self._buffer) > MOST_BUFFERED:
                raise
            log.warning("the log of run %s cannot be written: %s", self._context.run_id, problem)
            connection.close()
            self._written_at = time.monotonic() + PAUSE


class DeploymentLog(NumberedLog):
    """The log of a deployment."""

    def __init__(self, context: Context, deployment: Deployment, masker: Masker) -> None:
        number, append = deployment.log_lines, partial(append_log, deployment_id=deployment.pk)
        super().__init__(context, masker, number=number, append=lambda lines: append(lines=lines))


class JobLog(NumberedLog):
    """What a job prints."""

    def __init__(self, context: Context, job: JobRun, masker: Masker) -> None:
        append = partial(append_job_log, job_id=job.pk)
        super().__init__(context, masker, number=job.log_lines, append=lambda lines: append(lines=lines))


def _storable(text: str) -> str:
    """Cut where it is endless, without what no database stores: NUL and halves of surrogate pairs."""
    shown = text if len(text) <= LONGEST_LINE else text[:LONGEST_LINE] + " … (cut)"
    return shown if shown.isascii() and "\x00" not in shown else _clean(shown)


def _clean(text: str) -> str:
    return text.replace("\x00", "␀").encode(errors="replace").decode()
