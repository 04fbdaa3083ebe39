"""What we stand on is gone: the database for twenty seconds, and the proxy around a switch."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from contextlib import contextmanager, suppress

import httpx
import pytest

from fairway.drivers.proxy.admin import AdminSocket
from tests.services.installation import wait_for
from tests.services.waiting import PATIENCE
from tests.workflows.held import rows

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
        with self.client.stream(
            "GET", "/live", params={"topics": "home:matrix"}, headers=headers, timeout=PATIENCE
        ) as answer:
            for line in answer.iter_lines():
                if line.startswith("id: "):
                    self.last = line[4:]
                self.heard += line.startswith(("event: fragment", "event: changed"))
                if self.is_over:
                    return


@contextmanager
def signed_in(fairway):
    with httpx.Client(base_url=f"http://127.0.0.1:{fairway.port}", timeout=PATIENCE) as client:
        form = client.get("/accounts/login/").text
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)[1]
        given = {"csrfmiddlewaretoken": token, "login": fairway.sign_in["username"], "password": fairway.sign_in["password"]}
        assert client.post("/accounts/login/", data=given).status_code == 302
        yield client


def test_the_database_is_gone_while_deployments_run_and_while_nothing_does(spread):
    desk, moments, server = spread.desk, spread.moments, spread.server
    idle, first = desk.launched("idle")
    numbers = _held_at(desk, moments, "amid:prepare", "about:switch", "amid:switch", "about:retire")
    processes = {name: desk.fairway.pid_of(name) for name in ("web", "worker")}
    with signed_in(desk.fairway) as client, desk.visitors(idle, 0.2) as visitors:
        follower = Follower(client)
        follower.start()
        server.stop()
        began = time.monotonic()
        _let_go(moments, numbers)
        _is_said_clearly(desk.fairway, client)
        while time.monotonic() < began + GONE_FOR:
            assert desk.visit(idle).status == 200
            time.sleep(0.2)
        server.start()
        for number in numbers.values():
            desk.fairway.live(number)
        _is_as_before(desk, client, follower)
        follower.is_over = True
    for (slug, _moment), number in numbers.items():
        desk.serves(slug, number, "2")
        ((cut,),) = rows(desk.fairway, _CUT, number)
        assert cut >= 1, "the step that was cut is there to be seen"
    desk.serves(idle, first, "1")
    assert visitors.failed == []
    assert {name: desk.fairway.pid_of(name) for name in processes} == processes, "nobody died of it"
    desk.is_whole()


_CUT = """SELECT count(*) FROM fairway_runstep WHERE status IN ('lost', 'interrupted')
AND run_id = (SELECT run_id FROM fairway_deployment WHERE id = ?)"""


def _held_at(desk, moments, *places):
    """For each of these moments a deployment of version 2 that is held there."""
    slugs = {moment: desk.new("cut") for moment in places}
    for number in [desk.fairway.deploy(slug) for slug in slugs.values()]:
        desk.fairway.live(number)
    for moment, slug in slugs.items():
        moments.arm(slug, moment)
    numbers = {(slug, moment): desk.ship(slug, "2") for moment, slug in slugs.items()}
    for slug, moment in numbers:
        moments.await_holder(slug, moment)
    return numbers


def _let_go(moments, numbers):
    for slug, moment in numbers:
        moments.let_go(slug, moment)


def test_the_proxy_is_killed_around_the_switch(spread):
    desk, moments = spread.desk, spread.moments
    numbers = _held_at(desk, moments, "about:switch", "amid:switch", "begin:retire", "about:retire")
    admin = AdminSocket(desk.fairway.data / "caddy" / "admin.sock")
    before = admin.pid()
    os.kill(before, signal.SIGKILL)
    _let_go(moments, numbers)
    for (slug, _moment), number in numbers.items():
        desk.fairway.live(number)
        desk.serves(slug, number, "2")
    assert admin.pid() not in {None, before}
    desk.is_whole()


def _is_said_clearly(fairway, client):
    page = client.get("/")
    assert page.status_code == 503
    assert "The database is not responding" in page.text
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
