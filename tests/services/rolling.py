"""Deployment after deployment under a constant load: the same for the benchmark and for the test."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.services.docker import Engine
from tests.services.installation import ENDED, Installation, wait_for
from tests.services.load import Closed, Load, Report

DOCKER_COUNT, PROCESS_COUNT = 100, 20
DRAIN_SECONDS = 6  # a request of 5 s that began just before a switch must fit
SETTINGS = {"FAIRWAY_DRAIN_SECONDS": str(DRAIN_SECONDS), "FAIRWAY_WATCH_SECONDS": "30"}
SPEC = {"health_path": "/"}
DOCKERFILE = """
FROM {base}
COPY app.py /app/app.py
ENV HOST=0.0.0.0 PORT=8000
EXPOSE 8000
CMD ["python3", "/app/app.py"]
"""


@dataclass(frozen=True)
class Rolled:
    """What `count` consecutive deployments under load did; `cut_early` are websockets that had less than the drain limit."""

    count: int
    seconds: float
    load: Report
    probe_failed: int
    cut_early: list[str]

    @property
    def failed(self) -> int:
        return sum(self.load.failed.values()) + len(self.cut_early)

    @property
    def sent(self) -> int:
        return sum(self.load.sent.values())

    def told(self) -> str:
        """In one sentence, kinds and reasons included."""
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in self.load.sent.items())
        ends = ", ".join(f"{count} {how}" for how, count in Counter(one.how for one in self.load.closed).items())
        lost = f"; lost: {[*self.load.failures, *self.cut_early][:5]}" if self.failed else ""
        return f"{self.load.rate:.0f} requests/s ({kinds}), websockets ended {ends or 'never'}, {self.seconds:.0f} s{lost}"


def write_app(folder: Path, version: str, base: str = "") -> Path:
    """The lasting application as a folder; with `base`, the image it is built from, also its Dockerfile."""
    folder.mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("lasting_app.py"), folder / "app.py")
    (folder / "VERSION").write_text(version)
    if base:
        (folder / "Dockerfile").write_text(DOCKERFILE.format(base=base) + f"LABEL version={version}\n")
    else:
        (folder / "Procfile").write_text("web: python3 app.py\n")
    return folder


def containers_in(one: Installation, engine: Engine) -> str:
    """A new environment whose applications are containers; its slug."""
    options = {"host": engine.host, "build_network": "host", "builder": "classic"}
    wanted = {"name": "Containers", "slug": "containers", "host": "containers.localhost", "runtime": "docker"}
    one.call("POST", "/environments", {**wanted, "options": options})
    return "containers"


def prepared(one: Installation, slug: str, environment: str, folder: Path, base: str = "") -> list[int]:
    """The application, live once in each of two versions; their artifacts."""
    sources = [one.upload(write_app(folder / f"{slug}-{version}", version, base)) for version in ("one", "two")]
    one.create(slug, sources[0], spec=SPEC)
    return [one.live(one.deploy(slug, environment, source=source))["artifact"] for source in sources]


def roll(one: Installation, slug: str, environment: str, artifacts: list[int], count: int, *, share: float = 1) -> Rolled:
    """Deploy `count` times, each time as soon as the version before serves, while its predecessor is still draining."""
    numbers: list[int] = []
    with Load(one.proxy_port, f"{slug}.{environment}.localhost", share=share) as load:
        load.await_version(str(one.placement(slug, environment)["current"]))
        began = time.monotonic()
        for turn in range(count):
            number = one.deploy(slug, environment, artifact=artifacts[turn % len(artifacts)])
            wait_for(lambda number=number: _serves(one.deployment(number)), f"deployment {number} serves")
            numbers.append(number)
        for number in numbers:
            one.ended(number)
        seconds = time.monotonic() - began
        load.await_version(str(numbers[-1]))
    deployments = [one.deployment(number) for number in numbers]
    bad = [f"#{each['id']} {each['status']}: {each['sentence']}" for each in deployments if each["status"] not in _WELL]
    assert not bad, bad
    probe_failed = sum(each["probe"]["failed"] for each in deployments)
    return Rolled(count, seconds, load.report, probe_failed, _cut_early(load.report.closed, deployments))


_WELL = {"live", "superseded"}


def _serves(deployment: dict[str, Any]) -> bool:
    return deployment["step"] == "retire" or deployment["status"] in ENDED


def _cut_early(closed: list[Closed], deployments: list[dict[str, Any]]) -> list[str]:
    """Whoever is connected when the traffic leaves a version may stay for the drain limit. All times are this machine's."""
    left_at = {str(one["replaces"]): datetime.fromisoformat(one["switched_at"]).timestamp() for one in deployments}
    lasted = {one: one.at - left_at.get(one.version, float("inf")) for one in closed}
    return [
        f"socket of #{one.version} ended ({one.how}) {seconds:.1f} s after it was replaced"
        for one, seconds in lasted.items()
        if seconds < DRAIN_SECONDS
    ]
