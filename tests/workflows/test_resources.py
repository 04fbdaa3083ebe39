"""Databases beside applications, with a real PostgreSQL: made, used, killed at bad moments, copied, restored, deleted."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import sqlite3
import threading
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from tests.services.installation import Installation
from tests.services.server_programs import bring_programs
from tests.services.waiting import wait_for
from tests.workflows.counting import PLACE, counting, running

SERVERS = ("/postgres", "/valkey-server", "/mariadbd")
STEPS = ("prepare", "make", "start", "look")
numbers = itertools.count(1)
VISITED = """
import os

import psycopg

URL = os.environ["DATABASE_URL"]
with psycopg.connect(URL) as connection:
    connection.execute("CREATE TABLE IF NOT EXISTS visits (who text)")


def visited(writes):
    with psycopg.connect(URL) as connection:
        if writes:
            connection.execute("INSERT INTO visits VALUES (current_user)")
        return connection.execute("SELECT (SELECT count(*) FROM visits), session_user").fetchone()
"""


class Databases:
    """What these tests do with resources of the shared installation."""

    def __init__(self, desk):
        self.desk, self.fairway = desk, desk.fairway

    def ask(self, name=None, kind="postgres"):
        """A new one, as soon as it was asked for; its name."""
        name = name or f"db{next(numbers)}"
        self.fairway.call("POST", PLACE, {"kind": kind, "name": name})
        return name

    def shown(self, name):
        return self.fairway.call("GET", f"{PLACE}/{name}")

    def runs(self, name):
        wait_for(lambda: self.shown(name)["state"] in {"running", "failed"}, f"{name} settles")
        found = self.shown(name)
        assert found["state"] == "running", found["sentence"]
        return found

    def bound(self, name, app):
        def binding():
            return next(one for one in self.shown(name)["bindings"] if one["application"]["slug"] == app)

        wait_for(lambda: binding()["state"] in {"bound", "failed"}, f"{app} is bound to {name}")
        assert binding()["state"] == "bound", binding()["sentence"]
        return binding()

    def backed_up(self, name):
        made = self.fairway.call("POST", f"{PLACE}/{name}/backups")
        return [self.settled(one["id"]) for one in made]

    def settled(self, number):
        wait_for(lambda: self.backup(number)["state"] != "taking", f"backup {number} settles")
        return self.backup(number)

    def backup(self, number):
        return self.fairway.call("GET", f"/backups/{number}")

    def taken_by_schedule(self, name, after):
        """Let the schedule be due; the backup that is taken for it, once it is settled."""
        with closing(sqlite3.connect(self.fairway.data / "fairway.sqlite3", timeout=30)) as database, database:
            due = (datetime.now(UTC) - timedelta(minutes=1)).strftime("%Y-%m-%d %H:%M:%S")
            which = "SELECT id FROM fairway_resource WHERE name = ? AND deleted_at IS NULL"
            database.execute(f"UPDATE fairway_backupschedule SET next_at = ? WHERE resource_id IN ({which})", (due, name))

        def newer():
            found = self.shown(name)["backups"]
            return [one["id"] for one in found if one["purpose"] == "scheduled" and one["id"] > after]

        wait_for(newer, "the worker takes it")
        (number,) = newer()
        return self.settled(number)

    def folder(self, name):
        found = list((self.fairway.data / "resources").glob(f"{name}.staging.*"))
        assert len(found) == 1, found
        return found[0]

    def pid(self, name):
        return json.loads((self.folder(name) / "state.json").read_text())["app"][0]

    def servers(self, name):
        """Every process that is a server of this name: the first of its family."""
        found = []
        for place in Path("/proc").iterdir():
            if place.name.isdigit():
                words = _words(place)
                if words[0].endswith(SERVERS) and any(re.search(f"/{name}.staging.[0-9]+/data$", word) for word in words):
                    found.append(int(place.name))
        return found


def _words(place):
    try:
        return (place / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return [""]


@pytest.fixture(scope="module", autouse=True)
def programs(fairway):
    bring_programs(fairway.data, "postgres")


@pytest.fixture
def databases(desk):
    desk.worker_is_there()
    yield Databases(desk)
    desk.worker_is_there()


@pytest.fixture(scope="module")
def main(fairway):
    """The name of the one server that most of these tests share."""
    return running(fairway, "postgres", "main")


@pytest.fixture(scope="module")
def shop(fairway, main, tmp_path_factory):
    """An application that reads and writes, bound and live."""
    return counting(fairway, main, "shop", client="psycopg[binary]", visited=VISITED, folders=tmp_path_factory)


def says(databases, app, path="/"):
    answer = databases.desk.visit(app, path)
    assert answer.status == 200, answer.text[:300]
    return answer.json


def test_an_application_reads_and_writes_what_it_was_bound_to(databases, main, shop):
    before = says(databases, shop)["count"]
    assert says(databases, shop, "/write")["count"] == before + 1
    configuration = databases.fairway.call("GET", f"/applications/{shop}/environments/staging/configuration")
    assert {"DATABASE_HOST", "DATABASE_PORT", "DATABASE_NAME", "DATABASE_USER"} <= configuration["variables"].keys()
    assert "postgresql://" not in json.dumps(configuration)
    found = databases.fairway.call("POST", f"{PLACE}/{main}/trial")
    assert found["version"].startswith("18")
    assert found["size_bytes"] > 1_000_000


def test_its_password_is_nowhere_in_clear(databases, main, shop):
    """Neither in the configuration as it is shown, nor in logs, events, arguments or the server's own log."""
    url = _environment(databases, shop)["DATABASE_URL"]
    password = url.split(":")[2].split("@")[0]
    told = [
        databases.fairway.api("GET", f"{PLACE}/{main}").text,
        databases.fairway.api("GET", f"{PLACE}/{main}/log?lines=1000").text,
        databases.fairway.api("GET", "/events?limit=200&severity=detail").text,
        databases.fairway.log.read_text(),
        *(" ".join(_words(place)) for place in Path("/proc").iterdir() if place.name.isdigit()),
    ]
    assert not any(password in text for text in told)


