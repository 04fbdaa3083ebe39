"""Reads long answers of the Engine in such a way that a cancellation takes effect even while no data arrives.

A pull, a build or a followed log may send nothing for minutes. A thread reads the socket, and the caller waits on a queue
and calls `Progress.check()` five times a second. Whatever ends the wait closes the connection, by which the Engine learns
that it should stop building or pulling.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final

import requests
import urllib3

POLL_SECONDS: Final = 0.2
_END: Final = object()


class Stream:
    """The body of one streamed answer, in chunks as they arrive; a context manager that always closes it."""

    def __init__(self, response: requests.Response) -> None:
        self._response = response
        self._chunks: queue.Queue[Any] = queue.Queue(maxsize=256)
        self._closed = threading.Event()
        self._reader = threading.Thread(target=self._read, name="docker-stream", daemon=True)
        self._reader.start()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def chunks(self, check: Callable[[], None]) -> Iterator[bytes]:
        """Each chunk as it arrives. `check` is called meanwhile and may raise. Raises OSError if the connection broke."""
        while True:
            check()
            try:
                item = self._chunks.get(timeout=POLL_SECONDS)
            except queue.Empty:
                continue
            if item is _END:
                return
            if isinstance(item, Exception):
                raise ConnectionError(str(item)) from item
            yield item

    def close(self) -> None:
        """Close the connection and wait for the reader thread. Calling it again does nothing."""
        if self._closed.is_set():
            return
        self._closed.set()
        with suppress(ValueError, RuntimeError, OSError):  # the answer has ended, so there is nothing to interrupt
            self._response.raw.shutdown()
        self._reader.join()
        self._response.close()

    def _read(self) -> None:
        try:
            for chunk in self._response.raw.stream(65536, decode_content=True):
                if not self._put(chunk):
                    return
            self._put(_END)
        except (urllib3.exceptions.HTTPError, OSError, ValueError, AttributeError) as error:
            self._put(error)

    def _put(self, item: object) -> bool:
        """Put the item into the queue, waiting for room. Returns False if the stream was closed meanwhile."""
        while not self._closed.is_set():
            with suppress(queue.Full):
                self._chunks.put(item, timeout=POLL_SECONDS)
                return True
        return False


def json_lines(chunks: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    """The JSON objects in the answer to a build or pull, one per line, however the chunks are split."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (json.loads(line) for line in whole if line.strip())
    if rest.strip():
        yield json.loads(rest)


def frames(chunks: Iterator[bytes]) -> Iterator[tuple[str, bytes]]:
    """The frames of a log as (stream, payload). Source: Engine API, "Attach to a container", stream format: one byte of
    stream type, three of padding, four of big-endian length, then the payload."""
    rest = b""
    for chunk in chunks:
        rest += chunk
        while len(rest) >= 8:
            end = 8 + int.from_bytes(rest[4:8], "big")
            if len(rest) < end:
                break
            yield ("stderr" if rest[0] == 2 else "stdout"), rest[8:end]
            rest = rest[end:]
