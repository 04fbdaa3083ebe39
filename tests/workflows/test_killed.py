"""SIGKILL to everything that is ours, at every bad moment: nothing is lost, nothing is doubled, applications serve on."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import ExitStack

import pytest

from fairway.drivers.proxy.admin import AdminSocket
from tests.services.installation import wait_for

STEPS = ("prepare", "start", "check", "switch", "retire")


@pytest.fixture(autouse=True)
def settled(desk):
    """Each test begins with a worker and leaves one."""
    desk.worker_is_there()
    yield
    desk.worker_is_there()


def _is_neither_lost_nor_doubled(desk, slug, number, version, deployments):
    assert desk.fairway.ended(number)["status"] == "live", desk.fairway.log_of(number)
    desk.serves(slug, number, version)
    assert [one["id"] for one in desk.history(slug)][0] == number
    assert len(desk.history(slug)) == deployments
    assert len(desk.events("deployment.succeeded", subject_id=number)) == 1
    switches = [one for one in desk.events("placement.switched", application=slug) if one["after"]["deployment"] == number]
    assert len(switches) == 1
    desk.is_whole()


class Held:
    """A second deployment of an application, held inside one step until it is let go."""

    def __init__(self, desk, slug):
        self.desk, self.slug, self.stack = desk, slug, ExitStack()
        self.answers = []

    def at(self, step):
        number = getattr(self, f"_{step}")()
        self.desk.fairway.reached(number, step)
        return number

    def let_go(self):
        self.stack.close()

    def _gate(self):
        gate = self.desk.gate()
        self.stack.callback(gate.open)
        return gate.port

    def _prepare(self):
        number = self.desk.ship(self.slug, "2", build_held_by=self._gate())
        wait_for(lambda: "build line 0" in self.desk.fairway.log_of(number), "the build runs")
        return number

    def _start(self):
        hold = self.desk.gate()
        number = self.desk.ship(self.slug, "2", build_held_by=hold.port)
        self.stack.enter_context(self.desk.instance_locked(self.slug, number))
        hold.open()
        return number

    def _check(self):
        number = self.desk.ship(self.slug, "2", start_held_by=self._gate())
        wait_for(lambda: len(self.desk.names(self.slug)) == 2, "the new instance stands beside the old")
        return number

    def _switch(self):
        hold = self.desk.gate()
        number = self.desk.ship(self.slug, "2", start_held_by=hold.port)
        self.desk.fairway.reached(number, "check")
        self.stack.enter_context(self.desk.routes_locked())
        hold.open()
        return number

    def _retire(self):
        hold = self.desk.gate()
        path = f"/held?by={hold.port}"
        thread = threading.Thread(target=lambda: self.answers.append(self.desk.says(self.slug, path)["version"]))
        thread.start()
        self.stack.callback(thread.join)
        self.stack.callback(hold.open)
        return self.desk.ship(self.slug, "2")


@pytest.mark.parametrize("step", STEPS)
def test_the_worker_inside_a_step(desk, step):
    slug, first = desk.launched(f"cut-{step}-")
    held = Held(desk, slug)
    number = held.at(step)
    desk.kill_worker()
    serving = "2" if step == "retire" else "1"
    assert desk.says(slug)["version"] == serving
    held.let_go()
    _is_neither_lost_nor_doubled(desk, slug, number, "2", deployments=2)
    assert held.answers == (["1"] if step == "retire" else []), "the request in flight was answered"


def test_the_worker_again_and_again_between_the_steps(desk):
    slug, first = desk.launched("sweep")
    number = desk.ship(slug, "2")
    killed_at = []
    while desk.fairway.deployment(number)["is_active"]:
        step = desk.fairway.deployment(number)["step"]
        if step and step not in killed_at and len(killed_at) < 3:
            desk.kill_worker()
            killed_at.append(step)
            desk.worker_is_there()
    assert len(killed_at) > 1
    _is_neither_lost_nor_doubled(desk, slug, number, "2", deployments=2)


def test_the_worker_while_it_cleans_up(desk):
    slug, first = desk.launched("cleaning")
    hold = desk.gate()
    number = desk.ship(slug, "2", start_held_by=hold.port)
    desk.fairway.reached(number, "check")
    with desk.instance_locked(slug, number):
        desk.cancel(number)
        desk.fairway.reached(number, "clean-up")
        desk.kill_worker()
    assert desk.fairway.ended(number)["status"] == "cancelled"
    desk.serves(slug, first, "1")
    hold.open()
    desk.is_whole()


@pytest.mark.parametrize("step", ["check", "switch"])
def test_the_whole_control_plane(desk, step):
    slug, first = desk.launched(f"plane-{step}-")
    held = Held(desk, slug)
    number = held.at(step)
    desk.fairway.kill_control_plane()
    assert desk.says(slug)["version"] == "1", "applications serve on without us"
    held.let_go()
    desk.fairway.start()
    _is_neither_lost_nor_doubled(desk, slug, number, "2", deployments=2)


def test_the_proxy(desk):
    slug, number = desk.launched("proxied")
    admin = AdminSocket(desk.fairway.data / "caddy" / "admin.sock")
    before = admin.pid()
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: desk.visit(slug).status == 200, "the same routes are served again")
    assert admin.pid() not in {None, before}
    desk.serves(slug, number, "1")
    following = desk.ship(slug, "2")
    assert desk.fairway.live(following)["probe"]["failed"] == 0


def test_an_application_is_started_again_by_its_shim(desk):
    slug, number = desk.launched("reborn")
    name = desk.names(slug)[0]
    before = desk.says(slug)["pid"]
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: _pid(desk, slug) not in {None, before}, "it is there again")
    assert desk.state_of(name)["restarts"] == 1
    desk.settles(slug, number, "1")


def _pid(desk, slug):
    answer = desk.visit(slug)
    return answer.json["pid"] if answer.status == 200 else None


def test_an_application_with_its_shim_is_repaired(desk):
    slug, number = desk.launched("orphaned")
    name = desk.names(slug)[0]
    before = desk.says(slug)["pid"]
    os.kill(desk.state_of(name)["minder"][0], signal.SIGKILL)  # the kernel ends the application with it
    wait_for(lambda: _pid(desk, slug) not in {None, before}, "it is there again")
    desk.settles(slug, number, "1")
    wait_for(lambda: desk.fairway.placement(slug)["drift"] == [], "nothing differs any more")
    drifts = [one["after"]["drift"] for one in desk.events("placement.observed", application=slug)]
    assert [f"{name} has died."] in [drift[:1] for drift in drifts]


def test_an_instance_that_nobody_owns_is_removed(desk):
    slug, _ = desk.launched("lost")
    name = desk.names(slug)[0]
    folder = desk.instance_folder(name)
    stray = desk.instance_folder("fairway-nobody.staging-d999999-0")
    stray.mkdir()
    facts = (folder / "instance.json").read_text().replace(f"{slug}.staging", "nobody.staging")
    (stray / "instance.json").write_text(facts)
    wait_for(lambda: desk.events("placement.orphans_removed"), "the stray is removed, and that is written down")
    assert not stray.exists()
    found = desk.events("placement.orphans_removed")
    assert found[0]["after"] == {"instances": [stray.name]}
    assert desk.names(slug) == [name]


def test_a_route_removed_by_hand_is_put_back(desk):
    slug, number = desk.launched("cutoff")
    (desk.routes / "open" / f"{slug}.staging.localhost").unlink()
    assert desk.visit(slug).status == 404
    desk.settles(slug, number, "1")
    drifts = [one["after"]["drift"] for one in desk.events("placement.observed", application=slug)]
    assert [f"{slug}.staging.localhost is not routed."] in drifts
