"""Service accounts from the command line, against a real installation."""

from __future__ import annotations

from tests.cli.conftest import Fairway


def test_it_is_created_gets_a_token_and_is_deactivated(fairway: Fairway) -> None:
    made = fairway.json("service-accounts", "create", "robot", "deployer@development", "--for", "nightly")
    assert made["grants"] == [{"role": "deployer", "environment": "development", "application": ""}]
    token = fairway.json("service-accounts", "token", "robot", "night", "--days", "3")
    assert fairway("whoami", FAIRWAY_TOKEN=token["token"]).out.count("robot") >= 1
    assert "night" in fairway("service-accounts", "tokens", "robot").out
    assert "deployer@development" in fairway("service-accounts", "list").out
    assert fairway.json("service-accounts", "roles", "robot", "viewer")["grants"][0]["role"] == "viewer"
    assert fairway("service-accounts", "revoke", "robot", str(token["id"])).code == 0
    assert fairway("whoami", FAIRWAY_TOKEN=token["token"]).code != 0
    assert fairway("service-accounts", "deactivate", "robot").code == 0
    assert "Deactivated" in fairway("service-accounts", "list").out
    assert "person" not in fairway("service-accounts", "deactivate", "nobody").out
    assert fairway("service-accounts", "deactivate", "nobody").code != 0
