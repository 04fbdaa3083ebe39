"""``fairway up | down | status | doctor`` as a person types them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.installation import Installation, ask
from tests.services.ports import free_port
from tests.services.waiting import PATIENCE


def fairway(*words: object) -> subprocess.CompletedProcess[str]:
    """The program, with nothing of Fairway's in its environment."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FAIRWAY_")}
    command = [sys.executable, "-m", "fairway.cli.main", *map(str, words)]
    return subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=PATIENCE)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Installation]:
    """A data directory and two ports; whatever was started there is ended."""
    one = Installation(tmp_path / "data")
    yield one
    fairway("down", "--data", one.data)


def started(one: Installation) -> subprocess.CompletedProcess[str]:
    return fairway("up", "--data", one.data, "--port", one.port, "--proxy-port", one.proxy_port, "--detach")


def test_up_detached_returns_when_it_answers_and_down_ends_it(place: Installation) -> None:
    done = started(place)
    assert done.returncode == 0, done.stderr
    assert f"http://localhost:{place.port}" in done.stdout
    assert "/first-run/" in done.stdout
    assert ask(place.port, "GET", "/api/v1/health", {"Host": "localhost"}).status == 200

    told = fairway("status", "--data", place.data, "--json")
    assert told.returncode == 0
    facts = json.loads(told.stdout)
    assert (facts["is_running"], facts["answers"], facts["port"]) == (True, True, place.port)

    again = started(place)
    assert again.returncode == 1
    assert "another Fairway already uses" in again.stderr
    assert fairway("status", "--data", place.data).returncode == 0

    assert fairway("down", "--data", place.data).returncode == 0
    told = fairway("status", "--data", place.data)
    assert (told.returncode, "does not run" in told.stdout) == (1, True)
    with pytest.raises(ConnectionError):
        ask(place.port, "GET", "/", {})


def test_down_and_status_where_nothing_runs(tmp_path: Path) -> None:
    done = fairway("down", "--data", tmp_path / "data")
    assert (done.returncode, "is not running" in done.stdout) == (0, True)
    told = fairway("status", "--data", tmp_path / "data", "--json")
    assert (told.returncode, json.loads(told.stdout)) == (1, {"is_running": False, "answers": False})


def test_doctor_tells_what_can_be_used_here(tmp_path: Path) -> None:
    done = fairway("doctor", "--data", tmp_path / "data", "--json")
    found = {finding["what"]: finding["state"] for finding in json.loads(done.stdout)}
    assert found["Caddy"] == found["Python"] == "good"
    assert done.returncode == (1 if "bad" in found.values() else 0)
    assert "Caddy" in fairway("doctor", "--data", tmp_path / "data").stdout
    open_to_all = tmp_path / "open"
    open_to_all.mkdir(mode=0o755)
    refused = fairway("doctor", "--data", open_to_all)
    assert (refused.returncode, "chmod 700" in refused.stdout.replace("\n", " ")) == (1, True)


@pytest.mark.parametrize(("option", "other"), [("--port", "--proxy-port"), ("--proxy-port", "--port")])
def test_up_refuses_a_port_in_use_with_its_reason(place: Installation, option: str, other: str) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # as a second proxy would: it must not be shared
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = fairway("up", "--data", place.data, option, port, other, free_port(), "--detach")
    assert done.returncode == 1
    assert f"port {port} is not free" in done.stderr
    assert option in done.stderr
