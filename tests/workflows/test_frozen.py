"""A freeze against a running Fairway: running work finishes, queued work waits, going back is always possible."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.services.installation import wait_for
from tests.workflows.desk import Desk


def frozen(desk, slug: str) -> int:
    """Freezes the application at once, for some hours."""
    starts = datetime.now(UTC) - timedelta(hours=1)
    body = {"name": "Quiet", "reason": "Nobody is here", "zone": "UTC", "applications": [slug], "ends": "3h"}
    number: int = desk.fairway.call("POST", "/freezes", {**body, "starts": starts.strftime("%Y-%m-%dT%H:%M")})["id"]
    return number


@pytest.fixture(scope="module", autouse=True)
def patient(fairway, tmp_path_factory):
    """What waits for the end of a freeze, and has lost its worker meanwhile: (desk, slug, deployment, end of the freeze).

    A freeze ends on a full minute: this begins before the other tests of this file and is looked at after them.
    """
    desk = Desk(fairway, tmp_path_factory.mktemp("patient"))
    slug, _ = desk.launched("patient")
    number = frozen(desk, slug)
    waiting = desk.fairway.deploy(slug, source=desk.source("2"), when_open=True)
    wait_for(lambda: status(desk, waiting) == "waiting", "it waits")
    desk.kill_worker()
    ends = (datetime.now(UTC) + timedelta(seconds=70)).replace(second=0, microsecond=0)
    desk.fairway.call("PATCH", f"/freezes/{number}", {"ends": ends.strftime("%Y-%m-%dT%H:%M")})
    return desk, slug, waiting, ends


@pytest.fixture
def freeze(desk):
    """Freezes an application at once; ended when the test is over."""
    made = []

    def begin(slug: str) -> int:
        made.append(frozen(desk, slug))
        return made[-1]

    yield begin
    for number in made:
        desk.fairway.api("DELETE", f"/freezes/{number}")


def status(desk, number: int) -> str:
    found: str = desk.fairway.deployment(number)["status"]
    return found


def test_what_runs_finishes_what_is_queued_waits_and_going_back_works(desk, freeze):
    slug, first = desk.launched("frozen")
    desk.fairway.live(desk.ship(slug, "2"))
    hold = desk.gate()
    running = desk.ship(slug, "3", build_held_by=hold.port)
    desk.fairway.reached(running, "prepare")
    queued = desk.ship(slug, "4")
    number = freeze(slug)
    refused = desk.fairway.api("POST", "/deployments", {"application": slug, "environment": "staging"})
    assert (refused.status, [one["code"] for one in refused.json["blockers"]]) == (409, ["frozen"])
    hold.open()
    desk.fairway.live(running)
    wait_for(lambda: status(desk, queued) == "waiting", "the queued one waits")
    assert "Quiet" in desk.events("deployment.waiting", subject_id=queued)[0]["comment"]
    desk.settles(slug, running, "3")  # also with what it left to the next one, which may wait for days
    back = desk.roll_back(slug, to=first)
    desk.fairway.live(back)
    desk.settles(slug, back, "1")
    assert status(desk, queued) == "waiting"
    desk.fairway.call("DELETE", f"/freezes/{number}")
    found = desk.fairway.ended(queued)
    assert found["status"] == "failed"
    assert "this older one is not deployed" in found["sentence"], "something newer went live while it waited"


def test_it_waits_no_longer_than_its_limit(desk, freeze):
    slug, first = desk.launched("limited")
    freeze(slug)
    source = desk.source("2")
    limit = datetime.now(UTC) + timedelta(seconds=4)
    waiting = desk.fairway.deploy(slug, source=source, when_open=True, start_by=limit.isoformat())
    found = desk.fairway.ended(waiting)
    assert found["status"] == "failed"
    assert "Quiet" in found["sentence"]
    desk.serves(slug, first, "1")


def test_a_deployment_that_waits_can_be_cancelled(desk, freeze):
    slug, first = desk.launched("regretted")
    freeze(slug)
    waiting = desk.fairway.deploy(slug, source=desk.source("2"), when_open=True)
    wait_for(lambda: status(desk, waiting) == "waiting", "it waits")
    desk.cancel(waiting)
    assert desk.fairway.ended(waiting)["status"] == "cancelled"
    desk.serves(slug, first, "1")


def test_what_may_wait_starts_by_itself_when_the_freeze_is_over_even_after_a_crash(patient):
    desk, slug, waiting, ends = patient
    found = desk.fairway.live(waiting)
    assert datetime.fromisoformat(found["switched_at"]) >= ends
    desk.serves(slug, waiting, "2")
