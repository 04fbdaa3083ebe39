"""fairway sign-in: the client secret comes by stdin, and what is given changes while the rest stays."""

from __future__ import annotations


def test_a_provider_is_set_changed_tried_and_removed(fairway):
    assert "No provider is set up" in fairway("sign-in", "list").out
    made = ("sign-in", "set", "company", "--issuer", "https://nobody.invalid", "--client-id", "fairway")
    said = fairway(*made, "--role", "dev=deployer", "--groups-claim", "groups", stdin="hunter22\n")
    assert (said.code, "hunter22" in said.out + said.err) == (0, False)
    assert "/accounts/sign-in/company/callback" in said.out
    changed = fairway.json("sign-in", "set", "company", "--title", "The company", "--keep-secret")
    assert (changed["name"], changed["client_id"], changed["roles"]) == (
        "The company",
        "fairway",
        [{"group": "dev", "role": "deployer", "environment": "", "application": ""}],
    )
    moved = fairway("sign-in", "set", "company", "--issuer", "https://other.invalid", "--keep-secret")
    assert moved.code != 0
    assert "never sent to another provider" in moved.err
    tried = fairway("sign-in", "try", "company")
    assert tried.code != 0
    assert "There is no machine called “nobody.invalid”" in tried.err
    assert fairway("sign-in", "set", "new", "--issuer", "https://x.invalid", "--keep-secret").code != 0
    assert fairway("--as", "viewer", "sign-in", "list").code == 3
    assert "everybody who has one" in fairway("sign-in", "passwords").out
    refused = fairway("sign-in", "passwords", "emergency", "--account", "nobody")
    assert refused.code != 0
    assert "“nobody” is not an active Admin" in refused.err
    as_before = {"passwords": "everybody", "emergency": [], "two_step_required": False}
    assert fairway.json("sign-in", "passwords") == as_before
    assert "required of everybody" in fairway("sign-in", "passwords", "--require-two-step").out
    assert fairway.json("sign-in", "passwords", "everybody")["two_step_required"] is True, "it stays as it was"
    assert fairway.json("whoami")["username"] == "admin", "a token is not asked for a code"
    assert fairway.json("sign-in", "passwords", "--no-require-two-step") == as_before
    assert fairway("sign-in", "remove", "company").code == 0
    assert "No provider is set up" in fairway("sign-in", "list").out
