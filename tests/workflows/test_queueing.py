"""One at a time per application and environment; production never waits behind staging; the place in the queue shows."""

from __future__ import annotations

from tests.services.installation import wait_for

SLOTS_FOR_ALL = 3  # four slots, one kept for production


def test_five_rapid_deployments_run_one_after_the_other(desk):
    slug, _ = desk.launched("rapid")
    hold = desk.gate()
    numbers = [desk.ship(slug, "2", build_held_by=hold.port)] + [desk.ship(slug, str(n)) for n in range(3, 7)]
    desk.fairway.reached(numbers[0], "prepare")
    found = [desk.fairway.deployment(number) for number in numbers]
    assert [one["status"] for one in found] == ["running", *["queued"] * 4]
    positions = [one["queue_position"] for one in found[1:]]
    assert positions == sorted(set(positions)), "each one's place is its own, in order"
    hold.open()
    last = desk.fairway.live(numbers[-1])
    assert [desk.fairway.deployment(number)["status"] for number in numbers] == [*["superseded"] * 4, "live"]
    desk.serves(slug, last["id"], "6")
    spans = [(one["started_at"], one["finished_at"]) for one in map(desk.fairway.deployment, numbers)]
    assert all(end <= begin for (_, end), (begin, _) in zip(spans, spans[1:], strict=False)), "never two at once"


def test_production_is_not_queued_behind_staging_builds(desk):
    hold = desk.gate()
    builders = [desk.new("slow", build_held_by=hold.port) for _ in range(SLOTS_FOR_ALL)]
    urgent, waits = desk.new("urgent"), desk.new("patient")
    numbers = [desk.fairway.deploy(slug) for slug in builders]
    for number in numbers:
        desk.fairway.reached(number, "prepare")
    behind = desk.fairway.deploy(waits)
    number = desk.fairway.deploy(urgent, "production")
    desk.fairway.live(number)
    desk.serves(urgent, number, "1", environment="production")
    shown = desk.fairway.deployment(behind)
    assert (shown["status"], shown["started_at"]) == ("queued", None)
    assert shown["queue_position"] is not None
    hold.open()
    for one in [*numbers, behind]:
        desk.fairway.live(one)


def test_what_is_asked_while_a_deployment_runs_still_counts(desk):
    slug, _ = desk.launched("wishes")
    hold = desk.gate()
    number = desk.ship(slug, "2", build_held_by=hold.port)
    desk.fairway.reached(number, "prepare")
    desk.scale(slug, 2)
    hold.open()
    desk.fairway.live(number)
    desk.settles(slug, number, "2", replicas=2)


def test_stopping_while_a_deployment_runs_stops_it_once_it_is_live(desk):
    slug, _ = desk.launched("halted")
    hold = desk.gate()
    number = desk.ship(slug, "2", start_held_by=hold.port)
    desk.fairway.reached(number, "check")
    desk.act(slug, "stopping")
    hold.open()
    desk.fairway.live(number)
    wait_for(lambda: desk.fairway.placement(slug)["health"] == "stopped", "it is stopped")
    assert desk.visit(slug).headers["x-fairway-page"] == "stopped"
    assert desk.fairway.placement(slug)["current"] == number


def test_a_restart_asked_for_before_a_newer_version_went_live_is_moot(desk):
    slug, _ = desk.launched("moot")
    hold = desk.gate()
    number = desk.ship(slug, "2", build_held_by=hold.port)
    desk.fairway.reached(number, "prepare")
    restart = desk.act(slug, "restart")["id"]
    hold.open()
    desk.fairway.live(number)
    found = desk.fairway.ended(restart)
    assert found["status"] == "failed"
    assert f"#{number} went live meanwhile" in found["sentence"]
    desk.settles(slug, number, "2")  # also with the old version, if that was left to the restart


def test_a_removal_asked_for_while_a_deployment_runs_is_not_forgotten(desk):
    slug, _ = desk.launched("leaving")
    hold = desk.gate()
    number = desk.ship(slug, "2", build_held_by=hold.port)
    desk.fairway.reached(number, "prepare")
    where = f"/applications/{slug}/environments/staging/placement"
    desk.fairway.call("DELETE", where)
    hold.open()
    wait_for(lambda: desk.fairway.api("GET", where).status == 404, "it is gone")
    assert desk.names(slug) == []
    assert desk.visit(slug).headers["x-fairway-page"] == "unknown"