def _environment(databases, app):
    name = databases.desk.names(app)[0]
    state = databases.desk.state_of(name)
    pairs = Path(f"/proc/{state['app'][0]}/environ").read_bytes().decode().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


class Writers:
    """Somebody who writes all the time, one after the other, as long as the block lasts."""

    def __init__(self, databases, app):
        self.databases, self.app = databases, app
        self.written, self.failed, self.users = 0, [], set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write)

    def _write(self):
        while not self._stop.wait(0.02):
            answer = self.databases.desk.visit(self.app, "/write")
            if answer.status == 200:
                self.written += 1
                self.users.add(answer.json["user"])
            else:
                self.failed.append(f"{answer.status} {answer.text[:200]}")

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()


def test_a_new_password_loses_nothing_while_it_is_written(databases, main, shop):
    """Writes go on all the time: through the change, the deployment, and the end of the old password."""
    path = f"{PLACE}/{main}/bindings/{shop}"
    before = says(databases, shop)
    with Writers(databases, shop) as writers:
        databases.fairway.call("POST", f"{path}/password")
        renewed = databases.bound(main, shop)
        assert renewed["previous_login"] == before["user"]
        again = databases.fairway.api("POST", f"{path}/password")
        assert (again.status, "still works" in again.text) == (409, True)
        databases.fairway.live(databases.fairway.deploy(shop))
        wait_for(lambda: renewed["login"] in writers.users, "somebody writes with the new password")
        databases.fairway.call("POST", f"{path}/end-previous")
        wait_for(lambda: not databases.bound(main, shop)["previous_login"], "the old password is ended")
        so_far = writers.written
        wait_for(lambda: writers.written > so_far, "writing goes on")
    assert writers.failed == []
    assert writers.users == {before["user"], renewed["login"]}
    assert says(databases, shop)["count"] == before["count"] + writers.written


