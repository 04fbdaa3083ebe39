"""fairway resources: from a database to its deletion, each word of it against a real server."""

from __future__ import annotations

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
    assert fairway("resources", "start", "main", *HERE).code == 0
    assert fairway("resources", "delete", "main", *HERE, "--confirm", "main").code == 0
    wait_for(lambda: "no resources" in fairway("resources", "list").out, "it is deleted")
