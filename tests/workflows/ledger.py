"""An application that suffers no second one beside it: it locks its file, counts in it, and remembers whom it met.

It exits with code 9 where the file is locked already, and notes that in the volume. Every answer to ``/`` is a number that
nobody was given before; it is on the disk when it is said. ``BROKEN`` makes it exit after it has locked and counted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.services.docker import Engine, build

MAIN = '''
import fcntl, json, os, signal, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

DATA = Path("data")
DATA.mkdir(exist_ok=True)
file = open(DATA / "ledger", "a+")
try:
    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # a lock of the process: no child of ours could keep it
except OSError:
    with open(DATA / "met", "a") as met:
        met.write(f"{os.environ['FAIRWAY_DEPLOYMENT']} met another\\n")
    sys.exit(9)


def note(what):
    """Write a number and what it is for; on the disk when this returns."""
    file.seek(0)
    last = file.read().splitlines()[-1:]
    number = int(last[0].split()[0]) + 1 if last else 1
    file.write(f"{number} {what}\\n")
    file.flush()
    os.fsync(file.fileno())
    return number


note("start by " + os.environ["FAIRWAY_DEPLOYMENT"])
if os.environ.get("BROKEN"):
    print("the ledger is broken", flush=True)
    sys.exit(3)
if os.environ.get("STUBBORN"):
    signal.signal(signal.SIGTERM, lambda *_: None)
one_at_a_time = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        with one_at_a_time:
            facts = {"number": note("visit")} if self.path == "/visit" else {}
            if self.path == "/facts":
                file.seek(0)
                facts["lines"] = file.read().splitlines()
                facts["met"] = (DATA / "met").read_text().splitlines() if (DATA / "met").exists() else []
        body = json.dumps(facts).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever(poll_interval=0.05)
'''

DOCKERFILE = """
FROM {base}
WORKDIR /
COPY main.py /main.py
ENV HOST=0.0.0.0 PORT=8080
EXPOSE 8080
CMD ["python3", "/main.py"]
"""

SPEC: dict[str, Any] = {"volumes": [["data", "/data"]], "stop_grace": 1.0}


def folder_of(place: Path) -> Path:
    """The application as a folder."""
    place.mkdir(parents=True, exist_ok=True)
    (place / "Procfile").write_text("web: python main.py\n")
    (place / "requirements.txt").write_text("")
    (place / "main.py").write_text(MAIN)
    return place


def image_of(engine: Engine, base: str) -> str:
    """The application as an image on the Engine; its reference."""
    with engine.client() as client:
        build(client, "fairway-tests/ledger:1", {"Dockerfile": DOCKERFILE.format(base=base), "main.py": MAIN})
    return "fairway-tests/ledger:1"