def test_a_backup_counts_once_it_was_restored(databases, main, shop):
    says(databases, shop, "/write")
    count = says(databases, shop)["count"]
    (found,) = databases.backed_up(main)
    assert found["state"] == "verified", found["sentence"]
    assert found["rows"] == {"public.visits": count}
    sealed = databases.fairway.data / "backups" / f"{found['id']}.sealed"
    assert sealed.stat().st_mode & 0o077 == 0
    assert b"PGDMP" not in sealed.read_bytes()
    assert databases.fairway.api("GET", f"/backups/{found['id']}/file").body.startswith(b"PGDMP")
    assert not list((databases.fairway.data / "work").glob("resource-copy-*"))


def test_restored_it_is_as_it_was(databases, main, shop):
    count = says(databases, shop, "/write")["count"]
    (found,) = databases.backed_up(main)
    says(databases, shop, "/write")
    wanted = {"environment": "staging", "name": main, "confirmed": main}
    databases.fairway.call("POST", f"/backups/{found['id']}/restoration", wanted)
    wait_for(lambda: databases.desk.events("backup.restored", subject_id=found["id"]), "it is restored")
    assert says(databases, shop)["count"] == count
    assert says(databases, shop, "/write")["count"] == count + 1


def test_one_flipped_bit_in_a_backup_is_said_and_replaces_nothing(databases, main, shop):
    count = says(databases, shop, "/write")["count"]
    (bad,), (good,) = databases.backed_up(main), databases.backed_up(main)
    place = databases.fairway.data / "backups" / f"{bad['id']}.sealed"
    content = bytearray(place.read_bytes())
    content[-20] ^= 1
    place.write_bytes(content)
    answer = databases.fairway.api("GET", f"/backups/{bad['id']}/file")
    assert (answer.status, "damaged" in answer.text) == (409, True), answer.text
    wanted = {"environment": "staging", "name": main, "confirmed": main}
    databases.fairway.call("POST", f"/backups/{bad['id']}/restoration", wanted)
    wait_for(lambda: databases.desk.events("backup.restore_failed", subject_id=bad["id"]), "it is said")
    assert "damaged" in databases.desk.events("backup.restore_failed", subject_id=bad["id"])[0]["comment"]
    assert says(databases, shop)["count"] == count
    assert databases.fairway.api("GET", f"/backups/{good['id']}/file").status == 200


def test_a_killed_dump_is_taken_again_or_said(databases, main, shop):
    """The worker dies inside the backup: the next one follows, and nothing clear stays behind."""
    with _locked_table(databases, shop):
        (made,) = databases.fairway.call("POST", f"{PLACE}/{main}/backups")
        wait_for(lambda: _tools("pg_dump", databases.fairway.data), "the dump waits for the table")
        databases.desk.kill_worker()
        wait_for(lambda: not _tools("pg_dump", databases.fairway.data), "the dump died with its worker")
    assert databases.settled(made["id"])["state"] == "verified"
    assert not list((databases.fairway.data / "work").glob("resource-copy-*"))


def test_a_dump_that_is_killed_alone_is_said(databases, main, shop):
    with _locked_table(databases, shop):
        (made,) = databases.fairway.call("POST", f"{PLACE}/{main}/backups")
        wait_for(lambda: _tools("pg_dump", databases.fairway.data), "the dump waits for the table")
        os.kill(_tools("pg_dump", databases.fairway.data)[0], signal.SIGKILL)
        found = databases.settled(made["id"])
    assert found["state"] == "failed"
    assert "dump" in found["sentence"].lower()
    assert found["size_bytes"] == 0


@contextmanager
def _locked_table(databases, app):
    """A table nobody else can read as long as the block lasts."""
    with psycopg.connect(_environment(databases, app)["DATABASE_URL"]) as connection:
        connection.execute("LOCK TABLE visits IN ACCESS EXCLUSIVE MODE")
        yield


def _tools(name, data):
    found = []
    for place in Path("/proc").iterdir():
        words = _words(place) if place.name.isdigit() else []
        if words and words[0].endswith(f"/{name}") and str(data) in " ".join(words):
            found.append(int(place.name))
    return found


