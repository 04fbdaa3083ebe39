"""An application sleeps, and whoever comes next waits for it and is answered."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from tests.services.installation import wait_for
from tests.services.waiting import PATIENCE
from tests.workflows import tinyapp
from tests.workflows.desk import Desk

AT_ONCE = 60


def placement(desk: Desk, slug: str) -> dict:
    return desk.fairway.call("GET", f"/applications/{slug}/environments/staging/placement")


def put_to_sleep(desk: Desk, slug: str) -> None:
    desk.act(slug, "sleeping")
    wait_for(lambda: placement(desk, slug)["health"] == "sleeping", "it sleeps")


def ask(desk: Desk, slug: str, method: str = "GET", body: bytes | None = None) -> int:
    with closing(http.client.HTTPConnection("127.0.0.1", desk.fairway.proxy_port, timeout=PATIENCE)) as connection:
        connection.request(method, "/", body, {"Host": f"{slug}.staging.localhost"})
        with connection.getresponse() as response:
            response.read()
            return response.status


def alive(desk: Desk, slug: str) -> list[str]:
    return [name for name in desk.names(slug) if desk.state_of(name).get("state") == "running"]


def test_it_sleeps_and_its_first_visitors_wait_and_are_answered(desk: Desk) -> None:
    slug, number = desk.launched("sleeper")
    assert len(alive(desk, slug)) == 1
    put_to_sleep(desk, slug)
    assert alive(desk, slug) == []
    assert desk.generation(slug) == ""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        asked = [pool.submit(ask, desk, slug) for _ in range(AT_ONCE)]
        assert [one.result() for one in asked] == [200] * AT_ONCE
    assert desk.generation(slug) == f"d{number}"
    wait_for(lambda: placement(desk, slug)["health"] == "healthy", "it is seen awake")
    shown = placement(desk, slug)["sleep"]
    assert (shown["asleep_since"], shown["wake_seconds"] > 0) == (None, True)
    assert len(desk.events("placement.wake_requested", application=slug)) == 1, "one visitor wakes it for all"
    assert len(desk.events("placement.woke", application=slug)) == 1


def test_nobody_takes_it_for_ill_and_nothing_starts_it(desk: Desk) -> None:
    slug, _ = desk.launched("quiet")
    put_to_sleep(desk, slug)
    before = len(desk.events("placement.adjusted", application=slug))
    desk.reconciled()
    shown = placement(desk, slug)
    assert (shown["health"], shown["drift"], shown["wanted"]) == ("sleeping", [], "running")
    assert len(desk.events("placement.adjusted", application=slug)) == before
    assert alive(desk, slug) == []


def test_a_deployment_wakes_it_first_and_a_bad_one_gives_back_to_it(desk: Desk) -> None:
    slug, first = desk.launched("dreamer")
    put_to_sleep(desk, slug)
    number = desk.ship(slug, "2", health=500)
    assert desk.fairway.ended(number)["status"] == "failed"
    assert desk.says(slug)["version"] == "1"
    assert desk.generation(slug) == f"d{first}"
    put_to_sleep(desk, slug)
    desk.fairway.live(desk.ship(slug, "3"))
    assert desk.says(slug)["version"] == "3"
    assert placement(desk, slug)["health"] == "healthy"


def test_it_stays_asleep_while_fairway_goes_and_comes(desk: Desk) -> None:
    slug, _ = desk.launched("hibernator")
    put_to_sleep(desk, slug)
    desk.fairway.stop()
    desk.fairway.start()
    assert placement(desk, slug)["health"] == "sleeping"
    assert alive(desk, slug) == []
    assert ask(desk, slug, "POST", b"hello") == 501, "the application has no POST, and says so itself"
    assert ask(desk, slug) == 200


def test_a_worker_that_is_killed_while_it_wakes_loses_nobody(desk: Desk) -> None:
    gate = desk.gate(is_closed=False)
    slug, _ = desk.launched("victim", start_held_by=gate.port)
    put_to_sleep(desk, slug)
    gate.close()
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask, desk, slug) for _ in range(8)]
        wait_for(lambda: alive(desk, slug), "it is being started")
        desk.fairway.kill_worker()
        gate.open()
        assert [one.result() for one in asked] == [200] * 8


def test_a_policy_brings_replicas_and_says_who_did_it(desk: Desk) -> None:
    slug, number = desk.launched("growing")
    where = f"/applications/{slug}/environments/staging/placement/scaling"
    desk.fairway.call("PUT", where, {"minimum": 2, "maximum": 3, "cpu": 100})
    wait_for(lambda: len(alive(desk, slug)) == 2, "the autoscaler has looked, and both run")
    desk.settles(slug, number, "1", replicas=2)
    [event] = desk.events("placement.scale_requested", application=slug)
    assert event["actor_name"] == "Autoscaler"
    assert desk.fairway.call("GET", where)["replicas"] == 2


def test_workers_can_be_kept_awake(desk: Desk) -> None:
    slug, number = desk.launched("owl", spec={"services": tinyapp.SERVICES})
    where = f"/applications/{slug}/environments/staging/placement/sleep"
    desk.fairway.call("PUT", where, {"after": 600, "keeps_workers": True})
    put_to_sleep(desk, slug)
    worker = f"fairway-{slug}.staging-d{number}-worker-0"
    assert alive(desk, slug) == [worker]
    pid = desk.state_of(worker)["app"]
    desk.reconciled()
    assert placement(desk, slug)["drift"] == []
    assert ask(desk, slug) == 200
    assert len(alive(desk, slug)) == 2
    assert desk.state_of(worker)["app"] == pid, "it went on"
    desk.fairway.call("PUT", where, {"after": 600, "keeps_workers": False})
    put_to_sleep(desk, slug)
    assert alive(desk, slug) == []


AUTOMATICALLY = """
import sys, django
django.setup()
from fairway.deployments.commands.sleeping import put_to_sleep
from fairway.deployments.models import Placement
from fairway.worker.scaling import autoscaler
placement = Placement.objects.select_related("application", "environment").get(application__slug=sys.argv[1])
put_to_sleep(actor=autoscaler(placement), placement=placement, is_automatic=True)
"""


def test_who_comes_while_it_falls_asleep_by_itself_keeps_it_awake(desk: Desk) -> None:
    gate = desk.gate()
    slug, number = desk.launched("light")
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(desk.visit, slug, f"/held?by={gate.port}")
        wait_for(lambda: desk.in_flight(slug) == 1, "somebody is being answered")
        environment = {**os.environ, "FAIRWAY_DATA": str(desk.fairway.data)}
        environment["DJANGO_SETTINGS_MODULE"] = "fairway.config.settings"
        subprocess.run([sys.executable, "-c", AUTOMATICALLY, slug], env=environment, check=True)
        wait_for(lambda: desk.events("placement.stayed_awake", application=slug), "it stays awake")
        assert desk.generation(slug) == f"d{number}"
        gate.open()
        assert held.result().status == 200
    assert placement(desk, slug)["sleep"]["asleep_since"] is None
    assert len(alive(desk, slug)) == 1
