"""One Fairway, one machine elsewhere, and an environment there that a person has said yes to."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.services.docker import base_on, build, docker_engine  # noqa: F401
from tests.services.far_host import FarHost, far_host  # noqa: F401
from tests.services.installation import Installation, installed, wait_for

FAR = "far"
LET_IN = "restrict,port-forwarding "  # as the guide says
APP = """
import http.server, os, sys, time
VERSION = open("/VERSION").read().strip()

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path == "/slow":
            time.sleep(3)
        body = VERSION.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words):
        print("asked for", self.path, "of", VERSION, flush=True)

time.sleep(float(os.environ.get("LOADING", "0")))
http.server.ThreadingHTTPServer.request_queue_size = 128
http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""


@pytest.fixture(scope="package")
def fairway(far_host: FarHost) -> Iterator[Installation]:  # noqa: F811
    """A whole Fairway that gives up soon. The machine elsewhere outlives it."""
    with (
        tempfile.TemporaryDirectory(prefix="fairway-near-") as folder,
        installed(Path(folder) / "data", FAIRWAY_DRAIN_SECONDS="10", FAIRWAY_AWAY_ATTEMPTS="4") as one,
    ):
        yield one


@pytest.fixture(scope="package")
def unconfirmed(fairway: Installation, far_host: FarHost) -> dict[str, Any]:  # noqa: F811
    """An environment on the machine elsewhere, as it was right after somebody made it."""
    options = {"host": far_host.url, "builder": "classic", "build_network": "none"}
    wanted = {"name": "Far", "slug": FAR, "host": "far.localhost", "runtime": "docker", "options": options}
    return dict(fairway.call("POST", "/environments", wanted))


@pytest.fixture(scope="package")
def far(fairway: Installation, unconfirmed: dict[str, Any], far_host: FarHost) -> str:  # noqa: F811
    """The slug of that environment, confirmed and connected."""
    far_host.let_in(LET_IN + unconfirmed["ssh_host"]["public_key"])
    wait_for(lambda: host_of(fairway)["shown_fingerprint"] == far_host.fingerprint, "it shows its key")
    fairway.call("PUT", f"/environments/{FAR}/host/key", {"fingerprint": far_host.fingerprint})
    connected(fairway)
    return FAR


@pytest.fixture(scope="package")
def versions(far_host: FarHost) -> dict[str, str]:  # noqa: F811
    """Two versions of a small web server, built by hand on the Engine over there: version → image."""
    base = base_on(far_host.engine.host)
    dockerfile = f'FROM {base}\nCOPY app.py VERSION /\nCMD ["python3", "/app.py"]\n'
    found = {}
    with far_host.engine.client() as client:
        for version in ("one", "two"):
            found[version] = f"fairway-tests/far:{version}"
            build(client, found[version], {"Dockerfile": dockerfile, "app.py": APP, "VERSION": version})
    return found


def host_of(fairway: Installation) -> dict[str, Any]:
    return dict(fairway.call("GET", f"/environments/{FAR}")["ssh_host"])


def connected(fairway: Installation) -> None:
    wait_for(lambda: host_of(fairway)["state"] == "connected", "it is connected")
    wait_for(lambda: fairway.call("GET", f"/environments/{FAR}")["runtime_now"]["is_available"], "it can be used")
