"""Small folders as a person has them on a computer, and their Git repositories."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

SERVER = """
import os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

VERSION = Path("VERSION").read_text().strip()
PAGE = f"<!doctype html><title>Tides</title><h1>Tides {VERSION}</h1><p id=greeting>{os.environ.get('GREETING', '')}</p>"
PAGE += f"<p data-letters={len(os.environ.get('TOKEN', ''))}></p>"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/say":
            print("\\x1b[35mship\\x1b[0m ahoy", flush=True)
        body = PAGE.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


print("\\x1b[32mTides\\x1b[0m", VERSION, "is \\x1b[1;33mready\\x1b[0m", flush=True)
ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
BROKEN = "print('Looking for the harbour…', flush=True)\nimport no_such_harbour\n"


def tides(folder: Path, version: str, *, server: str = SERVER) -> Path:
    """A Python server with a Procfile that shows its version and the variable GREETING."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Procfile").write_text("web: python server.py\n")
    (folder / "server.py").write_text(server)
    (folder / "VERSION").write_text(f"{version}\n")
    (folder / "__pycache__").mkdir(exist_ok=True)
    (folder / "__pycache__" / "server.pyc").write_bytes(b"made again by the build")
    return folder


def held(folder: Path, version: str) -> Path:
    """The same, but it never opens its port."""
    return tides(folder, version, server=f"import time\ntime.sleep(3600)\n{SERVER}")


def page_only(folder: Path, version: str) -> Path:
    """A folder of HTML: the quickest thing to put live."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.html").write_text(f"<!doctype html><title>Page</title><h1>Page {version}</h1>")
    (folder / "VERSION").write_text(f"{version}\n")
    return folder


def committed(folder: Path, message: str, branch: str = "main") -> str:
    """Commit everything in the folder; returns its ``file://`` address."""
    if not (folder / ".git").exists():
        _git(folder, "init", "-q", "-b", branch)
    _git(folder, "add", "-A")
    _git(folder, "commit", "-q", "-m", message)
    return folder.as_uri()


def branched(folder: Path, branch: str) -> None:
    _git(folder, "checkout", "-q", "-b", branch)


def _git(folder: Path, *words: str) -> None:
    who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in _SOMEBODY.items()}
    alone = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    subprocess.run(["git", "-C", str(folder), *words], check=True, env={**os.environ, **who, **alone}, capture_output=True)


_SOMEBODY = {"NAME": "Grace Hopper", "EMAIL": "grace@example.com"}
