"""A whole installation, its heads, and an older backup put back: said at every door, and acknowledged at one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.safekeeping.test_backup import fairway
from tests.services.installation import Installation, wait_for

pytestmark = pytest.mark.timeout(600)


def rename(one: Installation, name: str) -> None:
    one.call("PATCH", "/environments/staging", {"name": name})


def test_an_older_backup_is_told_until_an_administrator_acknowledges_it(tmp_path: Path) -> None:
    one = Installation(tmp_path / "data", {"FAIRWAY_HEAD_SECONDS": "1"})
    kept, backup = tmp_path / "kept.jsonl", tmp_path / "saved.tar.gz"
    try:
        one.start()
        rename(one, "Before")
        saved = fairway("backup", backup, "--data", one.data)
        assert saved.returncode == 0, saved.stderr
        rename(one, "After")
    finally:
        one.stop()
    newest = json.loads(fairway("audit", "head", "--data", one.data).stdout)
    kept.write_text(fairway("audit", "head", "--all", "--data", one.data).stdout)
    whole = fairway("audit", "verify", "--data", one.data, "--head", kept)
    assert (whole.returncode, "signed heads say" in whole.stdout) == (0, True), whole.stdout + whole.stderr
    done = fairway("restore", backup, "--data", one.data, "--replace")
    assert done.returncode == 0, done.stderr
    assert f"had reached number {newest['event']}" in done.stdout
    broken = fairway("audit", "verify", "--data", one.data, "--json")
    assert (broken.returncode, json.loads(broken.stdout)["is_intact"]) == (1, False)
    assert fairway("audit", "verify", "--data", one.data, "--head", kept).returncode == 1
    try:
        one.start()
        cli = {"FAIRWAY_URL": f"http://localhost:{one.port}", "FAIRWAY_TOKEN": one.sign_in["token"]}
        wait_for(lambda: not one.call("GET", "/audit/verification")["is_intact"], "the worker finds it", seconds=90)
        told = fairway("audit", "verify", **cli)
        assert (told.returncode, "An older backup" in told.stdout + told.stderr) == (1, True), told
        assert fairway("audit", "verify", "--head", kept, **cli).returncode == 1
        acknowledged = fairway("audit", "acknowledge", "--reason", "the disk died", **cli)
        assert acknowledged.returncode == 0, acknowledged.stderr
        again = fairway("audit", "verify", **cli)
        assert (again.returncode, "An unbroken chain" in again.stdout) == (0, True), again
        (event,) = one.call("GET", "/events?verb=audit.acknowledged")["items"]
        assert (event["comment"], event["after"] or event["before"] != {}) == ("the disk died", True)
    finally:
        one.stop()
    assert fairway("audit", "verify", "--data", one.data).returncode == 0
