"""Reads the log files that a shim writes: the last lines, then new ones, across rotations."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from fairway.drivers.runtimes.contract import OutputLine

CURRENT = "output.log"
POLL = 0.1  # seconds between two checks for new lines
STREAMS = {"o": "stdout", "e": "stderr", "m": "stderr"}  # a capital letter marks a line that the next one continues


def parse(line: bytes) -> OutputLine | None:
    """One line as the shim wrote it; None for an incomplete one (the disk was full)."""
    at, _, rest = line.decode(errors="replace").partition(" ")
    mark, _, text = rest.partition(" ")
    if mark.lower() not in STREAMS:
        return None
    try:
        moment = datetime.strptime(at, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        return None
    stream, shown = STREAMS[mark.lower()], f"[fairway] {text}" if mark == "m" else text
    return OutputLine(at=moment, stream=stream, text=shown, goes_on=mark.isupper())


def read(logs: Path, *, tail: int, follow: Callable[[], bool] | None) -> Iterator[OutputLine]:
    """The last `tail` lines in the folder `logs`; then, while `follow()` is true, new ones as they appear."""
    files = _newest_first(logs)
    try:
        lines, position = _tail(files, tail)
    finally:
        for file in files[1:]:
            file.close()
    reader = _Follower(logs, files[0] if files else None, position)
    try:
        yield from lines
        if follow:
            yield from reader.lines(follow)
    finally:
        reader.close()


def _newest_first(logs: Path) -> list[BinaryIO]:
    """The log files, opened. A rotation meanwhile shifts their names, so a file that appears twice is dropped."""
    files: list[BinaryIO] = []
    seen: set[int] = set()
    for number in range(1000):
        try:
            file = (logs / (f"{CURRENT}.{number}" if number else CURRENT)).open("rb")
        except OSError:
            break
        inode = os.fstat(file.fileno()).st_ino
        if inode in seen:
            file.close()
            continue
        seen.add(inode)
        files.append(file)
    return files


def _tail(files: list[BinaryIO], count: int) -> tuple[list[OutputLine], int]:
    """The last `count` lines, and the position in the newest file at which the next line starts."""
    found: list[OutputLine] = []
    position = 0
    for file in files:
        content = file.read()
        if file is files[0]:
            position = content.rfind(b"\n") + 1
        complete = content.split(b"\n")[:-1]
        found = [line for raw in complete[-count * 2 :] if (line := parse(raw))] + found
        if len(found) >= count:
            break
    return (found[-count:] if count > 0 else []), position


class _Follower:
    """Continues to read from an open log file, across rotations."""

    def __init__(self, logs: Path, file: BinaryIO | None, position: int) -> None:
        self.logs, self.file, self.rest = logs, file, b""
        if file:
            file.seek(position)

    def close(self) -> None:
        if self.file:
            self.file.close()

    def lines(self, follow: Callable[[], bool]) -> Iterator[OutputLine]:
        goes_on = True
        while goes_on:
            goes_on = follow()  # before reading, so that everything written before the end is still read
            found = 0
            for line in self._fresh():
                found += 1
                yield line
            if goes_on and not found:
                time.sleep(POLL)

    def _fresh(self) -> Iterator[OutputLine]:
        if self.file is None and not self._open(self.logs / CURRENT):
            return
        while True:
            successor = self._successor()  # before reading, because a file that has a successor gets no more lines
            yield from self._read()
            if successor is None or not self._open(*successor):
                return  # there is nothing newer, or another rotation happened: the next call looks again

    def _read(self) -> Iterator[OutputLine]:
        assert self.file
        *complete, self.rest = (self.rest + self.file.read()).split(b"\n")
        yield from (line for raw in complete if (line := parse(raw)))

    def _successor(self) -> tuple[Path, int] | None:
        """The path and inode of the file that follows the open one; None while that is the newest. If the open one was
        deleted, the oldest that exists."""
        assert self.file
        mine = os.fstat(self.file.fileno()).st_ino
        newer: tuple[Path, int] | None = None
        for number in range(1000):
            path = self.logs / (f"{CURRENT}.{number}" if number else CURRENT)
            try:
                inode = path.stat().st_ino
            except OSError:
                break
            if inode == mine:
                return newer
            newer = (path, inode)
        return newer

    def _open(self, path: Path, inode: int | None = None) -> bool:
        try:
            file = path.open("rb")
        except OSError:
            return False
        if inode not in (None, os.fstat(file.fileno()).st_ino):
            file.close()
            return False
        self.close()
        self.file, self.rest = file, b""
        return True
