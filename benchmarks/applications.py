"""A tiny application in two versions, and asking for it until a version answers."""

from __future__ import annotations

import http.client
import time
from contextlib import closing, suppress
from pathlib import Path

SERVER = """
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

VERSION = (Path(__file__).parent / "VERSION").read_bytes()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one packet: apart, each answer on a kept connection waits 40 ms for an ACK

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(VERSION)))
        self.end_headers()
        self.wfile.write(VERSION)

    def log_message(self, *words):
        pass


ThreadingHTTPServer((os.environ.get("HOST", "127.0.0.1"), int(os.environ["PORT"])), Handler).serve_forever()
"""


def write_application(folder: Path, version: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "server.py").write_text(SERVER)
    (folder / "VERSION").write_text(version)
    (folder / "Procfile").write_text("web: python3 server.py\n")
    return folder


def await_version(port: int, host: str, version: str, seconds: float = 60) -> float:
    """Ask for ``/`` of `host` every 2 ms on new connections until this version answers; returns that moment."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(OSError, http.client.HTTPException):
            if _body(port, host) == version.encode():
                return time.monotonic()
        time.sleep(0.002)
    raise AssertionError(f"{host} never answered {version}")


def _body(port: int, host: str) -> bytes:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request("GET", "/", headers={"Host": host})
        return connection.getresponse().read()
