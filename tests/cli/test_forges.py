"""Statuses at the forge from the command line, against a real installation."""

from __future__ import annotations

from tests.cli.conftest import Fairway
from tests.services.installation import Installation

TOKEN = "glpat-0123456789"


def test_a_forge_is_connected_paused_and_disconnected(fairway: Fairway, running: Installation) -> None:
    running.create("told-shop", {"kind": "git", "url": "https://gitlab.acme.test/team/told-shop.git", "ref": "main"})
    assert fairway("forges", "connect", "told-shop", stdin="\n").code == 2
    made = fairway("forges", "connect", "told-shop", stdin=f"{TOKEN}\n")
    assert made.code == 0, made.err
    assert "team/told-shop is told of the deployments of told-shop" in made.out
    [one] = [one for one in fairway.json("forges", "list") if one["application"]["slug"] == "told-shop"]
    assert (one["kind"], one["api_url"]) == ("gitlab", "https://gitlab.acme.test/api/v4")
    assert TOKEN not in str(one)
    tried = fairway("forges", "try", "told-shop")
    assert (tried.code != 0, "gitlab.acme.test" in tried.err) == (True, True)
    assert "paused" in fairway("forges", "pause", "told-shop").out
    assert "paused" in fairway("forges", "list").out
    assert "works" in fairway("forges", "resume", "told-shop").out
    assert fairway("forges", "edit", "told-shop").code == 2
    assert "Nothing was sent yet" in fairway("forges", "reports", "told-shop").out
    assert fairway("forges", "disconnect", "told-shop").code == 2
    assert fairway("forges", "disconnect", "told-shop", "--confirm", "team/told-shop").code == 0
