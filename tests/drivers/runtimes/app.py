"""The application every runtime is tested with. Plain standard library; listens on ``PORT``, else any port.

/            its version                    /env           its environment, one NAME=value a line
/health      200, or HEALTH_STATUS          /crash         exits with code 1
/slow?s=5    answers after 5 seconds        /say?text=hi   prints the text on stdout and stderr
/note        what the volume “notes” holds  /note?text=hi  writes it there
/write?path=x writes a file into its folder
/file?path=x what a file of its folder holds
EXIT_AT_START=3 makes it exit at once with code 3. TERM ends it with code 0.
"""

import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

VERSION = (Path(__file__).parent / "VERSION").read_text().strip()
NOTE = Path(os.environ.get("VOLUME_NOTES", "/notes")) / "note.txt"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        status, text = self.answer(url.path, query)
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, str]:
        if path == "/health":
            return int(os.environ.get("HEALTH_STATUS", "200")), "health"
        if path == "/env":
            return 200, "".join(f"{name}={value}\n" for name, value in sorted(os.environ.items()))
        if path == "/crash":
            os._exit(1)
        if path == "/slow":
            time.sleep(float(query.get("s", "5")))
        if path == "/say":
            print(query["text"], flush=True)
            print(query["text"], file=sys.stderr, flush=True)
        if path == "/file":
            place = Path(query["path"])
            return (200, place.read_text()) if place.exists() else (404, "no such file")
        if path == "/write":
            Path(query["path"]).parent.mkdir(parents=True, exist_ok=True)
            Path(query["path"]).write_text("written")
        if path == "/note":
            return self.note(query)
        return 200, VERSION

    def note(self, query: dict[str, str]) -> tuple[int, str]:
        if "text" in query:
            NOTE.write_text(query["text"])
        return (200, NOTE.read_text()) if NOTE.exists() else (404, "nothing noted")

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not worth a line."""


def main() -> None:
    print(f"version {VERSION} starts", flush=True)
    if code := os.environ.get("EXIT_AT_START"):
        sys.exit(int(code))
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    address = (os.environ.get("HOST", "0.0.0.0"), int(os.environ.get("PORT", "0")))
    ThreadingHTTPServer(address, Handler).serve_forever()


main()
