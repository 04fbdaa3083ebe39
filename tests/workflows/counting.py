"""An application that counts its visits in a resource: the same for every engine."""

from __future__ import annotations

import pytest

from tests.services.installation import Installation
from tests.services.waiting import wait_for

PLACE = "/resources/staging"
_SERVES = """

import json, os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        count, user = visited(self.path.startswith("/write"))
        body = json.dumps({"count": count, "user": user}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args): ...


ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""


def running(fairway: Installation, kind: str, name: str) -> str:
    """A new resource that runs; its name."""
    fairway.call("POST", PLACE, {"kind": kind, "name": name})
    wait_for(lambda: fairway.call("GET", f"{PLACE}/{name}")["state"] in {"running", "failed"}, "it runs")
    return name


def counting(
    fairway: Installation, resource: str, slug: str, *, client: str, visited: str, folders: pytest.TempPathFactory
) -> str:
    """An application that is bound and live; its slug. `visited` is Python that defines ``visited(writes)``, which counts a
    visit if it `writes`, and returns how many there are and as whom it signed in; it needs the package `client`."""
    folder = folders.mktemp(slug)
    (folder / "main.py").write_text(visited + _SERVES)
    (folder / "requirements.txt").write_text(f"{client}\n")
    (folder / "Procfile").write_text("web: python main.py\n")
    fairway.create(slug, fairway.upload(folder))
    fairway.call("POST", f"{PLACE}/{resource}/bindings", {"application": slug})
    wait_for(
        lambda: fairway.call("GET", f"{PLACE}/{resource}")["bindings"][0]["state"] in {"bound", "failed"}, "it is bound"
    )
    fairway.live(fairway.deploy(slug))
    return slug
