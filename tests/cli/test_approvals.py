"""Protecting an environment and deciding about deployments from the command line, against a real installation."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Fairway
from tests.services.installation import Installation
from tests.services.other_people import token_of


@pytest.fixture
def manager(fairway: Fairway, running: Installation) -> Fairway:
    """Somebody else, who may approve."""
    return Fairway(fairway.url, token_of(running, "manager"), fairway.home)


@pytest.fixture
def strict(fairway: Fairway):
    fairway.json("envs", "protect", "staging", "--approvals", "1", "--approval-days", "2")
    yield
    fairway.json("envs", "protect", "staging", "--approvals", "0", "--proven-in", "", "--also-single")


def test_it_waits_is_shown_and_goes_live_once_approved(fairway: Fairway, manager: Fairway, strict: None, site: Path) -> None:
    said = fairway("deploy", "asked", "--path", str(site), "--env", "staging", "-m", "The sale")
    assert said.code == 5, said.err
    number = next(one["id"] for one in fairway.json("approvals") if one["application"]["slug"] == "asked")
    assert f"Deployment {number} waits for approval: 0 of 1, by a Release Manager or an Admin." in said.out
    assert f"fairway approve {number}" in said.out
    assert "The sale" in manager("approvals", COLUMNS="140").out
    own = fairway("approve", str(number), "--yes")
    assert own.code == 3
    assert "You requested this deployment" in own.err
    said = manager("approve", str(number), "--yes", "-m", "Fine")
    assert said.code == 0, said.err
    assert "nothing → " in said.err
    assert f"Deployment {number} is approved; it goes on by itself. Watch it: fairway watch {number}" in said.out
    assert fairway("watch", str(number)).code == 0


def test_a_no_ends_it(fairway: Fairway, manager: Fairway, strict: None, site: Path) -> None:
    assert fairway("deploy", "refused", "--path", str(site), "--env", "staging").code == 5
    number = next(one["id"] for one in fairway.json("approvals") if one["application"]["slug"] == "refused")
    said = manager("reject", str(number), "-m", "Not today")
    assert said.code == 0, said.err
    ended = fairway("watch", str(number))
    assert (ended.code, "Rejected by manager: Not today" in ended.out) == (4, True)
    again = manager("approve", str(number), "--yes")
    assert (again.code, "does not wait for an approval" in again.err) == (2, True)


def test_rules_are_said_in_sentences_and_in_the_way(fairway: Fairway, strict: None, site: Path) -> None:
    said = fairway(
        "envs", "protect", "staging", "--only-releases", "--proven-in", "development", "--proven-hours", "2",
        "--approver", "manager", "--approver-role", "release-manager",
    )  # fmt: skip
    assert said.code == 0, said.err
    assert "Deployments come here only as packages of a release." in said.out
    assert "healthy in Development for 2 hours without a break" in said.out
    assert "1 approval from manager or a Release Manager" in said.out
    assert "Deployments come here only" in fairway("envs", "show", "staging").out
    refused = fairway("deploy", "single", "--path", str(site), "--env", "staging")
    assert refused.code == 3
    assert "Staging takes deployments only through a release." in refused.err
    assert fairway("envs", "protect", "staging", "--approver", "nobody").code == 2
    lifted = fairway("envs", "protect", "staging", "--approver", "", "--approver-role", "", "--proven-in", "")
    assert "manager" not in lifted.out
