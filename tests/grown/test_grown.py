"""Two web and three worker processes on PostgreSQL: what is shared is done once, and nobody is missed who dies."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest

from tests.services.gate import Gate
from tests.services.installation import Installation, ask, wait_for
from tests.services.ports import free_port
from tests.services.postgres import SharedPostgres, postgres_server  # noqa: F401
from tests.services.waiting import PATIENCE

pytestmark = [pytest.mark.postgres]

COUNTED = """
CREATE TABLE taken (id serial, tick text, due timestamptz);
CREATE FUNCTION note_taken() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN INSERT INTO taken (tick, due) VALUES (OLD.name, OLD.next_at); RETURN NEW; END $$;
CREATE TRIGGER note_taken AFTER UPDATE OF last_at ON fairway_scheduledtick FOR EACH ROW EXECUTE FUNCTION note_taken();
"""
HELD = """
from http.server import HTTPServer, SimpleHTTPRequestHandler
import os
HTTPServer(("127.0.0.1", int(os.environ["PORT"])), SimpleHTTPRequestHandler).serve_forever()
"""


@dataclass
class Grown:
    """The installation, with its database open beside it."""

    one: Installation
    url: str

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def pids(self) -> dict[str, int]:
        found: dict[str, int] = json.loads((self.one.data / "run" / "fairway.json").read_text())["processes"]
        return found

    def served_by(self, client: socket.socket) -> int:
        """The web process at the other end of a connection."""
        mine, port = client.getsockname()[1], client.getpeername()[1]
        ends = re.compile(rf":\s*\w+:{port:04X} \w+:{mine:04X} ")
        lines = Path("/proc/net/tcp").read_text().splitlines()
        inodes = {f"socket:[{line.split()[9]}]" for line in lines if ends.search(line)}
        for name, pid in self.pids().items():
            if name.startswith("web") and inodes & {_link(place) for place in Path(f"/proc/{pid}/fd").iterdir()}:
                return pid
        raise OSError("nobody has accepted it yet")

    def connected(self, *, unlike: int | None = None) -> tuple[http.client.HTTPConnection, int]:
        """A connection, and which web process serves it: one that is not `unlike`."""
        for _ in range(200):
            connection = http.client.HTTPConnection("127.0.0.1", self.one.port, timeout=PATIENCE)
            connection.request("GET", "/api/v1/health", headers={"Host": "localhost"})
            connection.getresponse().read()
            pid = self.served_by(connection.sock)
            if pid != unlike:
                return connection, pid
            connection.close()
        raise AssertionError("one process serves everybody")


def _link(place: Path) -> str:
    try:
        return os.readlink(place)
    except OSError:
        return ""


@pytest.fixture(scope="module")
def grown(postgres_server: SharedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grown]:  # noqa: F811
    url = postgres_server.create_with_tables("grown")
    environ = {"FAIRWAY_DATABASE_URL": url, "FAIRWAY_WORKER_SLOTS": "3"}
    data = tmp_path_factory.mktemp("grown") / "data"
    one = Installation(data, environ, options=("--demo", "--web", "2", "--workers", "3"))
    try:
        one.start()
        found = Grown(one, url)
        wait_for(lambda: len(found.rows("SELECT name FROM fairway_worker")) == 3, "three workers")
        yield found
    finally:
        one.stop()


def held_app(folder: Path, gate: Gate) -> Path:
    folder.mkdir()
    (folder / "app.py").write_text(gate.wait + HELD)
    (folder / "Procfile").write_text("web: python app.py\n")
    return folder


def test_deployments_spread_and_those_of_a_killed_worker_are_taken_over(grown: Grown, tmp_path: Path) -> None:
    gate = Gate()
    source = grown.one.upload(held_app(tmp_path / "held", gate))
    for number in range(6):
        grown.one.create(f"held-{number}", source)
    numbers = [grown.one.deploy(f"held-{number}") for number in range(6)]
    for number in numbers:
        grown.one.reached(number, "check")
    owners = Counter(owner for (owner,) in grown.rows("SELECT owner FROM fairway_run WHERE kind = 'deploy' AND owner <> ''"))
    assert sorted(owners.values()) == [2, 2, 2]  # each has two slots, the third is production's

    victim = next(iter(owners))
    cut = {run for (run,) in grown.rows("SELECT id FROM fairway_run WHERE owner = %s AND kind = 'deploy'", victim)}
    os.kill(int(victim.rpartition(":")[2]), signal.SIGKILL)
    gate.open()
    for number in numbers:
        grown.one.live(number)
    steps = grown.rows("SELECT run_id, owner, status FROM fairway_runstep WHERE run_id = ANY(%s) ORDER BY id", list(cut))
    assert {run for run, owner, status in steps if status == "lost"} == cut
    assert {run for run, owner, status in steps if owner != victim and status == "succeeded"} == cut
    for number in range(6):
        assert len(grown.one.instances(f"held-{number}")) == 1
        assert grown.one.visit(f"held-{number}.staging.localhost").status == 200
    live = grown.rows("SELECT count(*) FROM fairway_deployment WHERE status = 'succeeded'")
    assert live == [(6,)]
    assert grown.one.call("GET", "/audit/verification")["is_intact"]


def test_a_tick_is_taken_once_however_many_workers_there_are(grown: Grown) -> None:
    wait_for(lambda: grown.rows("SELECT 1 FROM fairway_scheduledtick WHERE last_at IS NOT NULL"), "the first tick")
    grown.rows(COUNTED)
    ticks = grown.rows("SELECT name FROM fairway_scheduledtick")
    grown.rows("UPDATE fairway_scheduledtick SET next_at = clock_timestamp() - interval '9 hours'")
    wait_for(
        lambda: grown.rows("SELECT count(*) FROM fairway_scheduledtick WHERE next_at <= clock_timestamp()") == [(0,)],
        "every tick is taken",
        seconds=120,
    )
    assert set(grown.rows("SELECT DISTINCT tick FROM taken")) == set(ticks)
    assert grown.rows("SELECT tick, due FROM taken GROUP BY tick, due HAVING count(*) > 1") == []


def test_a_page_shown_by_one_web_process_hears_of_what_came_in_through_the_other(grown: Grown) -> None:
    cookie = _session(grown)
    ((latest,),) = grown.rows("SELECT event_id FROM fairway_chainhead")  # who says where they are hears that they are live
    place = f"/live?topics=environment:staging:state&after={latest}"
    first, one = grown.connected()  # used at once: an idle connection is closed after a few seconds
    with closing(first):
        first.request("GET", place, headers={"Host": "localhost", "Cookie": cookie})
        stream = first.getresponse()
        assert stream.status == 200
        _until(stream, "hello")
        assert grown.served_by(first.sock) == one
        headers = {"Host": "localhost", "Authorization": f"Bearer {grown.one.sign_in['token']}"}
        headers["Content-Type"] = "application/json"
        second, other = grown.connected(unlike=one)
        with closing(second):
            second.request("POST", "/api/v1/environments/staging/lock", json.dumps({"reason": "Stocktaking"}), headers)
            assert second.getresponse().status == 201
            assert grown.served_by(second.sock) == other
        assert "Stocktaking" in _until(stream, "fragment")
    grown.one.call("DELETE", "/environments/staging/lock")


def test_one_worker_reconciles_and_another_follows_when_it_is_killed(grown: Grown, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("Here I am.")
    grown.one.create("minded", grown.one.upload(tmp_path / "site"))
    grown.one.live(grown.one.deploy("minded"))
    on_duty = [_holder(grown.one.data / "run" / "reconciler.lock")]
    assert on_duty[0] in grown.pids().values()
    os.kill(on_duty[0], signal.SIGKILL)
    wait_for(lambda: _holder(grown.one.data / "run" / "reconciler.lock") not in (0, on_duty[0]), "another has the duty")

    (instance,) = grown.one.instances("minded")
    state = json.loads((instance / "state.json").read_text())
    for part in ("minder", "app"):
        os.kill(state[part][0], signal.SIGKILL)
    wait_for(lambda: "Here I am." in grown.one.visit("minded.staging.localhost").text, "it is repaired")
    wait_for(lambda: _adjustments(grown)[0][1] == 0, "the repair has ended")
    assert _adjustments(grown) == [(1, 0)]


def test_there_is_one_proxy_whichever_worker_minds_it(grown: Grown) -> None:
    (caddy,) = _proxies(grown.one)
    os.kill(caddy, signal.SIGKILL)
    wait_for(lambda: _proxies(grown.one) not in ([], [caddy]), "another proxy")
    wait_for(lambda: grown.one.visit("nobody.localhost").status == 404, "it answers")
    assert len(_proxies(grown.one)) == 1


def test_more_web_processes_may_run_beside_it_and_nothing_that_is_elsewhere(grown: Grown, tmp_path: Path) -> None:
    beside = Installation(grown.one.data, grown.one.environ, options=("--web", "1", "--workers", "0"))
    beside.proxy_port = grown.one.proxy_port
    try:
        beside.start()
        assert beside.call("GET", "/me")["username"] == "admin"
        assert json.loads((beside.data / "run" / f"web-{beside.port}.json").read_text())["workers"] == 0
    finally:
        beside.stop()
    assert grown.one.call("GET", "/health")["status"] == "ok"

    done = _up(tmp_path / "another", grown.one.environ, "--web", "1", "--workers", "0")
    assert done.returncode == 1
    assert "is not the one this database belongs to" in done.stderr
    again = _up(grown.one.data, grown.one.environ)
    assert (again.returncode, "another Fairway already uses" in again.stderr) == (2, True)


def test_processes_that_start_together_bring_the_database_up_to_date_once(postgres_server, tmp_path) -> None:  # noqa: F811
    environ = {"FAIRWAY_DATABASE_URL": postgres_server.create_database("together")}
    data, port = tmp_path / "data", free_port()
    ones = [
        Installation(data, environ, options=("--demo",), proxy_port=port),
        *(Installation(data, environ, options=("--workers", "0"), proxy_port=port) for _ in range(2)),
    ]
    commands = [_command(one.data, one.port, port, *one.options) for one in ones]
    running = [subprocess.Popen(command, env=_environment(environ), stderr=subprocess.PIPE) for command in commands]
    try:
        for one in ones:
            wait_for(
                lambda one=one: ask(one.port, "GET", "/api/v1/health", {"Host": "localhost"}).status == 200,
                "up",
                seconds=120,
            )
        assert [process.poll() for process in running] == [None] * 3
    finally:
        for process in running:
            process.send_signal(signal.SIGINT)
        said = [process.communicate(timeout=PATIENCE)[1].decode() for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], said


def _session(grown: Grown) -> str:
    """Sign in as a person does; returns the cookie."""
    page = ask(grown.one.port, "GET", "/accounts/login/", {"Host": "localhost"})
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert token is not None
    cookie = page.headers["set-cookie"].partition(";")[0]
    fields = {"csrfmiddlewaretoken": token[1], "login": "admin", "password": grown.one.sign_in["password"]}
    headers = {"Host": "localhost", "Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
    with closing(http.client.HTTPConnection("127.0.0.1", grown.one.port, timeout=PATIENCE)) as connection:
        connection.request("POST", "/accounts/login/", urlencode(fields), headers)
        answer = connection.getresponse()
        cookies = [value.partition(";")[0] for name, value in answer.getheaders() if name.lower() == "set-cookie"]
    assert answer.status == 302, answer.status
    return "; ".join(cookies)


def _until(stream: http.client.HTTPResponse, event: str) -> str:
    """The data of the next message of this kind."""
    while line := stream.readline().decode():
        if line.strip() == f"event: {event}":
            while not (line := stream.readline().decode()).startswith("data:"):
                assert line
            return line
    raise AssertionError(f"the stream ended without {event}")


def _holder(place: Path) -> int:
    """Who holds the kernel's lock on a file; 0 when nobody does."""
    inode = place.stat().st_ino
    for line in Path("/proc/locks").read_text().splitlines():
        words = line.split()
        if "FLOCK" in words and words[-3].endswith(f":{inode}") and "->" not in words:
            return int(words[4])
    return 0


def _adjustments(grown: Grown) -> list[tuple[Any, ...]]:
    return grown.rows(
        "SELECT count(*), count(*) FILTER (WHERE finished_at IS NULL) FROM fairway_run "
        "WHERE kind = 'adjust' AND key = 'minded:staging'"
    )


def _proxies(one: Installation) -> list[int]:
    found = [place for place in Path("/proc").glob("[0-9]*") if _link(place / "cwd") == str(one.data / "caddy")]
    return [int(place.name) for place in found]


def _command(data: Path, port: int, proxy_port: int, *options: str) -> list[str]:
    command = [sys.executable, "-m", "fairway.config.up", "--data", str(data), "--port", str(port)]
    return [*command, "--proxy-port", str(proxy_port), *options]


def _environment(environ: dict[str, str]) -> dict[str, str]:
    mine = {name: value for name, value in os.environ.items() if not name.startswith("FAIRWAY_")}
    return {**mine, "FAIRWAY_LEASE_SECONDS": "3", **environ}


def _up(data: Path, environ: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    command = _command(data, free_port(), free_port(), *options)
    return subprocess.run(command, env=_environment(environ), check=False, capture_output=True, text=True, timeout=PATIENCE)
