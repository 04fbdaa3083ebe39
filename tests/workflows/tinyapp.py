"""A tiny application made for trying everything on it: a folder with a Procfile, its behaviour set by knobs."""

from __future__ import annotations

import json
from pathlib import Path

from tests.services.gate import IS_CLOSED

MAIN = (
    IS_CLOSED
    + '''
import json, os, signal, socket, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

KNOBS = json.loads(Path("knobs.json").read_text())


def hold(port):
    """Wait as long as the gate at this port of the machine is closed: it answers."""
    while port and is_closed(port):
        time.sleep(0.02)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urlsplit(self.path)
        asked = parse_qs(url.query)
        if url.path == "/slow":
            time.sleep(float(asked["s"][0]))
        elif url.path == "/held":
            hold(asked["by"][0])
        elif url.path == "/die":
            os._exit(7)
        elif url.path == "/say":
            print(asked["text"][0], flush=True)
        facts = {"version": KNOBS["version"], "pid": os.getpid(), "greeting": os.environ.get("GREETING", "")}
        facts["names"] = sorted(os.environ)
        facts["secret_letters"] = len(os.environ.get("PASSWORD", ""))
        facts["kept"] = sorted(name.name for name in Path("data").iterdir()) if Path("data").is_dir() else []
        if url.path == "/keep":
            (Path("data") / asked["name"][0]).write_text("kept")
        status = {"/health": KNOBS.get("health"), "/page": KNOBS.get("page")}.get(url.path) or 200
        body = json.dumps(facts).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


if KNOBS.get("ignores_term"):
    signal.signal(signal.SIGTERM, lambda *_: print("not now", flush=True))
for line in KNOBS.get("says", ()):
    print(line.replace("{PASSWORD}", os.environ.get("PASSWORD", "")), flush=True)
if KNOBS.get("raises"):
    raise RuntimeError(KNOBS["raises"].replace("{PASSWORD}", os.environ.get("PASSWORD", "")))
if KNOBS.get("crashes"):
    print("Traceback: the tiny application cannot start", file=sys.stderr, flush=True)
    sys.exit(3)
hold(KNOBS.get("start_held_by"))
if KNOBS.get("deaf"):
    print("listening nowhere", flush=True)
    while True:
        time.sleep(60)
if KNOBS.get("half_open"):
    half = socket.create_server((os.environ["HOST"], int(os.environ["PORT"])))
    time.sleep(0.2)
    print("dying while loading", flush=True)
    os._exit(5)
server = Server((os.environ["HOST"], int(os.environ["PORT"])), Handler)
if "dies_after" in KNOBS:
    threading.Timer(KNOBS["dies_after"], lambda: (print("dying now", flush=True), os._exit(4))).start()
server.serve_forever(poll_interval=0.05)
'''
)

BUILD = (
    IS_CLOSED
    + """
import json, sys
from pathlib import Path

KNOBS = json.loads(Path("knobs.json").read_text())
for number in range(KNOBS.get("build_lines", 1)):
    print(f"build line {number}")
sys.stdout.flush()
while KNOBS.get("build_held_by") and is_closed(KNOBS["build_held_by"]):
    time.sleep(0.02)
with open("ballast", "wb") as ballast:
    for _ in range(KNOBS.get("build_writes", 0)):
        ballast.write(bytes(2**20))
"""
)


def make(folder: Path, version: str, *, requirements: str = "", **knobs: object) -> Path:
    """Write the application into `folder` and return it.

    Knobs: `says` (lines printed at start), `raises` (an exception with this text),
    `crashes`, `deaf` (never opens its port), `health` (status of /health),
    `half_open` (opens its port, then dies while loading),
    `dies_after` (seconds after it opened its port), `start_held_by` (a gate: it opens its port once that is open),
    `ignores_term`, `build_lines` (printed by the build), `build_held_by` (a gate: the build ends once that is open),
    `build_writes` (MB that the build writes).
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Procfile").write_text("web: python main.py\n")
    (folder / "main.py").write_text(MAIN)
    (folder / "worker.py").write_text(WORKER)
    (folder / "manage.py").write_text(BUILD)
    (folder / "requirements.txt").write_text(requirements)
    (folder / "VERSION").write_text(f"{version}\n")
    (folder / "knobs.json").write_text(json.dumps({"version": version, **knobs}))
    return folder


WORKER = "import time\nprint('waiting for work', flush=True)\nwhile True:\n    time.sleep(60)\n"
SERVICES = {"worker": {"command": ["python", "worker.py"]}}
"""A service that a test may add: it goes on running and does nothing."""

SPEC = {"health_path": "/health", "install": {"collectstatic": True}}
"""What a person adds to what is detected: a health path, and that the build runs manage.py (printing, waiting)."""

BROKEN = {
    "crashes": ({"crashes": True}, "exited with code 3", "Traceback: the tiny application cannot start"),
    "deaf": ({"deaf": True, "says": ["I am deaf"]}, "Nothing listened on the port", "I am deaf"),
    "unhealthy": ({"health": 500, "says": ["I feel ill"]}, "/health answered 500", "I feel ill"),
    "half-open": ({"half_open": True}, "exited with code 5", "dying while loading"),
    "short-lived": ({"dies_after": 0.25}, "with code 4", "dying now"),
}
"""Versions that never become good: knobs, words of the sentence a person reads, and one of the last lines beside it."""
