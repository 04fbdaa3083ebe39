"""Requests lost to SIGKILL under a constant load: one replica of two on the `process` runtime, and the proxy itself."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure, middle, report
from tests.services.installation import installed
from tests.services.killing import kill_proxy, kill_replicas
from tests.services.rolling import SETTINGS, prepared

KILLS = 3


def measure() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="fairway-bench-") as folder, installed(Path(folder) / "data", **SETTINGS) as one:
        prepared(one, "killed", "staging", Path(folder))
        replica = kill_replicas(one, "killed", KILLS)
        proxy = kill_proxy(one, "killed", KILLS)
    about = f"GETs; {replica.told()}"
    yield Figure("SIGKILL of one replica of two: requests lost", replica.failed, f"in {KILLS} kills", most=0, about=about)
    yield Figure("SIGKILL of the proxy: requests lost", proxy.failed / KILLS, "a kill", about=proxy.told())
    yield Figure("  until it answers again", middle(proxy.away), "s")


if __name__ == "__main__":
    report(measure)
