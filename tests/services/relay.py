"""A unix socket in front of a Docker Engine's: lets everything through, and springs a trap at one request."""

from __future__ import annotations

import contextlib
import re
import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class Relay:
    """Listens on `path` and passes bytes on to the socket `target`."""

    def __init__(self, path: Path, target: Path) -> None:
        self.path, self._target = path, target
        self._trap: tuple[re.Pattern[bytes], Callable[[], None]] | None = None
        self._lock = threading.Lock()
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen(64)

    @property
    def host(self) -> str:
        return f"unix://{self.path}"

    @contextmanager
    def trap(self, pattern: str, spring: Callable[[], None]) -> Iterator[threading.Event]:
        """At the first request line that matches, `spring` is called before anything is passed on, and its connection ends.

        The event is set when `spring` has returned.
        """
        sprung = threading.Event()
        with self._lock:
            self._trap = (re.compile(pattern.encode()), lambda: (spring(), sprung.set())[0])
        try:
            yield sprung
        finally:
            with self._lock:
                self._trap = None

    def serve(self) -> None:
        """Until `close`."""
        with contextlib.suppress(OSError):
            while True:
                visitor, _ = self._server.accept()
                threading.Thread(target=self._pass_on, args=(visitor,), daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _pass_on(self, visitor: socket.socket) -> None:
        """An Engine that is not there is a connection that ends at once, as with Docker's own socket activation."""
        with visitor, socket.socket(socket.AF_UNIX) as engine, contextlib.suppress(OSError):
            engine.connect(str(self._target))
            with selectors.DefaultSelector() as ready:
                ready.register(visitor, selectors.EVENT_READ, engine)
                ready.register(engine, selectors.EVENT_READ, visitor)
                while True:
                    for key, _ in ready.select():
                        if not self._move(key.fileobj, key.data, is_question=key.fileobj is visitor):
                            return

    def _move(self, source: socket.socket, target: socket.socket, *, is_question: bool) -> bool:
        data = source.recv(65536)
        if is_question and (spring := self._sprung_by(data)):
            spring()
            return False
        target.sendall(data)
        return bool(data)

    def _sprung_by(self, data: bytes) -> Callable[[], None] | None:
        with self._lock:
            if self._trap is None or not self._trap[0].search(data.partition(b"\r\n")[0]):
                return None
            (_, spring), self._trap = self._trap, None
            return spring


@contextmanager
def relaying(path: Path, target: Path) -> Iterator[Relay]:
    relay = Relay(path, target)
    thread = threading.Thread(target=relay.serve)
    thread.start()
    try:
        yield relay
    finally:
        relay.close()
        thread.join()
