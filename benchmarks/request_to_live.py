"""From the request to the new version at its public address, on the `process` runtime, against the same done by hand.

Both start the same server, built before, and switch the same proxy to it. Fairway also writes down what it does, checks
health, reads back digest and route, and probes; by hand there is none of that. Then the old one is drained for 1 s.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.applications import await_version, write_application
from benchmarks.figures import Figure, middle, report
from fairway.drivers.proxy import CaddyProxy
from fairway.drivers.proxy.contract import Route, RouteKind
from tests.services.installation import Installation, free_port, installed

ROUNDS = 10
DRAIN = 1.0  # seconds
MOST_RATIO = 1.15


def measure() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="fairway-bench-") as folder, installed(Path(folder) / "data") as one:
        sources = {version: write_application(Path(folder) / version, version) for version in ("one", "two")}
        hand = by_hand(one, sources)
        seen, live = by_fairway(one, sources, spec={"health_path": "/"})
        port_seen, _ = by_fairway(one, sources)
    about = f"median of {ROUNDS}; artifact cached; floor: spawn, first 200, switch, seen through the proxy"
    yield Figure("request → served, process", seen, "s", floor=hand, most_ratio=MOST_RATIO, about=about)
    no_path = "without a health path an open port must last for 0.5 s"
    yield Figure("  the same without a health path", port_seen, "s", floor=hand, about=no_path)
    yield Figure(
        "request → “live”, process",
        live,
        "s",
        floor=hand + DRAIN,
        most_ratio=MOST_RATIO,
        about="story ended; floor + 1 s drain",
    )


def by_hand(one: Installation, sources: dict[str, Path]) -> float:
    proxy, times, old = CaddyProxy(one.data / "caddy"), [], None
    for number in range(ROUNDS):
        version, port = ("one", "two")[number % 2], free_port()
        began = time.monotonic()
        program = [getattr(sys, "_base_executable", sys.executable), str(sources[version] / "server.py")]
        process = subprocess.Popen(program, env={"PORT": str(port), "PATH": os.environ["PATH"]}, start_new_session=True)
        await_version(port, "localhost", version)
        proxy.ensure_route(Route("floor.localhost", RouteKind.OPEN, (f"127.0.0.1:{port}",), f"d{number}"))
        times.append(await_version(one.proxy_port, "floor.localhost", version) - began)
        _end(old)
        old = process
    proxy.ensure_no_route("floor.localhost")
    _end(old)
    return middle(times)


def by_fairway(
    one: Installation, sources: dict[str, Path], environment: str = "staging", spec: dict[str, object] | None = None
) -> tuple[float, float]:
    """Seconds until the new version was seen, and until the story had ended: medians."""
    slug, artifacts, seen, live = f"bench-{'any' if spec is None else 'health'}", {}, [], []
    one.create(slug, one.upload(sources["one"]), spec=spec)
    for version, folder in sources.items():
        found = one.live(one.deploy(slug, environment, source=one.upload(folder)))
        artifacts[version] = found["artifact"]
    for number in range(ROUNDS):
        version = ("one", "two")[number % 2]
        began = time.monotonic()
        deployment = one.deploy(slug, environment, artifact=artifacts[version])
        seen.append(await_version(one.proxy_port, f"{slug}.{environment}.localhost", version) - began)
        one.live(deployment)
        live.append(time.monotonic() - began)
    return middle(seen), middle(live)


def _end(process: subprocess.Popen[bytes] | None) -> None:
    if process is not None:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    report(measure)
