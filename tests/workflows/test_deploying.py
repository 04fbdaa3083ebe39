"""The good workflows: live, replaced, rolled back, promoted, restarted, scaled, stopped, removed. Nobody outside notices."""

from __future__ import annotations

from tests.services.installation import wait_for
from tests.workflows.desk import Visitors


def test_a_folder_goes_live_and_a_second_version_replaces_it(desk):
    slug, first = desk.launched("hello")
    desk.serves(slug, first, "1")
    second = desk.ship(slug, "2")
    found = desk.fairway.live(second)
    desk.serves(slug, second, "2")
    assert desk.fairway.deployment(first)["status"] == "superseded"
    assert found["probe"]["failed"] == 0
    assert found["probe"]["sent"] > 0
    assert found["probe"]["first_seen_ms"] is not None
    assert found["gate_used"] == "http /health"
    assert [step["state"] for step in found["steps"]] == ["done"] * 6


def test_deployment_after_deployment_under_load_fails_no_request(desk):
    slug, _ = desk.launched("busy")
    with Visitors(desk.fairway.proxy_port, f"{slug}.staging.localhost") as visitors:
        wait_for(lambda: visitors.sent > 10, "visitors ask")
        for version in range(2, 5):
            number = desk.ship(slug, str(version))
            assert desk.fairway.live(number)["probe"]["failed"] == 0
        wait_for(lambda: "4" in visitors.seen, "the last version is seen")
    assert visitors.failed == []
    assert visitors.seen == {"1", "2", "3", "4"}
    desk.serves(slug, number, "4")


def test_a_rollback_restores_artifact_and_configuration_and_walks_further_back(desk):
    slug = desk.new("back")
    numbers = []
    for version in ("1", "2", "3"):
        desk.configure(slug, variables={"GREETING": f"hello {version}"})
        numbers.append(desk.ship(slug, version))
        desk.fairway.live(numbers[-1])
    assert desk.says(slug)["greeting"] == "hello 3"
    for version, target in (("2", numbers[1]), ("1", numbers[0])):
        number = desk.roll_back(slug)
        found = desk.fairway.live(number)
        assert (found["kind"], found["returns_to"]) == ("rollback", target)
        desk.serves(slug, number, version)
        assert desk.says(slug)["greeting"] == f"hello {version}"
        assert "build line" not in desk.fairway.log_of(number)
    refused = desk.fairway.api("POST", "/rollbacks", {"application": slug, "environment": "staging"})
    assert refused.status == 409
    assert refused.json["blockers"][0]["code"] == "nothing_to_roll_back_to"
    assert [one["id"] for one in desk.history(slug)][-3:] == list(reversed(numbers))
    number = desk.roll_back(slug, to=numbers[2])  # a person may name where to
    desk.fairway.live(number)
    desk.serves(slug, number, "3")


def test_promoting_takes_the_same_bytes_with_the_configuration_of_the_other_place(desk):
    slug = desk.new("promoted")
    desk.configure(slug, variables={"GREETING": "from staging"})
    desk.configure(slug, "production", variables={"GREETING": "from production"})
    staged = desk.fairway.live(desk.fairway.deploy(slug))
    wanted = {"application": slug, "environment": "production", "from_environment": "staging"}
    promoted = desk.fairway.live(desk.fairway.call("POST", "/promotions", wanted)["id"])
    assert (promoted["artifact"], promoted["digest"]) == (staged["artifact"], staged["digest"])
    log = desk.fairway.log_of(promoted["id"])
    assert "is built already" in log
    assert "build line" not in log
    assert "Unpacked" not in log
    assert desk.says(slug, environment="production")["greeting"] == "from production"
    desk.serves(slug, promoted["id"], "1", environment="production")


def test_a_restart_gives_fresh_instances_of_the_same(desk):
    slug, first = desk.launched("again")
    before = desk.says(slug)["pid"]
    number = desk.act(slug, "restart")["id"]
    desk.fairway.live(number)
    desk.serves(slug, number, "1")
    assert desk.says(slug)["pid"] != before
    assert desk.fairway.placement(slug)["previous_good"] is None, "a restart is nothing to go back from"
    assert first != number


def test_deploying_what_serves_already_starts_it_anew_and_says_so(desk):
    slug, _ = desk.launched("same")
    before = desk.says(slug)["pid"]
    number = desk.fairway.deploy(slug)
    desk.fairway.live(number)
    assert desk.says(slug)["pid"] != before
    log = desk.fairway.log_of(number)
    assert "serves exactly this already" in log
    assert "was built before" in log


def test_stopped_shows_a_friendly_page_and_started_is_back(desk):
    slug, number = desk.launched("nap")
    name = desk.names(slug)[0]
    desk.act(slug, "stopping")
    wait_for(lambda: desk.visit(slug).headers.get("x-fairway-page") == "stopped", "the friendly page")
    wait_for(lambda: desk.state_of(name).get("state") == "stopped", "the instance stops")
    wait_for(lambda: desk.fairway.placement(slug)["health"] == "stopped", "it is said")
    refused = desk.fairway.api("POST", f"/applications/{slug}/environments/staging/placement/restart", {})
    assert refused.status == 409
    desk.act(slug, "starting")
    desk.settles(slug, number, "1")
    wait_for(lambda: desk.fairway.placement(slug)["health"] == "healthy", "it is healthy")