def test_what_is_due_is_taken_by_the_worker_and_an_older_one_removed(databases, main, shop):
    """By itself, verified, once; with one day kept, the one before is removed with its file."""
    databases.fairway.call("PATCH", f"{PLACE}/{main}/backup-schedule", {"daily": 1, "weekly": 0, "monthly": 0})
    count = says(databases, shop, "/write")["count"]
    first = databases.taken_by_schedule(main, after=0)
    assert (first["state"], first["rows"], first["requested_by"]) == ("verified", {"public.visits": count}, "Fairway")
    place = databases.fairway.data / "backups" / f"{first['id']}.sealed"
    assert place.exists()
    second = databases.taken_by_schedule(main, after=first["id"])
    assert second["state"] == "verified"
    wait_for(lambda: not place.exists(), "the file of the older one is deleted")
    assert databases.fairway.api("GET", f"/backups/{first['id']}").status == 404
    assert len(databases.desk.events("backup.removed", subject_id=first["id"])) == 1
    assert (databases.fairway.data / "backups" / f"{second['id']}.sealed").exists()


@pytest.fixture
def used(databases, shop):
    """A resource that runs, with a database of the shop, which is bound no more; its name."""
    name = databases.ask()
    databases.runs(name)
    databases.fairway.call("POST", f"{PLACE}/{name}/bindings", {"application": shop, "alias": f"as-{name}"})
    databases.bound(name, shop)
    databases.fairway.call("POST", f"{PLACE}/{name}/bindings/{shop}/unbinding", {"confirmed": shop})
    wait_for(lambda: databases.shown(name)["bindings"] == [], "it is unbound")
    return name


def test_before_it_is_deleted_a_last_backup_of_every_database_is_verified(databases, shop, used):
    databases.fairway.call("POST", f"{PLACE}/{used}/deletion", {"confirmed": used})
    wait_for(lambda: databases.fairway.api("GET", f"{PLACE}/{used}").status == 404, "it is deleted")
    assert databases.servers(used) == []
    event = databases.desk.events("backup.verified")[0]
    last = databases.backup(event["subject_id"])
    assert (last["purpose"], last["state"], last["application"]["slug"]) == ("last", "verified", shop)
    assert databases.fairway.api("GET", f"/backups/{last['id']}/file").body.startswith(b"PGDMP")


def test_if_its_last_backup_fails_it_is_not_deleted_and_goes_on(databases, shop, used):
    """Its file cannot be written, because a folder is where it should be."""
    newest = max(databases.backup(event["subject_id"])["id"] for event in databases.desk.events("backup.requested")[:1])
    obstacle = databases.fairway.data / "backups" / f"{newest + 1}.sealed"
    (obstacle / "in the way").mkdir(parents=True)
    try:
        databases.fairway.call("POST", f"{PLACE}/{used}/deletion", {"confirmed": used})
        wait_for(lambda: databases.shown(used)["kept_because"], "it says why it stays")
    finally:
        (obstacle / "in the way").rmdir()
        obstacle.rmdir()
    found = databases.shown(used)
    assert (found["wanted"], found["deletion_asked_at"]) == ("running", None)
    assert databases.servers(used) == [databases.pid(used)]
    assert databases.fairway.call("POST", f"{PLACE}/{used}/trial")["version"].startswith("18")
    databases.fairway.call("POST", f"{PLACE}/{used}/deletion", {"confirmed": used, "last_backup": False})
    wait_for(lambda: databases.fairway.api("GET", f"{PLACE}/{used}").status == 404, "without a last backup it is deleted")


