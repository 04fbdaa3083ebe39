"""A connection to a Redis or Valkey server: its protocol (RESP2), as much of it as Fairway needs."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

WITHIN = 60.0  # seconds for one answer
CONNECT_WITHIN = 5.0
PIECE = 64 * 1024


class Answered(Exception):
    """The server answered with an error."""


class Lost(Exception):
    """No connection, or it broke."""


class Wire:
    """One connection. Raises `Answered` or `Lost`."""

    def __init__(self, line: socket.socket) -> None:
        line.settimeout(WITHIN)
        self._line, self._file = line, line.makefile("rb", PIECE)

    @classmethod
    def to(cls, host: str, port: int, user: str, password: str) -> Wire:
        """A connection that is signed in."""
        try:
            line = socket.create_connection((host, port), CONNECT_WITHIN)
        except OSError as error:
            raise Lost(str(error)) from None
        wire = cls(line)
        try:
            wire.ask("AUTH", user, password)
        except BaseException:
            wire.close()
            raise
        return wire

    @classmethod
    def at(cls, place: Path) -> Wire:
        """A connection to a socket in the file system, whose path may be longer than addresses of sockets may be."""
        folder = os.open(place.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        line = socket.socket(socket.AF_UNIX)
        try:
            line.connect(f"/proc/self/fd/{folder}/{place.name}")
        except OSError as error:
            line.close()
            raise Lost(str(error)) from None
        finally:
            os.close(folder)
        return cls(line)

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self._line.close()

    def ask(self, *words: str | int | bytes) -> Any:
        """Send one command, and return its answer: str for a status, bytes for a text, int, None or a list of them."""
        return self.ask_all([words])[0]

    def ask_all(self, commands: Iterable[Iterable[str | int | bytes]]) -> list[Any]:
        """Send several commands at once; their answers. The first error is raised once all have answered."""
        asked = [[word if isinstance(word, bytes) else str(word).encode() for word in words] for words in commands]
        try:
            self._line.sendall(b"".join(_packed(words) for words in asked))
            answers = [self._answer() for _ in asked]
        except OSError as error:
            raise Lost(str(error)) from None
        for answer in answers:
            if isinstance(answer, Answered):
                raise answer
        return answers

    def _answer(self) -> Any:
        kind, text = self._head()
        if kind == b"-":
            return Answered(text.decode(errors="replace"))
        if kind == b"+":
            return text.decode(errors="replace")
        if kind == b":" or int(text) < 0:
            return int(text) if kind == b":" else None
        if kind == b"*":
            return [self._answer() for _ in range(int(text))]
        return self._read(int(text) + 2)[:-2]

    def _head(self) -> tuple[bytes, bytes]:
        """The first byte of an answer, and the rest of its line."""
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise Lost("the server hung up")
        return line[:1], line[1:-2]

    def _read(self, size: int) -> bytes:
        found: bytes = self._file.read(size)
        if len(found) < size:
            raise Lost("the server hung up")
        return found


def _packed(words: list[bytes]) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
