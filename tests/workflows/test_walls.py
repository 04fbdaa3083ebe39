"""A hostile application in a real installation: web, worker, proxy and another application are what it attacks."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from fairway.drivers.wall.abilities import abilities
from tests.drivers.wall.stage import ATTACKER
from tests.services.installation import Installation, ask, installed


def post(one: Installation, path: str, content: dict[str, object]) -> dict[str, object]:
    headers = {"Host": f"evil.staging.localhost:{one.proxy_port}", "Content-Type": "application/json"}
    answer = ask(one.proxy_port, "POST", path, headers, json.dumps(content).encode())
    assert answer.status == 200, answer.text
    found: dict[str, object] = answer.json
    assert "error" not in found, found
    return found


@pytest.mark.skipif(not abilities().stands("files"), reason="needs Landlock")
def test_a_deployed_application_reaches_nothing_of_fairway(tmp_path: Path) -> None:
    with installed(tmp_path / "data") as one:
        for slug in ("evil", "other"):
            one.create(slug, one.upload(ATTACKER))
            number = one.deploy(slug)
            one.live(number)
        assert "Wall (files): " in one.log_of(number)
        data = one.data
        (other,) = one.instances("other")
        secrets = [
            *(data / "keys").iterdir(),
            data / "fairway.sqlite3",
            data / "caddy" / "token",
            data / "demo" / "sign-in.json",
        ]
        targets = {
            "files": [*map(str, secrets), str(other / "work/app/main.py"), str(other / "state.json")],
            "folders": [str(data), str(data / "caddy" / "routes"), str(other)],
            "pids": list(one.processes().keys() - _own_processes(one)),
            "ports": [
                one.port,
                *(json.loads((place / "instance.json").read_text())["port"] for place in one.instances("other")),
            ],
            "sockets": [str(data / "caddy" / "admin.sock")],
            "words": [(data / "caddy" / "token").read_text().strip()],
            "variables": ["FAIRWAY_DATA", "FAIRWAY_PORT", "FAIRWAY_DATABASE_URL"],
        }
        assert len(targets["pids"]) >= 5  # supervisor, web, worker, proxy, the other's shim
        reached = post(one, "/attack", targets)
        own_view = {"listed", "made", "mode", "renamed"} | (set() if abilities().own_user else {"descriptors"})
        assert {name: hits for name, hits in reached.items() if hits and name not in own_view} == {}
        assert all(secret.exists() for secret in secrets)
        assert sqlite3.connect(data / "fairway.sqlite3").execute("PRAGMA quick_check").fetchone() == ("ok",)
        assert post(one, "/work", {})["network"]
        walls = one.call("GET", "/environments/staging")["runtime_now"]["walls"]
        assert {wall["name"]: wall["stands"] for wall in walls}["files"]


def _own_processes(one: Installation) -> set[int]:
    """The attacker's own, which it may look at; its shim it may not."""
    (mine,) = one.instances("evil")
    return {json.loads((mine / "state.json").read_text())["app"][0]}