def test_cloned_into_a_new_resource_the_application_there_finds_its_data(databases, main, shop):
    """From staging to development, into a server that does not exist when it is asked for."""
    databases.backed_up(main)
    count, name = says(databases, shop)["count"], f"clone{next(numbers)}"
    wanted = {"application": shop, "environment": "development", "name": name, "confirmed": name, "create": True}
    made = databases.fairway.call("POST", f"{PLACE}/{main}/clones", wanted)
    assert (made["environment"]["slug"], made["state"]) == ("development", "preparing")
    wait_for(lambda: databases.desk.events("backup.restored"), "it is restored")
    wait_for(lambda: databases.desk.events("backup.restored")[0]["after"]["into"] == name, "it is restored into it")
    path = f"/resources/development/{name}"
    databases.fairway.call("POST", f"{path}/bindings", {"application": shop})
    wait_for(lambda: databases.fairway.call("GET", path)["bindings"][0]["state"] != "binding", "it is bound")
    (copy,) = databases.fairway.call("POST", f"{path}/backups")
    assert databases.settled(copy["id"])["rows"] == {"public.visits": count}
    databases.fairway.call("POST", f"{path}/bindings/{shop}/unbinding", {"confirmed": shop})
    wait_for(lambda: databases.fairway.call("GET", path)["bindings"] == [], "it is unbound")
    databases.fairway.call("POST", f"{path}/deletion", {"confirmed": name, "last_backup": False})


def test_into_a_stopped_server_nothing_is_restored_and_it_says_so(databases, main, shop):
    (found,) = databases.backed_up(main)
    name = databases.ask()
    databases.runs(name)
    databases.fairway.call("POST", f"{PLACE}/{name}/stop")
    wait_for(lambda: databases.shown(name)["state"] == "stopped", "it is stopped")
    wanted = {"environment": "staging", "name": name, "confirmed": name}
    databases.fairway.call("POST", f"/backups/{found['id']}/restoration", wanted)
    wait_for(lambda: databases.desk.events("backup.restore_failed", subject_id=found["id"]), "it is said")
    assert "is stopped" in databases.desk.events("backup.restore_failed", subject_id=found["id"])[0]["comment"]
    databases.fairway.call("POST", f"{PLACE}/{name}/deletion", {"confirmed": name, "last_backup": False})


def test_it_outlives_the_control_plane(databases, main, shop):
    pid = databases.pid(main)
    databases.desk.kill_worker()
    databases.desk.worker_is_there()
    assert databases.pid(main) == pid
    assert databases.servers(main) == [pid]
    says(databases, shop, "/write")


def test_killed_it_is_back_with_what_it_had(databases, main, shop):
    count = says(databases, shop, "/write")["count"]
    state = json.loads((databases.folder(main) / "state.json").read_text())
    for pid in (state["minder"][0], state["app"][0]):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    wait_for(lambda: databases.desk.visit(shop).status == 200, "it answers again")
    assert says(databases, shop)["count"] == count
    assert len(databases.servers(main)) == 1


def test_two_people_who_create_one_name_at_once_have_one(databases):
    name, answers = f"both{next(numbers)}", []

    def create():
        answers.append(databases.fairway.api("POST", PLACE, {"kind": "postgres", "name": name}))

    threads = [threading.Thread(target=create) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.status for one in answers) == [202, 422, 422, 422]
    assert all("exists already" in one.text for one in answers if one.status == 422)
    databases.runs(name)
    assert databases.servers(name) == [databases.pid(name)]
    databases.fairway.call("POST", f"{PLACE}/{name}/deletion", {"confirmed": name})


def test_while_it_is_bound_it_is_not_deleted_and_neither_is_the_application(databases, main, shop):
    answer = databases.fairway.api("POST", f"{PLACE}/{main}/deletion", {"confirmed": main})
    assert answer.status == 409
    assert "bound" in answer.text
    answer = databases.fairway.api("DELETE", f"/applications/{shop}?confirmed={shop}")
    assert answer.status == 409, answer.text
    answer = databases.fairway.api("POST", f"{PLACE}/{main}/deletion", {"confirmed": "other"})
    assert answer.status == 422


