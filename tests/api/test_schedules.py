"""Scheduled jobs by the API: made, read, changed, paused, run now, deleted; by whom, and what is refused."""

from __future__ import annotations

import pytest

from fairway.deployments.models import Placement, ScheduledJob
from tests.api.conftest import Api

HERE = "/applications/hello/environments/development/schedules"
NIGHTLY = {"name": "Report", "command": ["python", "report.py"], "schedule": "30 2 * * *", "zone": "Europe/Paris"}


def test_a_command_is_scheduled_read_changed_and_deleted(viewer: Api, deployer: Api, placed: Placement) -> None:
    made = deployer.post(HERE, NIGHTLY)
    assert made.status_code == 201
    shown = made.json()
    assert {name: shown[name] for name in NIGHTLY} == NIGHTLY
    assert (shown["is_paused"], shown["saved_by"], shown["last_run"]) == (False, "deployer", None)
    number = shown["id"]
    assert viewer.get(f"/schedules/{number}").json() == shown
    assert [one["id"] for one in viewer.get("/schedules?application=hello&environment=development").json()] == [number]
    assert viewer.get("/schedules?environment=production").json() == []
    changed = deployer.patch(f"/schedules/{number}", {"schedule": "@hourly"}).json()
    assert (changed["schedule"], changed["name"]) == ("@hourly", "Report")
    paused = deployer.patch(f"/schedules/{number}", {"is_paused": True}).json()
    assert (paused["is_paused"], paused["next_at"]) == (True, None)
    assert deployer.patch(f"/schedules/{number}", {"is_paused": False}).json()["next_at"] is not None
    assert deployer.delete(f"/schedules/{number}").status_code == 204
    assert viewer.get(f"/schedules/{number}").status_code == 404
    assert viewer.get("/schedules").json() == []


def test_one_is_run_now_and_its_last_run_is_told(viewer: Api, deployer: Api, placed: Placement) -> None:
    number = deployer.post(HERE, NIGHTLY).json()["id"]
    run = deployer.post(f"/schedules/{number}/runs", {"reason": "to see"})
    assert (run.status_code, run.json()["schedule"], run.json()["due_at"]) == (201, number, None)
    assert run.json()["command"] == NIGHTLY["command"]
    assert viewer.get(f"/schedules/{number}").json()["last_run"]["id"] == run.json()["id"]
    assert viewer.get("/schedules").json()[0]["last_run"]["status"] == "queued"
    again = deployer.post(f"/schedules/{number}/runs")
    assert (again.status_code, again.json()["blockers"][0]["code"]) == (409, "job_runs")


def test_who_may_not_run_commands_only_reads(viewer: Api, deployer: Api, placed: Placement) -> None:
    number = deployer.post(HERE, NIGHTLY).json()["id"]
    for answer in (
        viewer.post(HERE, NIGHTLY),
        viewer.patch(f"/schedules/{number}", {"is_paused": True}),
        viewer.delete(f"/schedules/{number}"),
        viewer.post(f"/schedules/{number}/runs"),
    ):
        assert answer.json()["blockers"][0]["code"] == "role"
    assert ScheduledJob.objects.get().is_paused is False


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        ({"schedule": "every night"}, "schedule", "needs five fields, and has 2"),
        ({"schedule": "0 25 * * *"}, "schedule", "the hour “25” must be from 0 to 23"),
        ({"schedule": "0 0 31 2 *"}, "schedule", "never comes"),
        ({"schedule": "@reboot"}, "schedule", "@reboot is not known"),
        ({"zone": "Paris"}, "zone", "time zone"),
        ({"name": ""}, "name", ""),
        ({"command": []}, "command", ""),
        ({"every": "night"}, "every", ""),
    ],
)
def test_bad_input_names_its_field(
    deployer: Api, placed: Placement, wrong: dict[str, object], field: str, words: str
) -> None:
    answer = deployer.post(HERE, {**NIGHTLY, **wrong})
    assert answer.status_code == 422
    assert field in answer.json()["errors"][0]["field"]
    assert words in answer.json()["detail"]
    assert not ScheduledJob.objects.exists()
