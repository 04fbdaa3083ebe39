"""Cancelling at every step: the old version serves, nothing extra is left, the key is free for the next one."""

from __future__ import annotations

import threading

from tests.services.installation import wait_for


def _is_as_before(desk, slug, first, cancelled):
    found = desk.fairway.ended(cancelled)
    assert found["status"] == "cancelled", found["sentence"]
    assert "changed my mind" in found["sentence"]
    desk.serves(slug, first, "1")
    assert not (desk.fairway.data / "work" / f"deployment-{cancelled}").exists()
    following = desk.ship(slug, "9")
    desk.fairway.live(following)
    desk.serves(slug, following, "9")


def test_while_it_waits_behind_another(desk):
    slug, first = desk.launched("queued")
    hold = desk.gate()
    running = desk.ship(slug, "2", build_held_by=hold.port)
    desk.fairway.reached(running, "prepare")
    waiting = desk.ship(slug, "3")
    wait_for(lambda: desk.fairway.deployment(waiting)["queue_position"] is not None, "it says its place in the queue")
    desk.cancel(waiting)
    wait_for(lambda: desk.fairway.deployment(waiting)["status"] == "cancelled", "it ends although the other runs")
    assert desk.fairway.deployment(waiting)["started_at"] is None
    assert desk.fairway.deployment(running)["status"] == "running"
    desk.cancel(running)
    _is_as_before(desk, slug, first, running)
    hold.open()


def test_while_it_builds(desk):
    slug, first = desk.launched("building")
    hold = desk.gate()
    number = desk.ship(slug, "2", build_held_by=hold.port)
    wait_for(lambda: "build line 0" in desk.fairway.log_of(number), "the build runs")
    desk.cancel(number)
    _is_as_before(desk, slug, first, number)
    hold.open()


def test_while_it_starts(desk):
    slug, first = desk.launched("starting")
    hold = desk.gate()
    number = desk.ship(slug, "2", build_held_by=hold.port)
    with desk.instance_locked(slug, number):
        hold.open()
        desk.fairway.reached(number, "start")
        desk.cancel(number)
        wait_for(lambda: _clean_up_runs(desk, number), "the clean-up begins")
    _is_as_before(desk, slug, first, number)


def _clean_up_runs(desk, number):
    return desk.fairway.deployment(number)["step"] == "clean-up" or not desk.fairway.deployment(number)["is_active"]


def test_while_it_is_checked(desk):
    slug, first = desk.launched("checked")
    hold = desk.gate()
    number = desk.ship(slug, "2", start_held_by=hold.port)
    desk.fairway.reached(number, "check")
    wait_for(lambda: len(desk.names(slug)) == 2, "the new instance stands beside the old")
    desk.cancel(number)
    _is_as_before(desk, slug, first, number)
    hold.open()


def test_while_it_switches(desk):
    slug, first = desk.launched("switched")
    hold = desk.gate()
    number = desk.ship(slug, "2", start_held_by=hold.port)
    desk.fairway.reached(number, "check")
    with desk.routes_locked():
        hold.open()
        desk.fairway.reached(number, "switch")
        desk.cancel(number)
    _is_as_before(desk, slug, first, number)


def test_while_a_slow_request_keeps_the_old_version(desk):
    slug, first = desk.launched("retired")
    desk.scale(slug, 2)
    desk.settles(slug, first, "1", replicas=2)
    hold = desk.gate()
    answers = []
    slow = threading.Thread(target=lambda: answers.append(desk.visit(slug, f"/held?by={hold.port}")))
    slow.start()
    number = desk.ship(slug, "2")
    desk.fairway.reached(number, "retire")
    assert desk.fairway.placement(slug)["current"] == number
    desk.cancel(number)
    found = desk.fairway.ended(number)
    assert found["status"] == "cancelled"
    desk.serves(slug, first, "1", replicas=2)
    assert desk.fairway.placement(slug)["previous_good"] is None
    hold.open()
    slow.join()
    assert [answer.json["version"] for answer in answers] == ["1"], "the request in flight was answered"


def test_what_was_stopped_is_stopped_again(desk):
    slug, first = desk.launched("asleep")
    desk.act(slug, "stopping")
    wait_for(lambda: desk.fairway.placement(slug)["health"] == "stopped", "it is stopped")
    hold = desk.gate()
    number = desk.ship(slug, "2", start_held_by=hold.port)
    desk.fairway.reached(number, "check")
    with desk.routes_locked():
        hold.open()
        desk.fairway.reached(number, "switch")
        desk.cancel(number)
    assert desk.fairway.ended(number)["status"] == "cancelled"
    assert desk.visit(slug).headers["x-fairway-page"] == "stopped"
    assert desk.names(slug) == [f"fairway-{slug}.staging-d{first}-0"]
    assert desk.state_of(desk.names(slug)[0])["state"] == "stopped"
    assert desk.fairway.placement(slug)["wanted"] == "stopped"


def test_an_application_that_ignores_being_asked_to_stop(desk):
    slug = desk.new("stubborn", spec={"stop_grace": 1}, ignores_term=True)
    first = desk.fairway.deploy(slug)
    desk.fairway.live(first)
    number = desk.ship(slug, "2")
    desk.fairway.live(number)
    desk.serves(slug, number, "2")
