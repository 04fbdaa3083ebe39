"""Thirty packages in five levels as containers, one of them bad: what is whole stays, the rest never begins, all goes back.

The same with a worker that is killed at points drawn from a seed. One installation plays everything: falling back leaves the
target as it was, so each rollout begins on the same ground as the one before.
"""

from __future__ import annotations

import contextlib
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fairway.drivers.runtimes.contract import NullProgress
from fairway.drivers.runtimes.docker.runtime import DockerRuntime
from tests.examples.conftest import docker_environment
from tests.examples.tiny import tiny_image
from tests.services.docker import Engine
from tests.services.installation import Installation, installed, wait_for

pytestmark = pytest.mark.docker

TARGET = "thirty"
LEVELS = (7, 7, 4, 6, 6)  # the third fits into one round: its good packages are under way when the bad one fails
PARALLEL = 4
NAMES = [[f"p{level}{number}" for number in range(size)] for level, size in enumerate(LEVELS, start=1)]
ALL = [name for level in NAMES for name in level]
BAD = NAMES[2][0]
LIVE_BEFORE = [*NAMES[0][:3], *NAMES[1][:3], BAD, NAMES[2][1], NAMES[3][0], NAMES[4][0]]
OLD, NEW = "old words", "new words"  # GREETING of the configuration before and since
SEED = int(os.environ.get("FAIRWAY_KILL_SEED", "1930"))
SETTINGS = {
    "FAIRWAY_WORKER_SLOTS": str(PARALLEL + 1),  # one is production's
    "FAIRWAY_HEALTH_SECONDS": "30",
    "FAIRWAY_DRAIN_SECONDS": "5",
    "FAIRWAY_WATCH_SECONDS": "2",
}
PATIENCE = 1500  # seconds; a machine that does nothing else needs thirty


def needs_of(level: int, name: str) -> list[str]:
    """All from the fourth level on need the bad one; the others the package of their number below."""
    if level == 0:
        return []
    below = NAMES[level - 1]
    return sorted({below[0], below[int(name[2:]) % len(below)]})