def test_a_deployment_starts_what_was_stopped(desk):
    slug, _ = desk.launched("woken")
    desk.act(slug, "stopping")
    wait_for(lambda: desk.fairway.placement(slug)["health"] == "stopped", "it is stopped")
    number = desk.ship(slug, "2")
    desk.fairway.live(number)
    desk.serves(slug, number, "2")
    assert desk.fairway.placement(slug)["wanted"] == "running"


def test_scaling_to_three_and_back_fails_no_request(desk):
    slug, number = desk.launched("wide")
    with Visitors(desk.fairway.proxy_port, f"{slug}.staging.localhost") as visitors:
        wait_for(lambda: visitors.sent > 10, "visitors ask")
        desk.scale(slug, 3)
        desk.settles(slug, number, "1", replicas=3)
        wait_for(lambda: len({desk.says(slug)["pid"] for _ in range(9)}) == 3, "all three answer")
        desk.scale(slug, 1)
        desk.settles(slug, number, "1", replicas=1)
        asked = visitors.sent
        wait_for(lambda: visitors.sent > asked + 10, "visitors ask on")
    assert visitors.failed == []


def test_new_versions_keep_the_number_of_replicas(desk):
    slug, first = desk.launched("trio")
    desk.scale(slug, 3)
    desk.settles(slug, first, "1", replicas=3)
    number = desk.ship(slug, "2")
    desk.fairway.live(number)
    desk.serves(slug, number, "2", replicas=3)


def test_removing_takes_everything_but_history_and_volumes(desk):
    slug = desk.new("gone", spec={"volumes": [["data", "/data"]]})
    number = desk.fairway.deploy(slug)
    desk.fairway.live(number)
    desk.says(slug, "/keep?name=precious")
    volume = desk.fairway.data / "process" / "volumes" / f"{slug}.staging.data"
    home = desk.fairway.data / "process" / "homes" / f"{slug}.staging"
    where = f"/applications/{slug}/environments/staging/placement"
    desk.fairway.call("DELETE", where)
    wait_for(lambda: desk.fairway.api("GET", where).status == 404, "the placement is gone")
    assert desk.names(slug) == []
    assert desk.visit(slug).headers["x-fairway-page"] == "unknown"
    assert (volume / "precious").exists()
    assert [one["id"] for one in desk.history(slug)] == [number]
    again = desk.fairway.deploy(slug)
    desk.fairway.live(again)
    assert desk.says(slug)["kept"] == ["precious"]
    assert desk.fairway.api("DELETE", f"{where}?volumes_confirmed=wrong").status == 422
    desk.fairway.call("DELETE", f"{where}?volumes_confirmed={slug}.staging")
    wait_for(lambda: desk.fairway.api("GET", where).status == 404, "the placement is gone")
    assert not volume.exists()
    assert not home.exists()


def test_deleting_an_application_keeps_volumes_unless_confirmed(desk):
    slug = desk.new("deleted", spec={"volumes": [["data", "/data"]]})
    desk.fairway.live(desk.fairway.deploy(slug))
    desk.says(slug, "/keep?name=precious")
    volume = desk.fairway.data / "process" / "volumes" / f"{slug}.staging.data"
    assert desk.fairway.api("DELETE", f"/applications/{slug}?confirmed=other").status == 422
    desk.fairway.call("DELETE", f"/applications/{slug}?confirmed={slug}")
    wait_for(lambda: desk.names(slug) == [], "its instances are gone")
    wait_for(lambda: desk.visit(slug).headers.get("x-fairway-page") == "unknown", "its route is gone")
    assert desk.fairway.api("GET", f"/applications/{slug}").status == 404
    assert (volume / "precious").exists()


def test_nothing_of_fairway_itself_is_seen_by_an_application(desk):
    slug, _ = desk.launched("blind")
    ours = [name for name in desk.says(slug)["names"] if name.startswith(("FAIRWAY_", "DJANGO_"))]
    assert ours == [f"FAIRWAY_{one}" for one in ("APPLICATION", "DEPLOYMENT", "ENVIRONMENT", "SERVICE", "VERSION")]


def test_what_cannot_be_started_again_says_so_until_it_can(desk):
    hold = desk.gate(is_closed=False)
    slug, number = desk.launched("lame", start_held_by=hold.port)
    desk.act(slug, "stopping")
    wait_for(lambda: desk.fairway.placement(slug)["health"] == "stopped", "it is stopped")
    hold.close()
    desk.act(slug, "starting")
    wait_for(lambda: desk.visit(slug).headers.get("x-fairway-page") == "starting", "it is announced")
    wait_for(lambda: desk.visit(slug).headers.get("x-fairway-page") == "down", "the promise is taken back")
    wait_for(lambda: desk.events("placement.adjustment_failed", application=slug), "and it is said why")
    failure = desk.events("placement.adjustment_failed", application=slug)[0]
    assert "it had to be ready within" in failure["comment"]
    hold.open()
    desk.settles(slug, number, "1")
