"""Deploy on push from the command line, against a real installation."""

from __future__ import annotations

import json
from urllib.request import Request, urlopen

import pytest

from fairway.drivers.forges.signatures import PREFIX
from tests.cli.conftest import Fairway
from tests.services.installation import Installation

URL = "https://git.example.com/team/shop.git"


@pytest.fixture
def shop(running: Installation) -> str:
    running.create("pushed-shop", {"kind": "git", "url": URL, "ref": "main"})
    return "pushed-shop"


def test_a_trigger_is_added_called_changed_and_deleted(fairway: Fairway, running: Installation, shop: str) -> None:
    where = (shop, "--env", "development")
    assert fairway("triggers", "add", *where).code == 2
    assert fairway("triggers", "add", *where, "--branch", "main", "--requests-into", "main").code == 2
    assert fairway("triggers", "add", *where, "--branch", "main", "--tag", "v*").code == 2
    wrong = fairway("triggers", "add", *where, "--branch", "refs/heads/main")
    assert (wrong.code, "give the name alone" in wrong.err) == (2, True)
    added = fairway("triggers", "add", *where, "--branch", "main", "--path", "shop/")
    assert added.code == 0
    assert [word in added.out for word in (f"A push to main in shop/ deploys {shop}", "/hooks/", PREFIX)] == [True] * 3
    one = fairway.json("triggers", "list", shop)[0]
    number = str(one["id"])
    secret = fairway.json("triggers", "renew-secret", number)["secret"]
    told = {"ref": "refs/heads/other", "after": "1" * 40, "repository": {"clone_url": URL}}
    place = f"http://127.0.0.1:{running.port}/hooks/{one['url'].rpartition('/')[2]}"
    headers = {"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": secret, "Host": "localhost"}
    with urlopen(Request(place, json.dumps(told).encode(), headers)) as answer:
        assert json.load(answer)["status"] == "ignored"
    shown = fairway("triggers", "deliveries", number).out
    assert [word in shown for word in ("gitlab", "1111111", "is not one that is deployed here")] == [True] * 3
    assert "is paused" in fairway("triggers", "pause", number).out
    assert "paused" in fairway("triggers", "list", shop).out
    assert "A push to main in shop/ deploys" in fairway("triggers", "resume", number).out
    assert "A push to tag v* deploys" in fairway("triggers", "edit", number, "--tag", "v*", "--path", "").out
    refused = fairway("triggers", "delete", number)
    assert (refused.code, "--confirm" in refused.err) == (2, True)
    assert fairway("triggers", "delete", number, "--confirm", "v*").code == 0
    assert "Nothing is deployed on push" in fairway("triggers", "list", shop).out
