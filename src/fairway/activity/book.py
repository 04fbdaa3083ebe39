"""The file of signed heads: appended to, never changed, outside the database, and bounded."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fairway.activity.heads import Head, parse_head
from fairway.shared.names import Invalid

LARGEST = 1024 * 1024  # bytes of one file; the one before is kept beside it
END = 16 * 1024  # bytes in which the last head is found
NEWEST, BEFORE, ELSEWHERE = "heads.jsonl", "heads.before.jsonl", "elsewhere.json"


class HeadBook:
    """``heads/`` of a data directory. A line that is no head (the disk was full) is passed over."""

    def __init__(self, folder: Path, *, largest: int = LARGEST) -> None:
        self._folder, self._largest = folder, largest

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Nobody else adds one meanwhile."""
        self._folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        with open(os.open(self._folder / "lock", os.O_WRONLY | os.O_CREAT, 0o600), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def add(self, head: Head) -> None:
        """Append it, on the disk when this returns. Call it while `writing`. A full file is put aside first, and the newest
        head carried over, so that no moment is without one."""
        if self._size() > self._largest:
            last = self.last()
            os.replace(self._folder / NEWEST, self._folder / BEFORE)
            if last is not None:
                self._append(last)
        self._append(head)

    def last(self) -> Head | None:
        for name in (NEWEST, BEFORE):
            if heads := self._read(name, end_only=True):
                return heads[-1]
        return None

    def all(self) -> list[Head]:
        """Every head that is kept, oldest first."""
        older = self._read(BEFORE)
        return [*older, *(head for head in self._read(NEWEST) if head not in older[-1:])]

    def valid(self) -> list[Head]:
        """Those the chain is compared with: the last that acknowledges a break, and what came after it."""
        heads = self.all()
        start = max((at for at, head in enumerate(heads) if head.acknowledges), default=0)
        return heads[start:]

    def elsewhere(self) -> dict[str, object]:
        """What became of the last head that was sent to another place: ``{number, failure, at}``; empty before."""
        try:
            found = json.loads((self._folder / ELSEWHERE).read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def note_elsewhere(self, number: int, failure: str, at: str) -> None:
        """Write that down. Raises OSError."""
        draft = self._folder / f"{ELSEWHERE}.draft"
        draft.write_text(json.dumps({"number": number, "failure": failure[:500], "at": at}))
        os.replace(draft, self._folder / ELSEWHERE)

    def _append(self, head: Head) -> None:
        descriptor = os.open(self._folder / NEWEST, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            is_cut = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            os.write(descriptor, b"\n" * is_cut + head.line().encode() + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _size(self) -> int:
        try:
            return (self._folder / NEWEST).stat().st_size
        except FileNotFoundError:
            return 0

    def _read(self, name: str, *, end_only: bool = False) -> list[Head]:
        try:
            with open(self._folder / name, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                file.seek(max(0, size - (END if end_only else 2 * self._largest)))
                text = file.read(2 * self._largest).decode(errors="replace")
        except FileNotFoundError:
            return []
        return [head for line in text.splitlines() if (head := _head_of(line))]


def _head_of(line: str) -> Head | None:
    try:
        return parse_head(line)
    except Invalid:
        return None
