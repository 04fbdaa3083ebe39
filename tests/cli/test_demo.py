"""`fairway up --demo` alone: people of every role, and a release that is in part deployed for real."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.services.installation import Installation, wait_for
from tests.services.waiting import PATIENCE


def own_environment(**more: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("FAIRWAY_")} | more


def run_cli(one: Installation, *words: str) -> subprocess.CompletedProcess[str]:
    access = own_environment(FAIRWAY_URL=f"http://localhost:{one.port}", FAIRWAY_TOKEN=one.sign_in["token"])
    command = [sys.executable, "-m", "fairway.cli.main", *words]
    return subprocess.run(command, env=access, capture_output=True, text=True, timeout=PATIENCE, check=True)


def test_a_demo_has_a_release_on_its_way(tmp_path: Path) -> None:
    one = Installation(tmp_path / "data")
    words = ["up", "--demo", "--data", str(one.data), "--port", str(one.port), "--proxy-port", str(one.proxy_port)]
    with (tmp_path / "said").open("wb") as said:
        up = subprocess.Popen(
            [sys.executable, "-m", "fairway.cli.main", *words], env=own_environment(), stdout=said, stderr=said
        )
    try:
        wait_for(lambda: "Autumn 2026.11" in (tmp_path / "said").read_text(), "it says that there is a release")
        (release,) = one.call("GET", "/releases")
        assert _columns(one.call("GET", f"/releases/{release['id']}")["matrix"]) == {
            "development": {"deployed"},
            "staging": {"deployed", "distributed"},
            "production": {"absent"},
        }
        told = run_cli(one, "targets", "list", "--json")
        assert [place["slug"] for place in json.loads(told.stdout)] == ["development", "staging", "production"]
        assert "Storefront" in one.visit("storefront.development.localhost").text
        rollouts = one.call("GET", f"/releases/{release['id']}/rollouts")
        assert {rollout["environment"]: rollout["status"] for rollout in rollouts} == {
            "development": "succeeded",
            "production": "scheduled",
        }
    finally:
        up.send_signal(signal.SIGINT)
        up.wait(timeout=PATIENCE)
    assert one.processes() == {}


def test_who_could_not_start_leaves_nobody_who_makes_a_release(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        one = Installation(tmp_path / "data")
        words = ["up", "--demo", "--data", str(one.data), "--port", port, "--proxy-port", port]
        command = [sys.executable, "-m", "fairway.cli.main", *words]
        done = subprocess.run(command, env=own_environment(), capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, "is not free" in done.stderr) == (2, True)  # and its pipes are closed: nobody holds them
    wait_for(lambda: one.processes() == {}, "nobody is left")


def _columns(matrix: list[dict[str, Any]]) -> dict[str, set[str]]:
    """Each target with the words its packages have on it."""
    found: dict[str, set[str]] = {}
    for package in matrix:
        for target in package["targets"]:
            found.setdefault(target["environment"], set()).add(target["status"])
    return found
