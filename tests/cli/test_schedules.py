"""Scheduled jobs from the command line, against a real installation whose worker runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Fairway
from tests.services.waiting import wait_for


@pytest.fixture
def live(fairway: Fairway, tmp_path: Path) -> str:
    (tmp_path / "index.html").write_text("<h1>nightly</h1>")
    assert fairway("deploy", "nightly", "--path", str(tmp_path), "--env", "development").code == 0
    return "nightly"


def test_a_command_is_scheduled_paused_run_and_deleted(fairway: Fairway, live: str) -> None:
    where = (live, "--env", "development", "--name", "Report")
    wrong = fairway("schedules", "add", *where, "-s", "61 * * * *", "--", "echo", "x")
    assert (wrong.code, "must be from 0 to 59" in wrong.err) == (2, True)
    when = ("-s", "30 2 * * *", "--zone", "Asia/Tokyo")
    made = fairway("schedules", "add", *where, *when, "--json", "--", "echo", "two words").json
    assert (made["command"], made["next_at"][11:16]) == (["echo", "two words"], "17:30")
    number = str(made["id"])
    shown = fairway("schedules", "list", live).out
    assert [word in shown for word in ("Report", "30 2 * * *", "17:30", "two words")] == [True] * 4
    assert "is paused" in fairway("schedules", "pause", number).out
    assert "paused" in fairway("schedules", "list").out
    assert "runs next at" in fairway("schedules", "resume", number).out
    assert "runs next at" in fairway("schedules", "edit", number, "-s", "@hourly").out
    run = fairway.json("schedules", "run", number, "--reason", "to see")
    wait_for(lambda: fairway.json("schedules", "list")[0]["last_run"]["status"] == "succeeded", "the run has ended")
    assert fairway.json("schedules", "list")[0]["last_run"]["id"] == run["id"]
    refused = fairway("schedules", "delete", number)
    assert (refused.code, "--confirm Report" in refused.err) == (2, True)
    assert fairway("schedules", "delete", number, "--confirm", "Report").code == 0
    assert "Nothing is scheduled" in fairway("schedules", "list").out


def test_a_worker_runs_what_is_due(fairway: Fairway, live: str) -> None:
    where = (live, "--env", "development", "--name", "Often")
    assert fairway("schedules", "add", *where, "-s", "* * * * *", "--", "echo", "again").code == 0
    wait_for(
        lambda: any(one["door"] == "schedule" and one["status"] == "succeeded" for one in fairway.json("jobs", live)),
        "a worker has run it by itself",
    )
    assert fairway("schedules", "delete", str(fairway.json("schedules", "list")[0]["id"]), "--confirm", "Often").code == 0
