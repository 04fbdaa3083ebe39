"""PostgreSQL is gone for twenty seconds, and the proxy is killed: applications serve on, and work goes on by itself."""

from __future__ import annotations

import re
import threading
import time
from contextlib import contextmanager, suppress

import httpx
import pytest

from tests.services.installation import wait_for
from tests.services.postgres import PostgresServer, binaries_or_skip
from tests.stories.desk import Desk
from tests.stories.held import holding, rows

pytestmark = pytest.mark.postgres
GONE_FOR = 20.0  # seconds


class Follower(threading.Thread):
    """Follows a live page as a browser does: comes back when the stream ends or is refused, with the last number seen."""

    def __init__(self, client: httpx.Client) -> None:
        super().__init__(daemon=True)
        self.client, self.heard, self.is_over, self.last = client, 0, False, ""

    def run(self) -> None:
        while not self.is_over:
            with suppress(httpx.HTTPError):
                self._follow()
            time.sleep(0.2)

    def _follow(self) -> None:
        headers = {"Last-Event-ID": self.last} if self.last else {}
        with self.client.stream("GET", "/live", params={"topics": "home:matrix"}, headers=headers, timeout=60) as answer:
            for line in answer.iter_lines():
                if line.startswith("id: "):
                    self.last = line[4:]
                self.heard += line.startswith(("event: fragment", "event: changed"))
                if self.is_over:
                    return


@contextmanager
def signed_in(fairway):
    with httpx.Client(base_url=f"http://127.0.0.1:{fairway.port}", timeout=30) as client:
        form = client.get("/accounts/login/").text
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)[1]
        given = {"csrfmiddlewaretoken": token, "login": fairway.sign_in["username"], "password": fairway.sign_in["password"]}
        assert client.post("/accounts/login/", data=given).status_code == 302
        yield client


def test_the_database_is_gone_while_deployments_run_and_while_nothing_does(tmp_path):
    with PostgresServer(binaries_or_skip()) as server:
        url = server.create_database("gone")
        with holding(tmp_path, FAIRWAY_DATABASE_URL=url) as (fairway, moments), signed_in(fairway) as client:
            _outlives_an_outage(Desk(fairway, tmp_path), moments, server, client)


def _outlives_an_outage(desk, moments, server, client):
    fairway = desk.fairway
    idle, first = desk.launched("idle")
    cut = {desk.launched("cut")[0]: moment for moment in ("amid:prepare", "about:switch", "amid:switch", "about:retire")}
    for slug, moment in cut.items():
        moments.arm(slug, moment)
    numbers = {slug: desk.ship(slug, "2") for slug in cut}
    for slug, moment in cut.items():
        moments.await_holder(slug, moment)
    processes = {name: fairway.pid_of(name) for name in ("web", "worker")}
    follower = Follower(client)
    follower.start()
    with desk.visitors(idle, 0.2) as visitors, desk.visitors(next(iter(cut)), 0.2) as others:
        server.stop()
        began = time.monotonic()
        for slug, moment in cut.items():
            moments.let_go(slug, moment)
        _is_said_clearly(fairway, client)
        while time.monotonic() < began + GONE_FOR:
            assert desk.visit(idle).status == 200
            time.sleep(0.2)
        server.start()
        for number in numbers.values():
            fairway.live(number)
    for slug, number in numbers.items():
        desk.serves(slug, number, "2")
        lost = rows(
            fairway,
            "SELECT count(*) FROM fairway_runstep WHERE status IN ('lost', 'interrupted') AND run_id = "
            "(SELECT run_id FROM fairway_deployment WHERE id = ?)",
            number,
        )
        assert lost[0][0] >= 1, "the step that was cut is there to be seen"
    desk.serves(idle, first, "1")
    assert visitors.failed == others.failed == []
    assert {name: fairway.pid_of(name) for name in processes} == processes, "nobody died of it"
    _is_as_before(desk, client, follower)
    follower.is_over = True
    desk.is_whole()


def _is_said_clearly(fairway, client):
    page = client.get("/")
    assert page.status_code == 503
    assert "The database does not answer right now" in page.text
    assert "Traceback" not in page.text
    assert page.headers["Retry-After"] == "5"
    assert client.get("/", headers={"Accept": "application/json"}).json()["error"]
    answer = fairway.api("GET", "/deployments")
    assert (answer.status, answer.json["type"]) == (503, "urn:fairway:problem:database")
    assert client.get("/live", params={"topics": "home:matrix"}).status_code == 503


def _is_as_before(desk, client, follower):
    assert client.get("/").status_code == 200
    listening = "SELECT count(*) FROM pg_stat_activity WHERE left(query, 6) = 'LISTEN' AND datname = current_database()"
    wait_for(lambda: rows(desk.fairway, listening)[0][0] >= 1, "the worker listens again")
    heard = follower.heard
    desk.launched("after")
    wait_for(lambda: follower.heard > heard, "an open page hears of what happens")
