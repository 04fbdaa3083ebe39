"""Turns of the threads of one process that want to write to the same database.

SQLite has one writer and no order among those who wait: each looks again after a pause, and whoever happens to look first
begins. Under load one of them may wait until its time is over, while others write again and again. Here the threads of a
process stand in line, and only the first of them competes with other processes.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from dataclasses import dataclass, field


@dataclass(eq=False)
class Turn:
    """One thread's turn, or its place in the line; `comes` is set when it is its turn."""

    thread: int = field(default_factory=threading.get_ident)
    comes: threading.Event = field(default_factory=threading.Event)


class Line:
    """The line before one database file."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._first: Turn | None = None
        self._waiting: deque[Turn] = deque()

    def __len__(self) -> int:
        """How many wait, besides the one whose turn it is."""
        return len(self._waiting)

    def join(self, timeout: float) -> Turn | None:
        """Wait for one's turn; None if it has not come within `timeout` seconds. A thread whose turn it is already gets
        another one at once, which counts for nothing: it would wait for itself."""
        turn = Turn()
        with self._lock:
            if self._first is None:
                self._first = turn
                return turn
            if self._first.thread == turn.thread:
                return turn
            self._waiting.append(turn)
        if turn.comes.wait(timeout):
            return turn
        with self._lock:
            if turn.comes.is_set():  # it came at the last moment
                return turn
            self._waiting.remove(turn)
        return None

    def leave(self, turn: Turn) -> None:
        """End one's turn; the next one's begins."""
        with self._lock:
            if self._first is not turn:
                return
            self._first = self._waiting.popleft() if self._waiting else None
            if self._first is not None:
                self._first.comes.set()


class Lines:
    """The lines of this process, by the path of the database."""

    def __init__(self) -> None:
        self._forget()
        os.register_at_fork(after_in_child=self._forget)  # the threads that stood in line are not in the new process

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._lines: dict[str, Line] = {}

    def before(self, path: str) -> Line:
        with self._lock:
            return self._lines.setdefault(path, Line())


LINES = Lines()
