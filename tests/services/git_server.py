"""A Git server over https on loopback: ``git http-backend``, as real ones run it. Its bare repositories take pushes."""

from __future__ import annotations

import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class GitServer:
    """`certificate` is the file that clients must trust, as ``GIT_SSL_CAINFO``."""

    port: int
    root: Path
    certificate: Path

    def url(self, name: str) -> str:
        return f"https://localhost:{self.port}/{name}.git"

    def repository(self, name: str, post_receive: str = "") -> str:
        """A new bare repository; returns its URL. `post_receive` is the program that runs after each push."""
        place = self.root / f"{name}.git"
        subprocess.run(("git", "init", "--quiet", "--bare", "--initial-branch", "main", str(place)), check=True)
        subprocess.run(("git", "-C", str(place), "config", "http.receivepack", "true"), check=True)
        if post_receive:
            hook = place / "hooks/post-receive"
            hook.write_text(post_receive)
            hook.chmod(0o755)
        return self.url(name)


@contextmanager
def git_server(folder: Path) -> Iterator[GitServer]:
    """A server for the repositories below `folder`, with a certificate of its own."""
    root = folder / "repositories"
    root.mkdir(parents=True)
    made = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    key, certificate = folder / "key", folder / "certificate"
    subprocess.run((*made, *names, "-keyout", str(key), "-out", str(certificate)), check=True, capture_output=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(root))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield GitServer(server.server_address[1], root, certificate)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(root: Path) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            environment = {
                "GIT_PROJECT_ROOT": str(root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "PATH": os.environ["PATH"],
                "GIT_CONFIG_COUNT": "1",
                **{"GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"},
            }
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            # It ends with 1 where it has told why not, e.g. that there is no such commit.
            done = subprocess.run(("git", "http-backend"), env=environment, input=body, capture_output=True, check=False)
            headers, _, answer = done.stdout.partition(b"\r\n\r\n")
            status = next(
                (line.split()[1] for line in headers.split(b"\r\n") if line.lower().startswith(b"status:")), b"200"
            )
            start = b"HTTP/1.0 %s -\r\n%s\r\nContent-Length: %d\r\n\r\n" % (status, headers, len(answer))
            self.wfile.write(start + answer)

        do_POST = do_GET

        def log_message(self, *words: Any) -> None: ...

    return Handler
