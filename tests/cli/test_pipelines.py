"""Pipelines from the command line, against a real installation."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Fairway
from tests.services.installation import Installation


@pytest.fixture
def shop(running: Installation) -> str:
    running.create("line-shop", {"kind": "image", "image": "registry.example.com/shop:1"})
    return "line-shop"


def test_a_stage_is_added_changed_paused_and_deleted(fairway: Fairway, shop: str) -> None:
    assert "Nothing is promoted automatically" in fairway("pipelines", "list", shop).out
    added = fairway("pipelines", "add", shop, "--from", "development", "--to", "staging", "--after", "30")
    assert (added.code, f"{shop} is promoted from development to staging after 30 min" in added.out) == (0, True)
    wrong = fairway("pipelines", "add", shop, "--from", "staging", "--to", "staging")
    assert (wrong.code, "already" in wrong.err) == (2, True)
    circle = fairway("pipelines", "add", shop, "--from", "staging", "--to", "development")
    assert (circle.code, "round in a circle" in circle.err) == (2, True)
    one = fairway.json("pipelines", "list", shop)[0]
    number = str(one["id"])
    assert (one["state"], one["after_minutes"]) == ("nothing", 30)
    assert "nothing runs in development" in fairway("pipelines", "list", shop).out
    assert "at once" in fairway("pipelines", "edit", number, "--after", "0").out
    assert "is paused" in fairway("pipelines", "pause", number).out
    assert "it is paused" in fairway("pipelines", "list", shop).out
    assert "is promoted from development to staging" in fairway("pipelines", "resume", number).out
    assert "has not promoted anything" in fairway("pipelines", "promotions", number).out
    refused = fairway("pipelines", "delete", number)
    assert (refused.code, "--confirm" in refused.err) == (2, True)
    assert fairway("pipelines", "delete", number, "--confirm", "staging").code == 0
    assert "Nothing is promoted automatically" in fairway("pipelines", "list", shop).out
