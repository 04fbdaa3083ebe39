"""A release from the command line: made, rolled out for real, decided, taken back; and its exit codes."""

from __future__ import annotations

import itertools
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Fairway
from tests.services.installation import Installation, wait_for

shops = itertools.count(1)
CRASH = "import sys\nsys.exit('out of cheese')\n"


def committed(place: Path, tag: str, files: dict[str, str]) -> str:
    """A commit holding exactly these files, tagged; returns the address that a package is entered as."""
    for old in place.iterdir():
        if old.name != ".git":
            old.unlink()
    for name, text in files.items():
        (place / name).write_text(text)
    git = ["git", "-C", str(place), "-c", "user.name=Test", "-c", "user.email=test@example.com"]
    for words in (["add", "-A"], ["commit", "-qm", tag], ["tag", tag]):
        subprocess.run([*git, *words], check=True, capture_output=True)
    return f"file://{place}#{tag}"


def repository(place: Path) -> Path:
    place.mkdir()
    subprocess.run(["git", "init", "-qb", "main", str(place)], check=True, capture_output=True)
    return place


@pytest.fixture
def shop(fairway: Fairway, tmp_path: Path) -> tuple[str, dict[str, Path]]:
    """A release of three packages, each in a repository of its own: web needs api needs db."""
    mark = f"shop{next(shops)}"
    names = {name: f"{name}-{mark}" for name in ("db", "api", "web")}
    places = {one: repository(tmp_path / one) for one in names.values()}
    sources = {one: committed(place, "v1", {"index.html": f"<h1>{one} 1</h1>"}) for one, place in places.items()}
    title = f"{mark}@1"
    fairway.json("releases", "create", mark, "--version", "1", "-t", "development", "-t", "staging")
    db, api, web = names.values()
    fairway.json("releases", "add", title, db, sources[db], "--stage", "ready")
    fairway.json("releases", "add", title, api, sources[api], "--stage", "ready", "--needs", db)
    pasted = fairway(
        "releases", "paste", title, "-", "--json", stdin=f"name,version,needs,stage\n{web},{sources[web]},{api},ready\n"
    )
    assert [row["needs"] for row in pasted.json] == [[api]], pasted.err
    for name in names.values():
        assert fairway.json("releases", "set", title, name, "--stage", "ready", "--wait")["resolution"] == "resolved"
    return title, places


def statuses(fairway: Fairway, title: str, env: str = "development") -> list[str]:
    rows = fairway.json("releases", "show", title)["matrix"]
    return [cell["status"] for row in rows for cell in row["targets"] if cell["environment"] == env]


def test_a_release_is_distributed_rolled_out_and_taken_back(
    fairway: Fairway, shop: tuple[str, dict[str, Path]], running: Installation
) -> None:
    title, places = shop
    db, api, web = places
    begun = fairway.json("releases", "distribute", title, "--env", "development", "--wait")
    assert (sorted(begun["started"]), begun["failed"]) == (sorted(places), [])
    assert statuses(fairway, title) == ["distributed"] * 3
    refused = fairway("releases", "deploy", title, web, "--env", "development")
    assert (refused.code, f"{web} needs {api}" in refused.err) == (3, True)
    assert fairway.json("releases", "deploy", title, db, "--env", "development")["status"] == "live"
    said = fairway("releases", "rollout", title, "--env", "development", "--parallel", "2")
    assert said.code == 0, said.err
    assert "Done" in said.out
    levels = [line.split()[-3:] for line in said.err.splitlines() if " Deployed " in line]
    assert levels[-2:] == [["2", "of", "3"], ["3", "of", "3"]]
    assert running.visit(f"{web}.development.localhost").text == f"<h1>{web} 1</h1>"

    unsaid = fairway("releases", "fallback", title, "--env", "development")
    assert (unsaid.code, "--confirm development" in unsaid.err) == (2, True)
    assert fairway("releases", "fallback", title, "--env", "development", "--yes").code == 2, "it takes applications down"
    foretold = [line.split()[1] for line in unsaid.err.splitlines() if "nothing: none ran before" in line]
    assert foretold == [web, api, db]
    assert statuses(fairway, title) == ["deployed"] * 3
    back = ["releases", "fallback", title, web, "--env", "development"]
    assert fairway(*back).code == 2
    assert fairway.json(*back, "--confirm", "development")["targets"][0]["status"] == "distributed"
    assert fairway("releases", "fallback", title, "--env", "development", "--confirm", "development").code == 0
    assert statuses(fairway, title) == ["distributed"] * 3
    assert running.visit(f"{web}.development.localhost").status == 404
    assert [one["direction"] for one in fairway.json("releases", "rollouts", title)] == ["back", "forward"]


