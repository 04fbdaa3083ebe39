"""From the request until the new version is first served by the route, on the `process` runtime, against the same by hand.

Both start the same server, built before, and switch the same proxy to it; rounds alternate, so that both meet the same
machine. Fairway also writes down what it does, checks health, reads back digest and route, and probes; by hand there is none
of that. “Until Deployed is said” adds what comes after: the probe goes on, the old version is drained and stopped. Its floor
is the floor and a drain of 1 s.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from benchmarks.applications import await_version, write_application
from benchmarks.figures import Figure, middle, report
from fairway.drivers.proxy import CaddyProxy
from fairway.drivers.proxy.contract import Route, RouteKind
from tests.services.installation import Installation, installed
from tests.services.ports import free_port

VERSIONS = ("one", "two")
ROUNDS = 10
DRAIN = 1.0  # seconds
MOST_RATIO = 1.15


def measure() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="fairway-bench-") as folder, installed(Path(folder) / "data") as one:
        sources = {version: write_application(Path(folder) / version, version) for version in VERSIONS}
        asked = ByFairway(one, sources, "bench-any")
        with_path = ByFairway(one, sources, "bench-health", spec={"health_path": "/"})
        yield from compared("process", Spawned(one, sources), asked, with_path)


class Hand(Protocol):
    """Puts a version live without Fairway."""

    floor: str

    def round(self, version: str) -> float:
        """Seconds until it was served."""

    def end(self) -> None: ...


def compared(runtime: str, hand: Hand, asked: ByFairway, with_path: ByFairway) -> Iterator[Figure]:
    by_hand, seen, said, path_seen = [], [], [], []
    for number in range(ROUNDS):
        version = VERSIONS[number % 2]
        by_hand.append(hand.round(version))
        for one, times in ((asked, seen), (with_path, path_seen)):
            served, ended = one.round(version)
            times.append(served)
            said += [ended] if one is asked else []
    hand.end()
    floor = middle(by_hand)
    about = (
        f"median of {ROUNDS}, alternating; artifact cached; floor: {hand.floor}, first 200, switch, seen through the proxy"
    )
    yield Figure(f"request → live, {runtime}", middle(seen), "s", floor=floor, most_ratio=MOST_RATIO, about=about)
    yield Figure("  more than the floor", (middle(seen) - floor) * 1000, "ms", about="what Fairway costs")
    yield Figure("  with a health path", middle(path_seen), "s", floor=floor, most_ratio=MOST_RATIO, about=about)
    drained = "the workflow has ended: probed for 0.4 s more, drained, stopped; floor: the same and a drain of 1 s"
    yield Figure("  until “Deployed” is said", middle(said), "s", floor=floor + DRAIN, most_ratio=MOST_RATIO, about=drained)


class ByFairway:
    """An application whose two versions are built, deployed in turn."""

    def __init__(
        self,
        one: Installation,
        sources: dict[str, Path],
        slug: str,
        environment: str = "staging",
        spec: dict[str, object] | None = None,
    ) -> None:
        self.one, self.slug, self.environment = one, slug, environment
        one.create(slug, one.upload(sources[VERSIONS[0]]), spec=spec)
        self.artifacts = {
            version: one.live(one.deploy(slug, environment, source=one.upload(folder)))["artifact"]
            for version, folder in sources.items()
        }

    def round(self, version: str) -> tuple[float, float]:
        """Seconds from the request until it was served, and until its workflow had ended."""
        began = time.monotonic()
        deployment = self.one.deploy(self.slug, self.environment, artifact=self.artifacts[version])
        seen = await_version(self.one.proxy_port, f"{self.slug}.{self.environment}.localhost", version) - began
        self.one.live(deployment)
        return seen, time.monotonic() - began


class Spawned:
    """The same servers as processes."""

    floor = "spawn"

    def __init__(self, one: Installation, sources: dict[str, Path]) -> None:
        self.one, self.sources = one, sources
        self.proxy = CaddyProxy(one.data / "caddy")
        self.old: subprocess.Popen[bytes] | None = None

    def round(self, version: str) -> float:
        began, port = time.monotonic(), free_port()
        program = [getattr(sys, "_base_executable", sys.executable), str(self.sources[version] / "server.py")]
        process = subprocess.Popen(program, env={"PORT": str(port), "PATH": os.environ["PATH"]}, start_new_session=True)
        await_version(port, "localhost", version)
        self.proxy.ensure_route(Route("floor.localhost", RouteKind.OPEN, (f"127.0.0.1:{port}",), "floor"))
        seen = await_version(self.one.proxy_port, "floor.localhost", version) - began
        _end(self.old)
        self.old = process
        return seen

    def end(self) -> None:
        self.proxy.ensure_no_route("floor.localhost")
        _end(self.old)


def _end(process: subprocess.Popen[bytes] | None) -> None:
    if process is not None:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    report(measure)