@pytest.mark.parametrize("step", STEPS)
def test_the_worker_killed_in_a_step_leaves_one_server_on_its_data(databases, step):
    """SIGKILL as soon as the step has begun, and again in the next one: what comes of it is one server with one folder."""
    name = f"cut{next(numbers)}"
    databases.ask(name)
    wait_for(lambda: _step(databases, name) == step or databases.shown(name)["state"] == "running", f"{step} has begun")
    databases.desk.kill_worker()
    databases.runs(name)
    assert databases.servers(name) == [databases.pid(name)]
    databases.fairway.call("POST", f"{PLACE}/{name}/deletion", {"confirmed": name})
    wait_for(lambda: databases.fairway.api("GET", f"{PLACE}/{name}").status == 404, "it is deleted")
    assert databases.servers(name) == []
    (away,) = (databases.fairway.data / "resources" / ".put-away").glob(f"{name}.staging.*")
    assert (away / "data" / "PG_VERSION").exists()


def _step(databases, name):
    question = (
        "SELECT run.step FROM fairway_run AS run JOIN fairway_resource AS one ON run.key = 'resource:' || one.id"
        " WHERE one.name = ? AND run.status = 'running' ORDER BY run.id DESC"
    )
    with closing(sqlite3.connect(databases.fairway._file, uri=True)) as database:
        found = database.execute(question, (name,)).fetchone()
    return found[0] if found else ""


def test_data_that_is_gone_is_never_begun_anew(databases):
    name = databases.ask()
    databases.runs(name)
    databases.fairway.call("POST", f"{PLACE}/{name}/stop")
    wait_for(lambda: databases.shown(name)["state"] == "stopped", "it is stopped")
    data = databases.folder(name) / "data"
    data.rename(data.with_name("elsewhere"))
    databases.fairway.call("POST", f"{PLACE}/{name}/start")
    wait_for(lambda: databases.shown(name)["state"] == "failed", "it is refused")
    assert "empty folder" in databases.shown(name)["sentence"]
    assert not data.exists()
    data.with_name("elsewhere").rename(data)
    databases.fairway.call("POST", f"{PLACE}/{name}/start")
    databases.runs(name)
    databases.fairway.call("POST", f"{PLACE}/{name}/deletion", {"confirmed": name})


def test_unbound_the_application_is_shut_out_and_its_database_stays(databases, main, shop):
    """Last, because nothing of the shop works afterwards until it is bound again."""
    count = says(databases, shop, "/write")["count"]
    url = _environment(databases, shop)["DATABASE_URL"]
    answer = databases.fairway.api("POST", f"{PLACE}/{main}/bindings/{shop}/unbinding", {"confirmed": "other"})
    assert answer.status == 422
    databases.fairway.call("POST", f"{PLACE}/{main}/bindings/{shop}/unbinding", {"confirmed": shop})
    wait_for(lambda: databases.shown(main)["bindings"] == [], "it is unbound")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    configuration = databases.fairway.call("GET", f"/applications/{shop}/environments/staging/configuration")
    assert not any(name.startswith("DATABASE_") for name in configuration["variables"])
    databases.fairway.call("POST", f"{PLACE}/{main}/bindings", {"application": shop})
    databases.bound(main, shop)
    databases.fairway.live(databases.fairway.deploy(shop))
    assert says(databases, shop)["count"] == count


def test_down_stops_it_after_the_applications_and_up_brings_it_back(tmp_path):
    """`fairway down --keep-applications` leaves it; `fairway down` does not; the next `up` starts it with what it had."""
    one = Installation(tmp_path / "data")
    try:
        one.start()
        bring_programs(one.data)
        one.call("POST", PLACE, {"kind": "postgres", "name": "kept"})
        found = Databases(Named(one))
        found.runs("kept")
        pid = found.pid("kept")
        assert one.process is not None
        one.process.send_signal(signal.SIGTERM)
        one.process.wait()
        assert found.servers("kept") == [pid]
        one.start()
        assert found.runs("kept")["state"] == "running"
        assert found.pid("kept") == pid
        one.stop()
        assert found.servers("kept") == []
        one.start()
        wait_for(lambda: found.servers("kept"), "it is started again")
        assert found.runs("kept")["state"] == "running"
    finally:
        one.stop()
    assert found.servers("kept") == []


class Named:
    """As much of a desk as `Databases` needs."""

    def __init__(self, fairway):
        self.fairway = fairway