def test_a_rollout_that_stands_still_exits_5_with_its_choices(fairway: Fairway, shop: tuple[str, dict[str, Path]]) -> None:
    title, places = shop
    db, api, web = places
    broken = committed(places[api], "v2", {"Procfile": "web: python crash.py\n", "crash.py": CRASH, "requirements.txt": ""})
    fairway.json("releases", "set", title, api, "--source", broken, "--wait")
    said = fairway("releases", "rollout", title, "--env", "staging")
    assert said.code == 5, said.err
    assert "exited with code 1" in said.out
    rows = fairway.json("releases", "rollouts", title)
    number = str(rows[0]["id"])
    assert f"fairway releases decide {number} retry|skip|fall_back_all|stop" in said.out
    assert f"{db} → Fallen back" in said.out
    shown = fairway("releases", "show", title)
    assert ("Needs a decision" in shown.out, "In progress" in shown.out) == (True, True)

    again = fairway("releases", "watch", number, "--json")
    assert (again.code, [one["choice"] for one in again.json["choices"]]) == (5, ["retry", "skip", "fall_back_all", "stop"])
    assert fairway("releases", "decide", number, "perhaps").code == 2
    skipped = fairway("releases", "decide", number, "skip", "-m", "without it", "--json")
    assert (skipped.code, skipped.json["status"]) == (0, "succeeded")
    assert statuses(fairway, title, "staging")[1] == "deployed"
    late = fairway("releases", "decide", number, "stop")
    assert (late.code, "is not waiting for a decision" in late.err) == (3, True)

    assert fairway("releases", "rollout", title, "--env", "staging", "--no-wait").code == 0
    number = str(fairway.json("releases", "rollouts", title)[0]["id"])
    assert fairway("releases", "watch", number).code == 5
    back = fairway("releases", "decide", number, "fall-back-all")
    assert (back.code, "Fallen back" in back.out) == (0, True)


def test_a_release_is_sealed_answered_and_planned(fairway: Fairway, shop: tuple[str, dict[str, Path]]) -> None:
    assert fairway("envs", "protect", "staging", "--approvals", "1").code == 0
    try:
        _is_sealed_answered_and_planned(fairway, shop[0])
    finally:
        fairway("envs", "protect", "staging", "--approvals", "0")


def _is_sealed_answered_and_planned(fairway: Fairway, title: str) -> None:
    early = fairway("releases", "approve", title, "--env", "staging", "--yes")
    assert (early.code, "is not sealed" in early.err) == (2, True)
    sealed = fairway.json("releases", "seal", title)
    assert (sealed["status"], sealed["is_sealed"]) == ("sealed", True)
    own = fairway("releases", "approve", title, "--env", "staging", "--yes")
    assert (own.code, "somebody else" in own.err) == (3, True)
    assert "nothing → " in own.err  # what it would change was shown first
    assert (
        fairway.json("releases", "reject", title, "--env", "staging", "-m", "Not on a Friday")["comment"]
        == "Not on a Friday"
    )
    assert "Not on a Friday" in fairway("releases", "approvals", title).out
    at = ("--env", "staging", "--at", "2031-03-30T02:30", "--zone", "Europe/Paris")
    planned = fairway("releases", "schedule", title, *at)
    assert (planned.code, "2031-03-30 01:00 UTC" in planned.out) == (0, True), (
        planned.err
    )  # skipped by the clock: the change
    moved = fairway.json("releases", "reschedule", title, *at[:3], "2031-07-01T20:00", *at[4:], "--start-by", "30")
    assert (moved["planned_at"], moved["start_by"]) == ("2031-07-01T18:00:00Z", "2031-07-01T18:30:00Z")
    assert "2031-07-01 20:00 Europe/Paris" in fairway("releases", "show", title).out
    assert fairway("envs", "lock", "staging", "-m", "moving house").code == 0
    try:
        assert "moving house" in fairway("releases", "ready", title).out
        assert "moving house" in fairway("releases", "reschedule", title, *at).err
    finally:
        fairway("envs", "unlock", "staging")
    assert fairway.json("releases", "unschedule", title, "--env", "staging")["status"] == "cancelled"
    assert fairway("releases", "unschedule", title, "--env", "staging").code == 2
    assert fairway.json("releases", "unseal", title, "--yes")["is_sealed"] is False
    old = fairway("releases", "freeze", title)  # the old name, hidden
    assert (old.code, "is sealed" in old.out) == (0, True), old.err
    assert fairway.json("releases", "unseal", title, "--yes")["is_sealed"] is False
    assert fairway.json("releases", "approvals", title) == []


