"""The file of signed heads: append-only, outside the database, and of bounded size."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fairway.activity.heads import Head, parse_head
from fairway.shared.names import Invalid

LARGEST = 1024 * 1024  # bytes; a larger file is rotated, and one rotated file is kept
END = 16 * 1024  # bytes read from the end of a file to find its last head
NEWEST, BEFORE, ELSEWHERE = "heads.jsonl", "heads.before.jsonl", "elsewhere.json"


class HeadFile:
    """The signed heads in ``heads/`` of a data directory. Malformed lines (the disk was full) are skipped."""

    def __init__(self, folder: Path, *, largest: int = LARGEST) -> None:
        self._folder, self._largest = folder, largest

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Lock the file for writing, so that no other process appends meanwhile."""
        self._folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        with open(os.open(self._folder / "lock", os.O_WRONLY | os.O_CREAT, 0o600), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def add(self, head: Head) -> None:
        """Append a head and sync it to the disk. Call it inside `writing`. A full file is rotated first, and the newest
        head is copied to the new file, so that there is always one."""
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
        """All stored heads, oldest first."""
        older = self._read(BEFORE)
        return [*older, *(head for head in self._read(NEWEST) if head not in older[-1:])]

    def valid(self) -> list[Head]:
        """The heads that the chain must match: the last one that acknowledges a break, and all after it."""
        heads = self.all()
        start = max((at for at, head in enumerate(heads) if head.acknowledges), default=0)
        return heads[start:]

    def elsewhere(self) -> dict[str, object]:
        """The result of sending the last head to the external copy: ``{number, failure, at}``; empty if none was sent."""
        try:
            found = json.loads((self._folder / ELSEWHERE).read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def note_external_copy(self, number: int, failure: str, at: str) -> None:
        """Store the result of sending a head to the external copy. Raises OSError."""
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
