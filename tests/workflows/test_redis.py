"""Redis beside applications: used through a real client, killed at bad moments, copied, restored, its password changed."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from fairway.drivers.resources.redis_wire import Answered, Wire
from tests.services.server_programs import bring_programs
from tests.services.waiting import wait_for
from tests.workflows.counting import PLACE, counting, running
from tests.workflows.test_resources import STEPS, Writers, _environment, _step, _words, databases, numbers, says

__all__ = ["databases"]  # the fixture
VISITED = """
import os

import redis

CACHE = redis.Redis.from_url(os.environ["REDIS_URL"])


def visited(writes):
    if writes:
        CACHE.incr("visits")
    return int(CACHE.get("visits") or 0), CACHE.acl_whoami()
"""


@pytest.fixture(scope="module", autouse=True)
def programs(fairway):
    bring_programs(fairway.data, "redis")


@pytest.fixture(scope="module")
def cache(fairway):
    """The name of the server that these tests share."""
    return running(fairway, "redis", "cache")


@pytest.fixture(scope="module")
def counter(fairway, cache, tmp_path_factory):
    """An application that counts in it, bound and live."""
    return counting(fairway, cache, "counter", client="redis", visited=VISITED, folders=tmp_path_factory)


def test_an_application_counts_in_what_it_was_bound_to(databases, cache, counter):
    before = says(databases, counter)["count"]
    assert says(databases, counter, "/write")["count"] == before + 1
    configuration = databases.fairway.call("GET", f"/applications/{counter}/environments/staging/configuration")
    assert {"REDIS_HOST", "REDIS_PORT", "REDIS_DB", "REDIS_USER"} <= configuration["variables"].keys()
    assert "redis://" not in json.dumps(configuration)
    found = databases.fairway.call("POST", f"{PLACE}/{cache}/trial")
    assert found["version"].startswith("9.1")
    assert found["most_connections"] > found["connections"] >= 1


def test_its_password_is_nowhere_in_clear(databases, cache, counter):
    password = _environment(databases, counter)["REDIS_PASSWORD"]
    folder = databases.folder(cache)
    told = [
        databases.fairway.api("GET", f"{PLACE}/{cache}").text,
        databases.fairway.api("GET", f"{PLACE}/{cache}/log?lines=1000").text,
        databases.fairway.api("GET", "/events?limit=200&severity=detail").text,
        databases.fairway.log.read_text(),
        *(path.read_bytes().decode(errors="replace") for path in folder.rglob("*") if path.is_file()),
        *(" ".join(_words(place)) for place in Path("/proc").iterdir() if place.name.isdigit()),
    ]
    assert not any(password in text for text in told)


def test_a_new_password_loses_nothing_while_it_is_written(databases, cache, counter):
    path = f"{PLACE}/{cache}/bindings/{counter}"
    before = says(databases, counter)
    with Writers(databases, counter) as writers:
        databases.fairway.call("POST", f"{path}/password")
        renewed = databases.bound(cache, counter)
        databases.fairway.live(databases.fairway.deploy(counter))
        wait_for(lambda: renewed["login"] in writers.users, "somebody writes with the new password")
        databases.fairway.call("POST", f"{path}/end-previous")
        wait_for(lambda: not databases.bound(cache, counter)["previous_login"], "the old password is ended")
        so_far = writers.written
        wait_for(lambda: writers.written > so_far, "writing goes on")
    assert writers.failed == []
    assert writers.users == {before["user"], renewed["login"]}
    assert says(databases, counter)["count"] == before["count"] + writers.written


def test_a_backup_counts_once_it_was_restored_and_brings_back_what_was(databases, cache, counter):
    count = says(databases, counter, "/write")["count"]
    (found,) = databases.backed_up(cache)
    assert (found["state"], found["rows"]) == ("verified", {"keys": 1}), found["sentence"]
    assert not (databases.fairway.data / "backups" / f"{found['id']}.sealed").read_bytes().startswith(b"VALKEY")
    answer = databases.fairway.api("GET", f"/backups/{found['id']}/file")
    assert answer.body[:5] in {b"REDIS", b"VALKE"}
    says(databases, counter, "/write")
    wanted = {"environment": "staging", "name": cache, "confirmed": cache}
    databases.fairway.call("POST", f"/backups/{found['id']}/restoration", wanted)
    wait_for(lambda: databases.desk.events("backup.restored", subject_id=found["id"]), "it is restored")
    assert says(databases, counter)["count"] == count
    assert says(databases, counter, "/write")["count"] == count + 1
    assert not list((databases.fairway.data / "work").glob("resource-copy-*"))


def test_a_backup_is_taken_again_when_its_worker_was_killed(databases, cache, counter):
    """The worker dies while the throw-away server loads: the server dies with it, and the next worker follows."""
    url = _environment(databases, counter)
    with Wire.to(url["REDIS_HOST"], int(url["REDIS_PORT"]), url["REDIS_USER"], url["REDIS_PASSWORD"]) as wire:
        wire.ask("SELECT", url["REDIS_DB"])
        wire.ask_all(("SET", f"noise:{number}", os.urandom(10_000)) for number in range(5000))
    (made,) = databases.fairway.call("POST", f"{PLACE}/{cache}/backups")
    wait_for(lambda: _throw_aways(cache) or databases.backup(made["id"])["state"] != "taking", "it loads")
    databases.desk.kill_worker()
    wait_for(lambda: not _throw_aways(cache), "the throw-away server died with its worker")
    found = databases.settled(made["id"])
    assert (found["state"], found["rows"]) == ("verified", {"keys": 5001}), found["sentence"]
    assert not (databases.folder(cache) / "tmp" / "copy").exists()


def _throw_aways(name):
    return [
        place.name
        for place in Path("/proc").iterdir()
        if place.name.isdigit() and any(f"/{name}.staging." in word and word.endswith("/copy") for word in _words(place))
    ]


def test_killed_it_is_back_with_every_write_that_was_answered(databases, cache, counter):
    count = says(databases, counter, "/write")["count"]
    state = json.loads((databases.folder(cache) / "state.json").read_text())
    for pid in (state["app"][0], state["minder"][0]):
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: databases.desk.visit(counter).status == 200, "it answers again")
    assert says(databases, counter)["count"] == count
    assert len(databases.servers(cache)) == 1


@pytest.mark.parametrize("step", STEPS)
def test_the_worker_killed_in_a_step_leaves_one_server_on_its_data(databases, step):
    name = databases.ask(f"cut-redis{next(numbers)}", "redis")
    wait_for(lambda: _step(databases, name) == step or databases.shown(name)["state"] == "running", f"{step} has begun")
    databases.desk.kill_worker()
    databases.runs(name)
    assert databases.servers(name) == [databases.pid(name)]
    databases.fairway.call("POST", f"{PLACE}/{name}/deletion", {"confirmed": name})
    wait_for(lambda: databases.fairway.api("GET", f"{PLACE}/{name}").status == 404, "it is deleted")
    assert databases.servers(name) == []
    (away,) = (databases.fairway.data / "resources" / ".put-away").glob(f"{name}.staging.*")
    assert (away / "data" / "users.acl").exists()


def test_unbound_the_application_is_shut_out_and_bound_again_it_finds_its_keys(databases, cache, counter):
    """Last, because nothing of the application works in between."""
    count = says(databases, counter, "/write")["count"]
    url = _environment(databases, counter)
    databases.fairway.call("POST", f"{PLACE}/{cache}/bindings/{counter}/unbinding", {"confirmed": counter})
    wait_for(lambda: databases.shown(cache)["bindings"] == [], "it is unbound")
    with pytest.raises(Answered, match="WRONGPASS"):
        Wire.to(url["REDIS_HOST"], int(url["REDIS_PORT"]), url["REDIS_USER"], url["REDIS_PASSWORD"])
    databases.fairway.call("POST", f"{PLACE}/{cache}/bindings", {"application": counter})
    databases.bound(cache, counter)
    databases.fairway.live(databases.fairway.deploy(counter))
    assert says(databases, counter)["count"] == count