def test_a_release_as_a_file_and_by_name(fairway: Fairway, shop: tuple[str, dict[str, Path]], tmp_path: Path) -> None:
    title, places = shop
    db, api, web = places
    name = title.partition("@")[0]
    file = tmp_path / "release.yaml"
    file.write_text(fairway("releases", "export", title).out)
    assert fairway.json("releases", "plan", str(file)) == []
    file.write_text(f"release: {name}\nversion: 1\npackages:\n  {db}: {{source: 'file://{places[db]}#v1', needs: [{web}]}}\n"
                    f"  {web}: file://{places[web]}#v1\n")  # fmt: skip
    planned = fairway("releases", "plan", str(file)).out
    assert {f"− {api}", f"+ {db} needs {web}", f"~ {db}  registered"} <= set(planned.splitlines())
    asked = fairway("releases", "apply", str(file))
    assert (asked.code, "--yes" in asked.err, len(statuses(fairway, title))) == (2, True, 3)
    assert "4 changes made" in fairway("releases", "apply", str(file), "--yes").out
    assert "nothing to change" in fairway("releases", "apply", "-", "-y", stdin=file.read_text()).out

    cloned = fairway.json("releases", "clone", name, "--version", "2")
    either = fairway("releases", "show", name)
    assert (either.code, title in either.err, f"{name}@2 (#{cloned['id']})" in either.err) == (2, True, True)
    assert fairway.json("releases", "show", f"#{cloned['id']}")["version"] == "2"
    assert fairway.json("releases", "edit", f"{name}@2", "--description", "New")["description"] == "New"
    assert fairway("releases", "cancel", f"{name}@2", "-m", "No more").code == 0
    assert [one["name"] for one in fairway.json("releases", "list", "--status", "cancelled")][:1] == [name]
    wrong = fairway("releases", "delete", f"{name}@2", "--confirm", name)
    assert (wrong.code, f"--confirm {name}@2" in wrong.err) == (2, True)
    assert fairway("releases", "delete", f"{name}@2", "--confirm", f"{name}@2").code == 0
    assert fairway.json("releases", "undepend", name, db, web)["needs"] == []
    cycle = fairway("releases", "depend", name, db, db)
    assert (cycle.code, f"{db} → {db}" in cycle.err) == (2, True)
    assert fairway.json("releases", "remove", name, web)["is_removed"] is True


def test_what_cannot_be_resolved_is_said_at_once(fairway: Fairway, tmp_path: Path) -> None:
    fairway.json("releases", "create", "Lost", "--version", "1")
    said = fairway("releases", "add", "Lost", "ghost", f"file://{tmp_path}/nowhere#v1", "--wait")
    assert (said.code, "There is no repository" in said.err, "releases set Lost@1 ghost" in said.err) == (1, True, True)
    assert "Cannot be resolved" in fairway("releases", "show", "Lost").out


def test_a_release_of_what_runs(fairway: Fairway, site: Path) -> None:
    live = fairway.json("deploy", "running-site", "--path", str(site), "--env", "development")
    made: Any = fairway.json("releases", "create", "Snapshot", "--version", "1", "--from", "development")
    assert "running-site" in made["packages"]
    rows = {row["name"]: row for row in fairway.json("releases", "show", "Snapshot")["matrix"]}
    assert rows["running-site"]["digest"] == live["digest"]


def test_ctrl_c_and_cancel(fairway: Fairway, shop: tuple[str, dict[str, Path]]) -> None:
    title, places = shop
    db = next(iter(places))
    slow = {"Procfile": "web: python wait.py\n", "wait.py": "import time\ntime.sleep(600)\n", "requirements.txt": ""}
    fairway.json("releases", "set", title, db, "--source", committed(places[db], "v9", slow), "--wait")
    begun = fairway.json("releases", "rollout", title, "--env", "development", "--no-wait")
    path = ("releases", "watch", str(begun["id"]))

    def is_deploying() -> bool:
        rows = fairway.json("releases", "rollouts", title)
        return rows[0]["status"] == "running" and "deploying" in statuses(fairway, title)

    wait_for(is_deploying, "a package is being deployed")
    assert fairway("releases", "delete", title, "--confirm", title).code == 3
    assert fairway("releases", "cancel-rollout", str(begun["id"]), "-m", "enough").code == 0
    ended = fairway(*path, "--json")
    assert (ended.code, ended.json["status"]) == (4, "cancelled")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("create", "X"), "--version"),
        (("create", " ", "--version", "1"), "name"),
        (("create", "X", "--version", "1", "--manager", "nobody"), "nobody"),
        (("create", "X", "--version", "1", "-t", "mars"), "mars"),
        (("create", "X", "--version", "1", "--description", "x" * 10_001), "description"),
        (("show", "nothing"), "nothing"),
        (("show", "999999"), "999999"),
        (("list", "--status", "nonsense"), "status"),
        (("add", "nothing", "x", "y"), "nothing"),
        (("plan", "/no/such/file"), "cannot be read"),
        (("decide", "999999", "retry"), "999999"),
        (("rollout", "nothing", "--env", "staging", "--parallel", "17"), "parallel"),
    ],
)
def test_bad_input_exits_2_and_says_where(fairway: Fairway, arguments: tuple[str, ...], words: str) -> None:
    said = fairway("releases", *arguments)
    assert (said.code, said.out) == (2, ""), said
    assert words in said.err
