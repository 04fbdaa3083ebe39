"""MariaDB beside applications: used through a real client, its password changed, killed at bad moments, copied, restored."""

from __future__ import annotations

import json
import os
import signal

import pymysql
import pytest

from tests.services.server_programs import bring_programs
from tests.services.waiting import wait_for
from tests.workflows.counting import PLACE, counting, running
from tests.workflows.test_resources import STEPS, Writers, _environment, _step, databases, numbers, says

__all__ = ["databases"]  # the fixture
VISITED = """
import os
from urllib.parse import unquote, urlsplit

import pymysql

URL = urlsplit(os.environ["DATABASE_URL"])
assert URL.scheme == "mysql"


def connected():
    where = {"host": URL.hostname, "port": URL.port, "user": unquote(URL.username), "password": unquote(URL.password)}
    return pymysql.connect(**where, database=URL.path.strip("/"), autocommit=True)


def ask(connection, words):
    with connection.cursor() as cursor:
        cursor.execute(words)
        return cursor.fetchone()


with connected() as connection:
    ask(connection, "CREATE TABLE IF NOT EXISTS visits (who VARCHAR(80))")


def visited(writes):
    with connected() as connection:
        if writes:
            ask(connection, "INSERT INTO visits VALUES (CURRENT_USER())")
        return ask(connection, "SELECT COUNT(*), SUBSTRING_INDEX(CURRENT_USER(), '@', 1) FROM visits")
"""


@pytest.fixture(scope="module", autouse=True)
def programs(fairway):
    bring_programs(fairway.data, "mariadb")


@pytest.fixture(scope="module")
def main(fairway):
    """The name of the server that these tests share."""
    return running(fairway, "mariadb", "maria")


@pytest.fixture(scope="module")
def inn(fairway, main, tmp_path_factory):
    """An application that reads and writes, bound and live."""
    return counting(fairway, main, "inn", client="pymysql", visited=VISITED, folders=tmp_path_factory)


def test_an_application_reads_and_writes_what_it_was_bound_to(databases, main, inn):
    before = says(databases, inn)["count"]
    assert says(databases, inn, "/write")["count"] == before + 1
    configuration = databases.fairway.call("GET", f"/applications/{inn}/environments/staging/configuration")
    assert {"DATABASE_HOST", "DATABASE_PORT", "DATABASE_NAME", "DATABASE_USER"} <= configuration["variables"].keys()
    assert "mysql://" not in json.dumps(configuration)
    found = databases.fairway.call("POST", f"{PLACE}/{main}/trial")
    assert found["version"].startswith("10.11.")


def test_a_new_password_loses_nothing_while_it_is_written(databases, main, inn):
    path = f"{PLACE}/{main}/bindings/{inn}"
    before = says(databases, inn)
    with Writers(databases, inn) as writers:
        databases.fairway.call("POST", f"{path}/password")
        renewed = databases.bound(main, inn)
        databases.fairway.live(databases.fairway.deploy(inn))
        wait_for(lambda: renewed["login"] in writers.users, "somebody writes with the new password")
        databases.fairway.call("POST", f"{path}/end-previous")
        wait_for(lambda: not databases.bound(main, inn)["previous_login"], "the old password is ended")
        so_far = writers.written
        wait_for(lambda: writers.written > so_far, "writing goes on")
    assert writers.failed == []
    assert writers.users == {before["user"], renewed["login"]}
    assert says(databases, inn)["count"] == before["count"] + writers.written


def test_a_backup_counts_once_it_was_restored_and_brings_back_what_was(databases, main, inn):
    count = says(databases, inn, "/write")["count"]
    (found,) = databases.backed_up(main)
    assert (found["state"], found["rows"]) == ("verified", {"visits": count}), found["sentence"]
    answer = databases.fairway.api("GET", f"/backups/{found['id']}/file")
    assert b"CREATE TABLE `visits`" in answer.body
    says(databases, inn, "/write")
    wanted = {"environment": "staging", "name": main, "confirmed": main}
    databases.fairway.call("POST", f"/backups/{found['id']}/restoration", wanted)
    wait_for(lambda: databases.desk.events("backup.restored", subject_id=found["id"]), "it is restored")
    assert says(databases, inn)["count"] == count
    assert says(databases, inn, "/write")["count"] == count + 1
    assert not list((databases.fairway.data / "work").glob("resource-copy-*"))


def test_killed_it_is_back_with_every_write_that_was_answered(databases, main, inn):
    count = says(databases, inn, "/write")["count"]
    state = json.loads((databases.folder(main) / "state.json").read_text())
    for pid in (state["app"][0], state["minder"][0]):
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: databases.desk.visit(inn).status == 200, "it answers again")
    assert says(databases, inn)["count"] == count
    assert len(databases.servers(main)) == 1


@pytest.mark.parametrize("step", STEPS)
def test_the_worker_killed_in_a_step_leaves_one_server_on_its_data(databases, step):
    name = databases.ask(f"cut-maria{next(numbers)}", "mariadb")
    wait_for(lambda: _step(databases, name) == step or databases.shown(name)["state"] == "running", f"{step} has begun")
    databases.desk.kill_worker()
    databases.runs(name)
    assert databases.servers(name) == [databases.pid(name)]
    databases.fairway.call("POST", f"{PLACE}/{name}/deletion", {"confirmed": name})
    wait_for(lambda: databases.fairway.api("GET", f"{PLACE}/{name}").status == 404, "it is deleted")
    assert databases.servers(name) == []
    (away,) = (databases.fairway.data / "resources" / ".put-away").glob(f"{name}.staging.*")
    assert (away / "data" / "mysql").is_dir()


def test_unbound_the_application_is_shut_out_and_bound_again_it_finds_its_rows(databases, main, inn):
    """Last, because nothing of the application works in between."""
    count = says(databases, inn, "/write")["count"]
    known = _environment(databases, inn)
    databases.fairway.call("POST", f"{PLACE}/{main}/bindings/{inn}/unbinding", {"confirmed": inn})
    wait_for(lambda: databases.shown(main)["bindings"] == [], "it is unbound")
    where = {"host": known["DATABASE_HOST"], "port": int(known["DATABASE_PORT"]), "user": known["DATABASE_USER"]}
    with pytest.raises(pymysql.OperationalError, match="(?i)denied"):
        pymysql.connect(**where, password=known["DATABASE_PASSWORD"])
    databases.fairway.call("POST", f"{PLACE}/{main}/bindings", {"application": inn})
    databases.bound(main, inn)
    databases.fairway.live(databases.fairway.deploy(inn))
    assert says(databases, inn)["count"] == count
