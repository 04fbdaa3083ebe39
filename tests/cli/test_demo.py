"""`fairway up --demo` alone: people of every role, and a release that is in part deployed for real."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.services.installation import Installation, wait_for


@pytest.mark.timeout(300)
def test_a_demo_has_a_release_on_its_way(tmp_path: Path) -> None:
    one = Installation(tmp_path / "data")
    words = ["up", "--demo", "--data", str(one.data), "--port", str(one.port), "--proxy-port", str(one.proxy_port)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FAIRWAY_")}
    with (tmp_path / "said").open("wb") as said:
        up = subprocess.Popen([sys.executable, "-m", "fairway.cli.main", *words], env=environment, stdout=said, stderr=said)
    try:
        wait_for(lambda: "Autumn 2026.11" in (tmp_path / "said").read_text(), "it says that there is a release", seconds=120)
        (release,) = one.call("GET", "/releases")
        assert _columns(one.call("GET", f"/releases/{release['id']}")["matrix"]) == {
            "development": {"deployed"},
            "staging": {"deployed", "distributed"},
            "production": {"absent"},
        }
        assert "Storefront" in one.visit("storefront.development.localhost").text
        rollouts = one.call("GET", f"/releases/{release['id']}/rollouts")
        assert {rollout["environment"]: rollout["status"] for rollout in rollouts} == {
            "development": "succeeded",
            "production": "scheduled",
        }
    finally:
        up.send_signal(signal.SIGINT)
        up.wait(timeout=60)
    assert one.processes() == {}


def _columns(matrix: list[dict[str, Any]]) -> dict[str, set[str]]:
    """Each target with the words its packages have on it."""
    found: dict[str, set[str]] = {}
    for package in matrix:
        for target in package["targets"]:
            found.setdefault(target["environment"], set()).add(target["status"])
    return found