@dataclass
class Ground:
    """An installation whose target runs old versions of some of the thirty, and a release of new ones."""

    fairway: Installation
    engine: Engine
    images: dict[str, str]
    before: dict[str, Any] = field(default_factory=dict)

    def prepare(self) -> Ground:
        for name in ALL:
            source = {"kind": "image", "image": self.images["old"]}
            self.fairway.create(name, source, spec={"stop_grace": 0})
            self.configure(name, OLD)
        numbers = [self.fairway.deploy(name, TARGET) for name in LIVE_BEFORE]
        for number in numbers:
            self.fairway.live(number, PATIENCE)
        for name in ALL:
            self.configure(name, NEW)
        self.before = self.placements()
        assert set(self.before) == set(LIVE_BEFORE)
        return self

    def configure(self, name: str, greeting: str) -> None:
        path = f"/applications/{name}/environments/{TARGET}/configuration"
        self.fairway.call("PUT", path, {"variables": {"GREETING": greeting}})

    # --- the release

    def release(self, version: str) -> int:
        """Thirty packages, pasted; all of them known by their digests."""
        made = self.fairway.call("POST", "/releases", {"name": "Thirty", "version": version, "targets": [TARGET]})
        rows = [
            f"{name},{self.images['bad' if name == BAD else 'new']},{' '.join(needs_of(level, name))}"
            for level, names in enumerate(NAMES)
            for name in names
        ]
        self.fairway.call(
            "POST", f"/releases/{made['id']}/packages/many", {"text": "\n".join(["name,version,needs", *rows])}
        )
        wait_for(lambda: self.resolutions(made["id"]) == {"resolved": len(ALL)}, "all are resolved", seconds=PATIENCE)
        return int(made["id"])

    def resolutions(self, release: int) -> dict[str, int]:
        return Counter(one["resolution"] for one in self.fairway.call("GET", f"/releases/{release}")["matrix"])

    def on_target(self, release: int) -> dict[str, str]:
        """What each package is on the target, as people see it."""
        matrix = self.fairway.call("GET", f"/releases/{release}")["matrix"]
        return {one["name"]: one["targets"][0]["status"] for one in matrix}

    def roll_out(self, release: int) -> int:
        path = f"/releases/{release}/environments/{TARGET}/rollouts"
        return int(self.fairway.call("POST", path, {"parallel": PARALLEL})["id"])

    def rollout(self, number: int) -> dict[str, Any]:
        return dict(self.fairway.call("GET", f"/rollouts/{number}"))

    def reaches(self, number: int, status: str) -> dict[str, Any]:
        """Wait until the rollout has it; the rollout."""

        def is_there() -> bool:
            found = self.rollout(number)
            assert found["status"] in {status, "running", "falling_back"}, f"{found['status']}: {found['sentence']}"
            time.sleep(0.5)  # asking is work, too, and thirty packages have enough to do
            return bool(found["status"] == status)

        wait_for(is_there, f"the rollout is {status}", seconds=PATIENCE)
        return self.rollout(number)

    # --- what is really there

    def placements(self) -> dict[str, Any]:
        """What is live on the target by application: its digest and the number of its configuration."""
        found = {}
        for name in ALL:
            answer = self.fairway.api("GET", f"/applications/{name}/environments/{TARGET}/placement")
            if answer.status == 200 and answer.json["current"]:
                live = self.fairway.deployment(answer.json["current"])
                found[name] = (live["digest"], live["configuration"], answer.json["replicas"], answer.json["wanted"])
        return found

    def containers(self) -> dict[str, list[tuple[str, str, str]]]:
        """Every container on the target by application, stopped ones included: its image, its greeting, its state.

        Other tests have containers on the same Engine.
        """
        found: dict[str, list[tuple[str, str, str]]] = {}
        with self.engine.client() as client:
            for one in client.containers(all=True, filters={"label": "fairway.placement"}):
                name, _, place = one["Labels"]["fairway.placement"].partition(".")
                if place != TARGET:
                    continue
                facts = client.inspect_container(one["Id"])
                given = dict(line.split("=", 1) for line in facts["Config"]["Env"])
                words = (facts["Image"], given["GREETING"], facts["State"]["Status"])
                found.setdefault(name, []).append(words)
        return found

    def served(self, name: str) -> tuple[int, str, str]:
        """What a visitor meets: the status, the version and its greeting."""
        answer = self.fairway.visit(f"{name}.{TARGET}.localhost")
        facts = answer.json if answer.status == 200 else {}
        return answer.status, facts.get("version", ""), facts.get("greeting", "")

    def runs(self, new: list[str], old: list[str]) -> bool:
        """Whether exactly these run, each in one container: new ones under the new, old ones under the old configuration."""
        with self.engine.client() as client:
            ids = {kind: client.inspect_image(image)["Id"] for kind, image in self.images.items()}
        wanted = {name: [(ids["new"], NEW, "running")] for name in new}
        wanted |= {name: [(ids["old"], OLD, "running")] for name in old}
        return self.containers() == wanted

    def assert_serves(self, new: list[str], old: list[str]) -> None:
        wait_for(lambda: self.runs(new, old), f"these run and nothing else: {new} {old}")
        for name in ALL:
            served = self.served(name)
            if name in new or name in old:
                assert served == ((200, "new", NEW) if name in new else (200, "old", OLD)), name
            else:
                assert served[0] in {404, 503}, (name, served)


@pytest.fixture(scope="module")
def ground(docker_engine: Engine, docker_base: str) -> Iterator[Ground]:
    knobs: dict[str, dict[str, Any]] = {"old": {}, "new": {}, "bad": {"crashes": True}}
    images = {
        version: tiny_image(docker_engine, docker_base, f"thirty-{version}", version=version, **more)
        for version, more in knobs.items()
    }
    with (
        tempfile.TemporaryDirectory(prefix="fairway-thirty-") as folder,
        installed(Path(folder) / ".local" / "fairway", **SETTINGS) as one,
    ):
        docker_environment(one, TARGET, {"host": docker_engine.host, "build_network": "host", "builder": "classic"})
        yield Ground(one, docker_engine, images).prepare()
        one.stop()
        with contextlib.closing(DockerRuntime.open({"host": docker_engine.host}, data=one.data)) as runtime:
            for instance in runtime.instances():
                runtime.ensure_removed(instance.name, grace=0)
            runtime.collect([], NullProgress())


