"""A deployment that waits for approval, against a running Fairway: killed workers, passing others, two answers at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.services.installation import wait_for
from tests.services.other_people import token_of
from tests.workflows.desk import Desk


@pytest.fixture(scope="module")
def manager(fairway) -> str:
    return token_of(fairway, "manager")


@pytest.fixture(scope="module", autouse=True)
def strict(fairway) -> Iterator[None]:
    fairway.call("PATCH", "/environments/staging", {"approvals_needed": 1})
    yield
    fairway.call("PATCH", "/environments/staging", {"approvals_needed": 0})


def waits(desk: Desk, number: int) -> dict:
    """The deployment once it waits for people, built."""

    def is_there() -> bool:
        one = desk.fairway.deployment(number)
        return one["awaits_approval"] and one["status"] == "waiting" and bool(one["approvals"]["fingerprint"])

    wait_for(is_there, "it waits for approval")
    found: dict = desk.fairway.deployment(number)
    return found


def say(desk: Desk, token: str, one: dict, decision: str = "approve", comment: str = ""):
    body = {"decision": decision, "fingerprint": one["approvals"]["fingerprint"], "comment": comment}
    return desk.fairway.api("POST", f"/deployments/{one['id']}/approvals", body, token=token)


def test_it_is_built_waits_through_a_killed_worker_and_goes_live_when_approved(desk, manager):
    slug = desk.new("patience")
    number = desk.ship(slug, "1")
    one = waits(desk, number)
    assert one["digest"], "people approve bytes, not the name of a branch"
    assert desk.visit(slug).status == 404, "nothing is announced before it is approved"
    desk.kill_worker()
    assert say(desk, manager, one).status == 201
    assert desk.fairway.live(number)["approvals"]["given"] == 1
    desk.serves(slug, number, "1")
    desk.is_whole()


def test_others_pass_what_waits(desk, manager):
    slug = desk.new("passing")
    first = desk.ship(slug, "1")
    say(desk, manager, waits(desk, first))
    desk.fairway.live(first)
    waiting = waits(desk, desk.ship(slug, "2"))
    restarted = desk.act(slug, "restart")["id"]
    desk.fairway.live(restarted)
    desk.scale(slug, 2)
    assert desk.fairway.deployment(waiting["id"])["awaits_approval"]
    assert say(desk, manager, waiting).status == 201
    desk.fairway.live(waiting["id"])
    desk.serves(slug, waiting["id"], "2", replicas=2)


def test_a_newer_request_ends_what_waits_and_a_no_ends_the_newer(desk, manager):
    slug = desk.new("superseded")
    old = waits(desk, desk.ship(slug, "1"))
    newer = waits(desk, desk.ship(slug, "2"))
    ended = desk.fairway.ended(old["id"])
    assert (ended["status"], ended["sentence"]) == ("cancelled", f"Superseded by #{newer['id']}, requested later by admin.")
    assert say(desk, manager, newer, "reject", "Not today").status == 201
    ended = desk.fairway.ended(newer["id"])
    assert (ended["status"], ended["sentence"]) == ("cancelled", "Rejected by manager: Not today")
    assert not desk.names(slug)
    desk.is_whole()


def test_answers_that_come_together(desk, manager, fairway):
    """Approved and rejected at once, many times over: one of the two holds, and nothing goes live after a no."""
    slug = desk.new("together")
    for version in ("1", "2", "3"):
        one = waits(desk, desk.ship(slug, version))
        with ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(say, desk, manager, one, decision, "x") for decision in ["approve", "reject"] * 2]
        answers = [each.result().status for each in asked]
        assert set(answers) <= {201, 409}
        ended = fairway.ended(one["id"])
        assert ended["status"] in {"live", "cancelled"}, ended["sentence"]
        rejected = any(not each["is_approved"] for each in ended["approvals"]["answers"])
        assert rejected == (ended["status"] == "cancelled"), ended
