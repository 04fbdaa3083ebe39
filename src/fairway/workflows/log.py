"""The log of a deployment or a job while a step runs: its lines are numbered, the values of secrets are masked, and it is
written in small batches."""

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
from fairway.drivers.runtimes.contract import NullProgress
from fairway.engine.workflow import Context, LeaseLost
from fairway.shared.lines import last_shown
from fairway.shared.masking import Masker

log = logging.getLogger(__name__)

BATCH_LINES = 500
MOST_BUFFERED = 200_000  # lines kept in memory while the database cannot take them
PAUSE = 1.0  # seconds until it tries again to write them
BATCH_SECONDS = 0.15  # half the goal for event → browser (docs/measurements.md)
LONGEST_LINE = 8_000  # characters

Append = Callable[[Sequence[Line]], None]


class NumberedLog:
    """The `Progress` for drivers. Only the thread that opened it writes to the database; it buffers lines of other threads.

    `number` is the number of the last line that is stored already; `append` stores more. If a line with the same number
    exists, another worker has taken the run over: the log raises `LeaseLost`.
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
        """Add a line of Fairway's own, in a stream apart from what programs print."""
        self.line(text, stream="fairway")

    def check(self) -> None:
        self._write_when_due()
        self._context.check()

    def write(self) -> None:
        """Write the buffered lines. It is called at the end of every step, also after an error.

        Lines that the database cannot take stay buffered, and its error is raised. Raises `LeaseLost`.
        """
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
        """Write, or try again later: a database that cannot be reached, or has no room, is no reason to stop the work."""
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
    """The log of a job: what its command prints, and Fairway's own lines."""

    def __init__(self, context: Context, job: JobRun, masker: Masker) -> None:
        append = partial(append_job_log, job_id=job.pk)
        super().__init__(context, masker, number=job.log_lines, append=lambda lines: append(lines=lines))


class Unlogged(NullProgress):
    """The `Progress` of a run that keeps no log: it drops every line, and only says when the run shall stop."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def check(self) -> None:
        self._context.check()


def _storable(text: str) -> str:
    """The line cut to `LONGEST_LINE`, without what no database stores: NUL and halves of surrogate pairs."""
    shown = text if len(text) <= LONGEST_LINE else text[:LONGEST_LINE] + " … (cut)"
    return shown if shown.isascii() and "\x00" not in shown else _clean(shown)


def _clean(text: str) -> str:
    return text.replace("\x00", "␀").encode(errors="replace").decode()
