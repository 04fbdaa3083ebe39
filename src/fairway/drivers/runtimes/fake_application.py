"""The applications of the fake runtime: a real HTTP server each, which runs in daemon threads of this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from fairway.drivers.runtimes.contract import InstanceState

if TYPE_CHECKING:
    from fairway.drivers.runtimes.fake import FakeRuntime


class Server:
    """Answers on one port for one instance, in daemon threads."""

    def __init__(self, runtime: FakeRuntime, name: str, port: int) -> None:
        handler = type("Handler", (Handler,), {"runtime": runtime, "name": name})
        self.http = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self.http.daemon_threads = True
        self.port = int(self.http.server_address[1])
        self.thread: threading.Thread | None = None

    def start(self) -> None:
        if self.thread is None:
            self.thread = threading.Thread(target=self._accept, daemon=True, name=f"fake-{self.port}")
            self.thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, address = self.http.socket.accept()
            except OSError:  # closed
                return
            self.http.process_request(connection, address)

    def close(self) -> None:
        with suppress(OSError):
            self.http.socket.shutdown(2)  # wakes accept()
        if self.thread:
            self.thread.join()
        self.http.server_close()


class Handler(BaseHTTPRequestHandler):
    """The fake application: `/`, `/health`, `/env`, `/crash`, `/slow?s=`, `/say?text=`, `/note?text=`, `/file?path=`,
    `/write?path=`."""

    runtime: FakeRuntime
    name: str

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == "/slow":
            time.sleep(float(query.get("s", "5")))
        with self.runtime.world.open() as world:
            facts = world["instances"].get(self.name)
            answer = self._answer(url.path, query, facts, world) if facts else None
        if url.path == "/crash" and facts:
            self.runtime.crash(self.name)
        if answer is None:
            self.close_connection = True
            return
        status, body = answer[0], answer[1].encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _answer(
        self, path: str, query: Mapping[str, str], facts: dict[str, Any], world: dict[str, Any]
    ) -> tuple[int, str] | None:
        if path == "/crash" or facts["state"] != InstanceState.RUNNING:
            return None
        if path == "/health":
            return int(facts["environment"].get("HEALTH_STATUS", "200")), "health"
        if path == "/env":
            return 200, "".join(f"{name}={value}\n" for name, value in sorted(facts["environment"].items()))
        if path == "/say":
            facts["output"] += [[now(), stream, query.get("text", "")] for stream in ("stdout", "stderr")]
        if path == "/file":
            text = facts["files"].get(query.get("path"))
            return (404, "no such file") if text is None else (200, text)
        if path == "/write":
            facts["written"] = [*facts.get("written", ()), query.get("path", "")]
        if path == "/note":
            return self._note(query, facts, world["volumes"])
        return int(facts["environment"].get("STATUS", "200")), facts["answer"]

    def _note(self, query: Mapping[str, str], facts: Mapping[str, Any], volumes: dict[str, str]) -> tuple[int, str]:
        for volume in facts["volumes"]:
            if "text" in query:
                volumes[volume] = query["text"]
            if volume in volumes:
                return 200, volumes[volume]
        return 404, "nothing noted"

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not logged."""


def now() -> str:
    return datetime.now(UTC).isoformat()
