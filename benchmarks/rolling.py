"""Requests lost in consecutive deployments under a constant load: 20 on the `process` runtime, 100 on a Docker Engine.

Each begins as soon as the one before serves, while up to three versions before it still finish requests of 5 s and hold a
websocket. A websocket that is closed at the drain limit is not lost; one that is cut before it is.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.figures import Figure, Skipped, report
from tests.services.docker import shared_base, shared_engine
from tests.services.installation import installed
from tests.services.rolling import DOCKER_COUNT, PROCESS_COUNT, SETTINGS, Rolled, containers_in, prepared, roll

LEAST_RATE = 200  # requests a second


def measure() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="fairway-bench-") as folder, installed(Path(folder) / "data", **SETTINGS) as one:
        artifacts = prepared(one, "rolling", "staging", Path(folder))
        yield from _figures("process", roll(one, "rolling", "staging", artifacts, PROCESS_COUNT))
        try:
            engine, base = shared_engine(), shared_base()
        except (pytest.skip.Exception, pytest.fail.Exception) as missing:
            raise Skipped(str(missing).splitlines()[0]) from None
        environment = containers_in(one, engine)
        artifacts = prepared(one, "containers", environment, Path(folder), base)
        yield from _figures("docker", roll(one, "containers", environment, artifacts, DOCKER_COUNT))


def _figures(runtime: str, rolled: Rolled) -> Iterator[Figure]:
    name = f"{rolled.count} deployments under load, {runtime}"
    yield Figure(f"{name}: requests lost", rolled.failed, f"of {rolled.sent:,}", most=0, about=rolled.told())
    yield Figure("  load", rolled.load.rate, "requests/s", least=LEAST_RATE)
    yield Figure("  a deployment every", rolled.seconds / rolled.count, "s", about="the last one's drain included")


if __name__ == "__main__":
    report(measure)
