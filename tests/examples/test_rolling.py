"""Deployment after deployment under a constant load: nobody outside notices. The same code as benchmarks/rolling.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.examples.engine import containers_of
from tests.services.docker import Engine
from tests.services.installation import Installation, installed, wait_for
from tests.services.load import QUARTER
from tests.services.rolling import SETTINGS, Rolled, containers_in, prepared, roll

COUNT = 6  # `make bench` does a hundred, at no less than 200 requests a second; here others use the machine, too
LEAST = 20  # requests for each deployment: below it nothing would be proved


@pytest.fixture
def rolling(tmp_path: Path) -> Iterator[Installation]:
    with installed(tmp_path / ".local" / "fairway", **SETTINGS) as one:
        yield one


def assert_nobody_noticed(rolled: Rolled) -> None:
    assert rolled.failed == 0, rolled.told()
    assert rolled.probe_failed == 0
    assert rolled.sent >= LEAST * rolled.count, rolled.told()
    assert min(rolled.load.sent[kind] for kind in ("kept", "new", "slow")) > rolled.count, rolled.told()
    assert rolled.load.sent["socket"] == len(rolled.load.versions) == rolled.count + 1, "one websocket per version"
    assert {one.how for one in rolled.load.closed} == {"1001"}, "each was told that its version goes away"


def test_deployment_after_deployment_of_processes_fail_no_request(rolling: Installation, tmp_path: Path) -> None:
    artifacts = prepared(rolling, "rolling", "staging", tmp_path)
    assert_nobody_noticed(roll(rolling, "rolling", "staging", artifacts, COUNT, share=QUARTER))
    assert len(rolling.instances("rolling")) == 1


@pytest.mark.docker
def test_deployment_after_deployment_of_containers_fail_no_request(
    rolling: Installation, docker_engine: Engine, docker_base: str, tmp_path: Path
) -> None:
    environment = containers_in(rolling, docker_engine)
    artifacts = prepared(rolling, "rolling", environment, tmp_path, docker_base)
    assert_nobody_noticed(roll(rolling, "rolling", environment, artifacts, COUNT, share=QUARTER))
    assert len(containers_of(docker_engine, f"rolling.{environment}")) == 1
    rolling.call("DELETE", f"/applications/rolling/environments/{environment}/placement")
    wait_for(lambda: not containers_of(docker_engine, f"rolling.{environment}"), "it is removed")
