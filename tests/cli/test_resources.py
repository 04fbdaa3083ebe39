"""fairway resources: from a database to its deletion, each word of it against a real server."""

from __future__ import annotations

from fairway.cli import resources
from fairway.drivers.resources.engines import ENGINES
from tests.services.server_programs import bring_programs
from tests.services.waiting import wait_for

HERE = ("--env", "development")


def test_a_database_is_created_bound_backed_up_restored_and_deleted(fairway, running, tmp_path):
    bring_programs(running.data)
    assert "no resources" in fairway("resources", "list").out
    unknown = fairway("resources", "create", "oracle", "main", *HERE)
    assert (unknown.code, "no kind of resource" in unknown.err) == (2, True)
    assert fairway("--as", "viewer", "resources", "create", "postgres", "main", *HERE).code == 3
    made = fairway("resources", "create", "postgres", "main", *HERE)
    assert (made.code, "main is running on port" in made.out) == (0, True), made.err
    assert "PostgreSQL" not in made.err
    twice = fairway("resources", "create", "postgres", "main", *HERE)
    assert (twice.code, "exists already" in twice.err) == (2, True)
    assert "answers: version 18" in fairway("resources", "try", "main", *HERE).out
    assert "ready to accept connections" in fairway("resources", "logs", "main", *HERE).out

    running.create("boathouse", {"kind": "image", "image": "registry.test/boathouse:1"})
    nothing = fairway("resources", "backup", "main", *HERE)
    assert (nothing.code, "nothing to back up" in nothing.err) == (3, True)
    bound = fairway("resources", "bind", "main", "boathouse", *HERE, "--as", "stock")
    assert (bound.code, "STOCK_URL" in bound.out) == (0, True), bound.err
    shown = fairway.json("resources", "show", "main", *HERE)
    assert [one["alias"] for one in shown["bindings"]] == ["stock"]
    assert "STOCK_PASSWORD" in fairway("config", "show", "boathouse", *HERE).out

    assert fairway("resources", "backup", "main", *HERE).code == 0
    (backup,) = fairway.json("resources", "show", "main", *HERE)["backups"]
    assert backup["state"] == "verified"
    number = str(backup["id"])
    assert fairway("resources", "restore", number, "--into", "main", *HERE).code == 2
    assert fairway("resources", "restore", number, "--into", "main", *HERE, "--confirm", "main").code == 0
    assert fairway("resources", "download", number, "--to", str(tmp_path / "dump")).code == 0
    assert (tmp_path / "dump").read_bytes().startswith(b"PGDMP")

    assert "3 * * * UTC, next" in fairway("resources", "show", "main", *HERE).out
    often = fairway("resources", "schedule", "main", *HERE, "-s", "* * * * *")
    assert (often.code, "comes too often" in often.err) == (2, True)
    saved = fairway("resources", "schedule", "main", *HERE, "-s", "30 2 * * *", "--zone", "Europe/Paris", "--daily", "14")
    assert (saved.code, "30 2 * * * Europe/Paris, next" in saved.out, "keeps 14 daily" in saved.out) == (0, True, True)
    assert "no schedule" in fairway("resources", "schedule", "main", *HERE, "--off").out

    onto = ("resources", "clone", "main", "boathouse", *HERE, "--to", "development", "--into", "second")
    nowhere = fairway(*onto, "--confirm", "second")
    assert (nowhere.code, "no resource “second”" in nowhere.err) == (2, True)
    cloned = fairway(*onto, "--new")
    assert (cloned.code, "is being cloned into second" in cloned.out) == (0, True), cloned.err
    wait_for(lambda: fairway.json("resources", "show", "second", *HERE)["state"] == "running", "the new one runs")
    assert fairway("resources", "delete", "second", *HERE, "--confirm", "second", "--without-backup").code == 0

    renewed = fairway("resources", "new-password", "main", "boathouse", *HERE)
    assert (renewed.code, "the old one works until it is ended" in renewed.out) == (0, True), renewed.err
    assert fairway("resources", "end-password", "main", "boathouse", *HERE).code == 0

    kept = fairway("resources", "delete", "main", *HERE, "--confirm", "main")
    assert (kept.code, "bound to it" in kept.err) == (3, True)
    assert fairway("resources", "unbind", "main", "boathouse", *HERE).code == 2
    assert fairway("resources", "unbind", "main", "boathouse", *HERE, "--confirm", "boathouse").code == 0
    wait_for(lambda: not fairway.json("resources", "show", "main", *HERE)["bindings"], "it is unbound")
    assert fairway("resources", "stop", "main", *HERE).code == 0
    wait_for(lambda: fairway.json("resources", "show", "main", *HERE)["state"] == "stopped", "it is stopped")
    away = fairway("resources", "try", "main", *HERE)
    assert (away.code, "does not answer" in away.err) == (1, True)
    stopped = fairway("resources", "delete", "main", *HERE, "--confirm", "main")
    assert (stopped.code, "no last backup can be taken" in stopped.err) == (3, True)
    assert fairway("resources", "start", "main", *HERE).code == 0
    wait_for(lambda: fairway.json("resources", "show", "main", *HERE)["state"] == "running", "it runs again")
    deleted = fairway("resources", "delete", "main", *HERE, "--confirm", "main")
    assert (deleted.code, "its data is put aside" in deleted.out) == (0, True), deleted.err
    wait_for(lambda: "no resources" in fairway("resources", "list").out, "it is deleted")


def test_redis_is_created_tried_bound_and_downloaded(fairway, running, tmp_path):
    bring_programs(running.data, "redis")
    made = fairway("resources", "create", "redis", "cache", *HERE)
    assert (made.code, "cache is running on port" in made.out) == (0, True), made.err
    assert "answers: version 9.1.2" in fairway("resources", "try", "cache", *HERE).out
    running.create("cachehouse", {"kind": "image", "image": "registry.test/cachehouse:1"})
    bound = fairway("resources", "bind", "cache", "cachehouse", *HERE)
    assert (bound.code, "REDIS_URL" in bound.out) == (0, True), bound.err
    assert fairway("resources", "backup", "cache", *HERE).code == 0
    (backup,) = fairway.json("resources", "show", "cache", *HERE)["backups"]
    assert (backup["state"], backup["rows"]) == ("verified", {"keys": 0})
    assert fairway("resources", "download", str(backup["id"]), "--to", str(tmp_path / "dump")).code == 0
    assert (tmp_path / "dump").read_bytes()[:5] in {b"REDIS", b"VALKE"}
    assert fairway("resources", "unbind", "cache", "cachehouse", *HERE, "--confirm", "cachehouse").code == 0
    wait_for(lambda: not fairway.json("resources", "show", "cache", *HERE)["bindings"], "it is unbound")
    assert fairway("resources", "delete", "cache", *HERE, "--confirm", "cache").code == 0
    wait_for(lambda: "no resources" in fairway("resources", "list").out, "it is deleted")


def test_the_kinds_that_help_names_are_those_there_are():
    help_of_kind = resources.create_resource.__annotations__["kind"]
    assert all(kind in help_of_kind for kind in ENGINES)
