"""Previews from the command line, against a real installation."""

from __future__ import annotations

import hashlib
import hmac
import json
from urllib.request import Request, urlopen

from tests.cli.conftest import Fairway
from tests.services.installation import Installation

URL = "https://git.example.com/team/shown.git"
COMMIT = "a" * 40


def test_previews_are_listed_approved_kept_and_removed(fairway: Fairway, running: Installation) -> None:
    running.create("shown", {"kind": "git", "url": URL, "ref": "main"})
    assert "There are no previews" in fairway("previews", "list", "shown").out
    added = fairway("triggers", "add", "shown", "--env", "development", "--requests-into", "main")
    assert "Each request into main has a preview of shown in development" in added.out
    secret = next(line for line in added.out.splitlines() if line.startswith("Secret:")).split()[1]
    address = next(line for line in added.out.splitlines() if line.startswith("Webhook:")).split("/hooks/")[1]
    request = {
        "number": 12, "state": "open", "title": "Fix it", "user": {"login": "grace"},
        "head": {"ref": "fix", "sha": COMMIT, "repo": {"id": 2}}, "base": {"ref": "main", "repo": {"id": 1}},
    }  # fmt: skip
    body = json.dumps({"action": "opened", "repository": {"clone_url": URL}, "pull_request": request}).encode()
    signed = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-GitHub-Event": "pull_request", "Host": "localhost"}
    headers["X-Hub-Signature-256"] = f"sha256={signed}"
    with urlopen(Request(f"http://127.0.0.1:{running.port}/hooks/{address}", body, headers)) as answer:
        assert answer.status == 202
    assert "waits for approval" in fairway("previews", "list", "shown").out
    shown = fairway("previews", "show", "shown", "12").out
    assert "fairway previews approve shown 12" in shown
    assert fairway("previews", "show", "shown", "13").code == 2
    assert "newest" in fairway("previews", "approve", "shown", "12", "--commit", "b" * 40).err
    assert "is approved" in fairway("previews", "approve", "shown", "12", "--commit", COMMIT).out
    assert "stays until" in fairway("previews", "keep", "shown", "12").out
    assert fairway("previews", "remove", "shown", "12").code != 0, "not without its name"
    assert "is being removed" in fairway("previews", "remove", "shown", "12", "--confirm", "shown").out
    assert fairway.json("previews", "list", "shown", "--ended")[0]["end"] == "person"
