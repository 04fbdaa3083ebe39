"""Small local servers the proxy passes requests on to, and a client that names the host it wants."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.services.waiting import PATIENCE


class Upstream(ThreadingHTTPServer):
    """Answers its name and the headers it got; ``/slow`` waits for `release`; ``/events`` streams two events.

    With `dies`, whoever was waiting for `release` gets no answer, as when the process is killed.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, name: str, family: int = socket.AF_INET) -> None:
        self.address_family = family
        self.name = name
        self.status, self.dies = 200, False
        self.extra: dict[str, str] = {}
        self.before: Callable[[str], object] = lambda path: None  # is called with the path before each answer
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.release = threading.Event()
        self.entered = threading.Event()
        super().__init__(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0), _Handler)

    @property
    def address(self) -> str:
        host, port = self.server_address[:2]
        return f"[{host}]:{port}" if self.address_family == socket.AF_INET6 else f"{host}:{port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Upstream

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers.items())))
        if self.path.startswith("/events"):
            return self._events()
        if self.path.startswith("/slow"):
            self.server.entered.set()
            self.server.release.wait(20)
            if self.server.dies:
                self.close_connection = True
                return None
        self.server.before(self.path)
        body = json.dumps({"name": self.server.name, "path": self.path, "headers": dict(self.headers.items())}).encode()
        self.send_response(self.server.status)
        for key, value in {"Content-Length": str(len(body)), **self.server.extra}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def _events(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"data: first\n\n")
        self.server.release.wait(20)
        self.wfile.write(b"data: second\n\n")
        self.close_connection = True

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def serving(name: str, family: int = socket.AF_INET) -> Iterator[Upstream]:
    upstream = Upstream(name, family)
    thread = threading.Thread(target=upstream.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield upstream
    finally:
        upstream.release.set()
        upstream.shutdown()
        thread.join()
        upstream.server_close()


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: str
    json: dict[str, object] = field(default_factory=dict)

    @property
    def name(self) -> object:
        return self.json.get("name")


def get(
    port: int,
    host: str,
    path: str = "/",
    headers: dict[str, str] | None = None,
    method: str = "GET",
    body: bytes | None = None,
) -> Answer:
    """One request to the proxy of this machine, for `host` exactly as written."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, {"Host": host, **(headers or {})})
        response = connection.getresponse()
        text = response.read().decode()
    finally:
        connection.close()
    parsed = json.loads(text) if text.startswith("{") else {}
    return Answer(response.status, response.headers, text, parsed)
