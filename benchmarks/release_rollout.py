"""A release of fifty packages over the fake runtime, against its critical path: what the desk and the engine add to it.

Each package takes a known time to start. The floor is the schedule on paper: level after level, in each the packages in
their order on as many hands as the rollout may use, every deployment lasting its start and what the workflow looks on
afterwards (probation and probe). All else is ours: distributing, gates, rounds of the rollout, claims, commits, routes.
"""

from __future__ import annotations

import os
import random
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, report
from tests.services.installation import Installation, installed, wait_for

LEVELS = (10, 10, 10, 10, 10)
PARALLEL = 8
SHORTEST, LONGEST = 2.0, 8.0  # seconds a package takes to start
MOST_RATIO = 1.2
TARGET = "paper"
SETTINGS = {
    "FAIRWAY_WORKER_SLOTS": str(PARALLEL + 2),
    "FAIRWAY_WATCH_SECONDS": "2",
}  # one slot is production's, one the rollout's
PATIENCE = 500  # seconds

Package = tuple[str, float, tuple[str, ...]]


def measure() -> Iterator[Figure]:
    levels = drawn(random.Random(50))
    with tempfile.TemporaryDirectory(prefix="fairway-bench-") as folder, installed(Path(folder) / "data", **SETTINGS) as one:
        release = prepared(one, levels)
        seconds, parts = rolled_out(one, release)
    assert parts == {"deployed": sum(LEVELS)}, parts
    watched = _watched()
    paper, starts = (on_paper(levels, each) for each in (watched, 0.0))
    about = (
        f"{sum(LEVELS)} packages in {len(LEVELS)} levels, {PARALLEL} at a time, {SHORTEST:g}–{LONGEST:g} s to start each; "
        f"floor: level by level, {watched:g} s of probation and probe included"
    )
    yield Figure("release of 50 packages", seconds, "s", floor=paper, most_ratio=MOST_RATIO, about=about)
    yield Figure("  over the starts alone", seconds, "s", floor=starts, about="the same floor without probation and probe")
    unbarred = "no order but the dependencies: the longest chain, or all work shared by all hands, whichever is longer"
    yield Figure("  over the dependencies alone", seconds, "s", floor=unhindered(levels, watched), about=unbarred)


def _watched() -> float:
    """Seconds the workflow looks on, by its own word; this process needs Django to hear it."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()
    from fairway.workflows.deploy import PROBATION
    from fairway.workflows.judging import PROBE_AFTER

    return PROBATION + PROBE_AFTER


def drawn(draw: random.Random) -> list[list[Package]]:
    """Each package needs one or two of the level below; the same on every machine."""
    levels: list[list[Package]] = []
    for level, size in enumerate(LEVELS, start=1):
        below = [name for name, _, _ in levels[-1]] if levels else []
        levels.append(
            [
                (
                    f"p{level}-{number:02}",
                    round(draw.uniform(SHORTEST, LONGEST), 1),
                    tuple(sorted(draw.sample(below, draw.randint(1, 2)))) if below else (),
                )
                for number in range(size)
            ]
        )
    return levels


def on_paper(levels: Sequence[Sequence[Package]], watched: float) -> float:
    """Seconds the schedule takes when nothing but the packages takes time."""
    return sum(_spread([seconds + watched for _, seconds, _ in level]) for level in levels)


def _spread(lengths: Sequence[float]) -> float:
    """One after another to whichever hand is free first."""
    hands = [0.0] * PARALLEL
    for length in lengths:
        hands.sort()
        hands[0] += length
    return max(hands)


def unhindered(levels: Sequence[Sequence[Package]], watched: float) -> float:
    ends: dict[str, float] = {}
    for name, seconds, needs in (one for level in levels for one in level):
        ends[name] = max((ends[needed] for needed in needs), default=0.0) + seconds + watched
    return max(*ends.values(), sum(seconds + watched for level in levels for _, seconds, _ in level) / PARALLEL)


def prepared(one: Installation, levels: Sequence[Sequence[Package]]) -> int:
    """The target, an application for each package with its time as a setting, and the release."""
    _target(one)
    for name, seconds, _ in (package for level in levels for package in level):
        one.create(name, {"kind": "image", "image": f"registry.test/{name}:1"}, spec={"port": 8080})
        path = f"/applications/{name}/environments/{TARGET}/configuration"
        one.call("PUT", path, {"variables": {"START_SECONDS": str(seconds)}})
    made = one.call("POST", "/releases", {"name": "Fifty", "version": "1", "targets": [TARGET]})["id"]
    rows = [f"{name},registry.test/{name}:2,{' '.join(needs)}" for level in levels for name, _, needs in level]
    one.call("POST", f"/releases/{made}/packages/many", {"text": "\n".join(["name,version,needs", *rows])})
    wait_for(lambda: _resolved(one, made) == sum(LEVELS), "all packages are resolved", seconds=PATIENCE)
    return int(made)


def _target(one: Installation) -> None:
    """The fake runtime is offered to nobody: the row is changed behind the program's back, before anything is there."""
    one.call("POST", "/environments", {"name": "Paper", "slug": TARGET, "host": f"{TARGET}.localhost", "runtime": "process"})
    with closing(sqlite3.connect(one.data / "fairway.sqlite3", timeout=30)) as database, database:
        database.execute("UPDATE fairway_environment SET runtime = 'fake' WHERE slug = ?", [TARGET])


def _resolved(one: Installation, release: int) -> int:
    return sum(package["resolution"] == "resolved" for package in one.call("GET", f"/releases/{release}")["matrix"])


def rolled_out(one: Installation, release: int) -> tuple[float, dict[str, int]]:
    """Seconds from the request to the end of the rollout by its own record, and how many packages ended how."""
    asked = {"parallel": PARALLEL}
    number = one.call("POST", f"/releases/{release}/environments/{TARGET}/rollouts", asked)["id"]
    while (found := _rollout(one, number))["finished_at"] is None:
        time.sleep(2)  # seldom: to ask is work for the same machine
    seconds = (datetime.fromisoformat(found["finished_at"]) - datetime.fromisoformat(found["created_at"])).total_seconds()
    return seconds, dict(Counter(package["status"] for package in found["packages"]))


def _rollout(one: Installation, number: int) -> Any:
    return one.call("GET", f"/rollouts/{number}")


if __name__ == "__main__":
    report(measure)
