"""Deploy on push from the command line, against a real installation."""

from __future__ import annotations

import json
from urllib.request import Request, urlopen

import pytest

from fairway.drivers.forges.signatures import PREFIX
from tests.cli.conftest import Fairway
from tests.services.forge import TOKEN, fake_forge
from tests.services.installation import Installation

URL = "https://git.example.com/team/shop.git"


@pytest.fixture(scope="module")
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


def test_its_webhook_is_installed_looked_at_and_removed(fairway: Fairway, running: Installation, shop: str) -> None:
    with fake_forge() as forge:
        forge.project = "team/shop"
        address = ("--kind", "github", "--api-url", forge.address)
        assert fairway("forges", "connect", shop, "--credential", "nothing", *address).code == 2
        assert fairway("forges", "connect", shop, *address, stdin=f"{TOKEN}\n").code == 0
        added = fairway("triggers", "add", shop, "--env", "development", "--branch", "main", "--install")
        assert (added.code, "The webhook is installed" in added.out, PREFIX in added.out) == (0, True, False)
        number = str(fairway.json("triggers", "list", shop)[0]["id"])
        assert "502" in fairway("triggers", "webhook", number).out
        assert "sends it again" in fairway("triggers", "redeliver", number, "9").out
        assert forge.redelivered == ["9"]
        assert "the forge has it" in fairway("triggers", "renew-secret", number).out
        assert fairway("triggers", "install-webhook", number).code == 0
        assert len(forge.hooks) == 1
        assert "removed" in fairway("triggers", "remove-webhook", number).out
        assert forge.hooks == {}
        forge.rights -= {"hooks"}
        where = (shop, "--env", "staging", "--branch", "main", "--install")
        refused = fairway("triggers", "add", *where)
        assert (refused.code != 0, "admin:repo_hook" in refused.err, PREFIX in refused.out) == (True, True, True)
    for one in fairway.json("triggers", "list", shop):
        fairway("triggers", "delete", str(one["id"]), "--confirm", "main")
    fairway("forges", "disconnect", shop, "--confirm", "team/shop")


def test_a_credential_that_can_list_nothing_is_told(fairway: Fairway) -> None:
    assert fairway("credentials", "repositories", "nothing").code == 2
