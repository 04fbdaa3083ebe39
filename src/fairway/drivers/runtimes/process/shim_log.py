"""The part of the shim that writes the application's log. Like the shim it is imported by its path and knows no Fairway."""

from __future__ import annotations

import errno
import os
import time

CHUNK = 65536
LONGEST_LINE = 65536
UNFINISHED = 1.0  # seconds until a line that has no end yet is written down as far as it goes


class Log:
    """Appends timestamped lines to rotating files. When the disk is full, lines are lost and their number is logged later;
    nothing stops."""

    def __init__(self, folder: str, most_bytes: int, files: int) -> None:
        self.path = os.path.join(folder, "output.log")
        self.most_bytes, self.files = most_bytes, files
        self.lost = 0
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self._open()

    def _open(self) -> None:
        self.fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.size = os.fstat(self.fd).st_size

    def write(self, stream: bytes, lines: list[bytes]) -> None:
        """`stream` is ``o`` (stdout), ``e`` (stderr) or ``m`` (the shim's own remarks)."""
        head = b"%s %s " % (stamp(), stream)
        if self.lost:
            note = b"%s m %d lines were lost because the disk was full\n" % (stamp(), self.lost)
            lines, head_of_first = list(lines), b"\n" + note + head
        else:
            head_of_first = head
        data = head_of_first + (b"\n" + head).join(lines) + b"\n"
        try:
            self._append(data)
            self.lost = 0
        except OSError:
            self.lost += len(lines)

    def _append(self, data: bytes) -> None:
        if self.size and self.size + len(data) > self.most_bytes:
            self._rotate()
        written = os.write(self.fd, data)
        self.size += written
        if written < len(data):
            raise OSError(errno.ENOSPC, "short write")

    def _rotate(self) -> None:
        for number in range(self.files - 1, 0, -1):
            older = f"{self.path}.{number}"
            newer = f"{self.path}.{number - 1}" if number > 1 else self.path
            if os.path.exists(newer):
                os.rename(newer, older)
        os.close(self.fd)
        self._open()


class Stream:
    """One output pipe of the application, split into lines.

    Text without a newline (a question, a progress bar) is logged after `UNFINISHED` seconds, or when it gets too long, with
    the mark in capitals: the next line of this stream continues it.
    """

    def __init__(self, fd: int, mark: bytes) -> None:
        self.fd, self.mark, self.rest = fd, mark, b""
        self.due: float | None = None
        os.set_blocking(fd, False)

    def read(self, log: Log) -> bool:
        """Move the available output into the log. Returns False at the end of the stream."""
        try:
            data = os.read(self.fd, CHUNK)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        lines = (self.rest + data).split(b"\n")
        if lines[1:]:
            self.due = None
        self.rest = lines.pop()
        if self.rest and not data:
            lines.append(self.rest)
            self.rest = b""
        if lines:
            log.write(self.mark, [line.removesuffix(b"\r") for line in lines])
        if len(self.rest) > LONGEST_LINE:
            self.write_unfinished(log)
        elif self.rest and self.due is None:
            self.due = time.monotonic() + UNFINISHED
        return bool(data)

    def write_unfinished(self, log: Log) -> None:
        """Log the incomplete line, without an incomplete character at its end."""
        whole = whole_characters(self.rest)
        if whole:
            log.write(self.mark.upper(), [self.rest[:whole]])
        self.rest, self.due = self.rest[whole:], None


def whole_characters(data: bytes) -> int:
    """How many bytes form complete characters: up to three at the end wait for the next read. As in
    `fairway.shared.lines`."""
    for back in range(1, min(4, len(data) + 1)):
        byte = data[-back]
        if byte & 0xC0 != 0x80:
            needed = 2 if byte & 0xE0 == 0xC0 else 3 if byte & 0xF0 == 0xE0 else 4 if byte & 0xF8 == 0xF0 else 1
            return len(data) - back if needed > back else len(data)
    return len(data)


def stamp() -> bytes:
    now = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)).encode() + b".%06dZ" % (now % 1 * 1_000_000)
