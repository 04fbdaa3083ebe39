"""A deployment's log while a step runs: numbered, masked by value, written in small batches."""

from __future__ import annotations

import threading
import time

from django.db import IntegrityError

from fairway.deployments.commands.progress import Line, append_log
from fairway.deployments.models import Deployment
from fairway.engine.story import Context, LeaseLost
from fairway.shared.masking import Masker

BATCH_LINES = 500
BATCH_SECONDS = 0.15  # half the goal for event → browser (DESIGN §9)
LONGEST_LINE = 8_000


class DeploymentLog:
    """The `Progress` that drivers talk to. Only the thread that opened it writes to the database; others are buffered.

    Line numbers go on from what is stored. If another worker has written them meanwhile, ours lost its lease: `LeaseLost`.
    """

    def __init__(self, context: Context, deployment: Deployment, masker: Masker) -> None:
        self._context, self._deployment, self._masker = context, deployment, masker
        self._number = deployment.log_lines
        self._buffer: list[Line] = []
        self._lock = threading.Lock()
        self._written_at = time.monotonic()
        self._owner = threading.get_ident()

    def line(self, text: str, *, stream: str = "stdout") -> None:
        with self._lock:
            for part in self._masker(text).splitlines() or [""]:
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
        """Write what is buffered. Called at the end of every step, whatever happened."""
        with self._lock:
            batch, self._buffer = self._buffer, []
            self._written_at = time.monotonic()
        for start in range(0, len(batch), BATCH_LINES):
            try:
                append_log(deployment_id=self._deployment.pk, lines=batch[start : start + BATCH_LINES])
            except IntegrityError:
                raise LeaseLost("another worker writes this log") from None

    def _write_when_due(self) -> None:
        due = len(self._buffer) >= BATCH_LINES or time.monotonic() - self._written_at >= BATCH_SECONDS
        if self._buffer and due and threading.get_ident() == self._owner:
            self.write()


def _storable(text: str) -> str:
    """Cut where it is endless, without what no database stores: NUL and halves of surrogate pairs."""
    shown = text if len(text) <= LONGEST_LINE else text[:LONGEST_LINE] + " … (cut)"
    return shown if shown.isascii() and "\x00" not in shown else _clean(shown)


def _clean(text: str) -> str:
    return text.replace("\x00", "␀").encode(errors="replace").decode()
