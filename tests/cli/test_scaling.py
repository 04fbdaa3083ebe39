"""`fairway sleep`, `wake`, `scale` by itself and `limits`, against a real installation."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Fairway
from tests.services.installation import Installation

HERE = ("--env", "development")


def test_an_application_sleeps_wakes_and_follows_the_load(fairway: Fairway, site: Path, running: Installation) -> None:
    assert fairway("deploy", "nap", "--path", str(site), *HERE).code == 0
    slept = fairway("sleep", "nap", *HERE)
    assert (slept.code, "nap in development" in slept.out) == (0, True)
    assert running.visit("nap.development.localhost").status == 200
    assert fairway("sleep", "nap", *HERE).code == 0
    assert fairway("wake", "nap", *HERE).code == 0

    policy = fairway.json("sleep", "nap", *HERE, "--after", "30", "--keep-workers")["sleep"]
    assert (policy["after"], policy["keeps_workers"]) == (30, True)
    assert fairway.json("sleep", "nap", *HERE, "--never")["sleep"]["after"] is None
    assert fairway("sleep", "nap", *HERE, "--after", "5", "--never").code == 2

    scaled = fairway.json("scale", "nap", *HERE, "--max", "3", "--cpu", "70")
    assert scaled["policy"] == {
        "minimum": 1, "maximum": 3, "cpu": 70.0, "requests": None, "latency_ms": None, "hours": None,
    }  # fmt: skip
    hours = ("0 8 * * *", "0 18 * * *", "Europe/Paris", "2")
    assert fairway.json("scale", "nap", *HERE, "--max", "3", "--hours", *hours)["policy"]["hours"]["minimum"] == 2
    wrong = fairway("scale", "nap", *HERE, "--max", "3", "--cpu", "170")
    assert (wrong.code, "cpu" in wrong.err) == (2, True)
    assert fairway.json("scale", "nap", *HERE, "--fixed")["policy"] is None
    for nothing in ((), ("2", "--fixed"), ("--cpu", "70")):
        assert fairway("scale", "nap", *HERE, *nothing).code == 2

    assert "limits that its version says" in fairway("limits", "nap", *HERE).out
    assert fairway.json("limits", "nap", *HERE, "--memory", "300")["limits"]["web"]["memory_mb"] == 300
    both = fairway.json("limits", "nap", *HERE, "--processes", "99")["limits"]["web"]
    assert (both["memory_mb"], both["pids"]) == (300, 99)
    assert "300 MB of memory, 99 processes" in fairway("limits", "nap", *HERE).out
    assert fairway.json("limits", "nap", *HERE, "--default")["limits"] == {}