class Killer:
    """Kills the worker at moments drawn from a seed, counted in events: the machine's speed does not move them."""

    def __init__(self, ground: Ground, seed: int) -> None:
        self.fairway, self.draw = ground.fairway, random.Random(seed)
        self.kills = 0

    def strike(self, *ranges: tuple[int, int]) -> None:
        """One kill in each range of events from now on, and up to half a second after that event."""
        began = self._events()
        for low, high in ranges:
            point = began + self.draw.randint(low, high)
            wait_for(partial(self._has_come, point), f"event {point}", seconds=PATIENCE)
            time.sleep(self.draw.uniform(0, 0.5))
            self.fairway.kill_worker()
            self.kills += 1

    def _has_come(self, point: int) -> bool:
        return self._events() >= point

    def _events(self) -> int:
        return int(self.fairway.call("GET", "/events?limit=1")["items"][0]["id"])


def test_a_bad_package_stops_what_needs_it_and_all_goes_back(ground: Ground) -> None:
    release = ground.release("quiet")
    rollout = ground.roll_out(release)
    assert_stopped_whole(ground, release, rollout)
    assert_all_goes_back(ground, release, rollout)


def test_a_killed_worker_changes_nothing_of_it(ground: Ground) -> None:
    """Once while packages are distributed, twice while they are deployed, once on the way back."""
    release, killer = ground.release("killed"), Killer(ground, SEED)
    rollout = ground.roll_out(release)
    killer.strike((5, 55), (65, 200), (220, 360))  # sixty events of distributing, then about 340 of deploying
    assert_stopped_whole(ground, release, rollout)
    assert_all_goes_back(ground, release, rollout, killer)
    assert killer.kills == 4


def assert_stopped_whole(ground: Ground, release: int, rollout: int) -> None:
    """Two levels and what was under way are deployed, the bad one serves what it did before, the rest is blocked."""
    found = ground.reaches(rollout, "needs_decision")
    assert BAD in found["sentence"]
    deployed = [*NAMES[0], *NAMES[1], *NAMES[2][1:]]
    blocked = [*NAMES[3], *NAMES[4]]
    parts = {one["package"]: one["status"] for one in found["packages"]}
    assert parts == {**dict.fromkeys(deployed, "deployed"), BAD: "failed", **dict.fromkeys(blocked, "blocked")}
    assert {one["package"]: one["level"] for one in found["packages"]} == {
        name: number for number, names in enumerate(NAMES, start=1) for name in names
    }
    expected = {**dict.fromkeys(deployed, "deployed"), **dict.fromkeys([BAD, *blocked], "distributed")}
    assert ground.on_target(release) == expected
    ground.assert_serves(new=deployed, old=[name for name in LIVE_BEFORE if name not in deployed])
    recorded = {name: (one["digest"], one["replicas"], one["wanted"]) for name, one in found["before"].items()}
    assert recorded == {name: (digest, *rest) for name, (digest, _, *rest) in ground.before.items()}


def assert_all_goes_back(ground: Ground, release: int, rollout: int, killer: Killer | None = None) -> None:
    """Every placement has the digest and the configuration that it had; what was not there is not there."""
    shown = ground.fairway.call("GET", f"/rollouts/{rollout}/preview?choice=fall_back_all")
    ours = {one["package"] for one in shown}
    assert ours == {*NAMES[0], *NAMES[1], *NAMES[2][1:]}
    ground.fairway.call("POST", f"/rollouts/{rollout}/decision", {"choice": "fall_back_all", "reason": "not today"})
    if killer is not None:
        killer.strike((5, 150))  # of about 180
    found = ground.reaches(rollout, "fallen_back")
    parts = {one["package"]: one["status"] for one in found["packages"]}
    assert {name for name, status in parts.items() if status == "fallen_back"} == ours
    assert ground.placements() == ground.before
    assert set(ground.on_target(release).values()) == {"distributed"}
    ground.assert_serves(new=[], old=LIVE_BEFORE)
    assert ground.fairway.call("GET", "/audit/verification")["is_intact"]
