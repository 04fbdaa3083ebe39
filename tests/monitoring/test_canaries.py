"""A version that answers visitors worse than the one before is taken back: as a canary, or after it went live."""

from __future__ import annotations

import pytest

from tests.services.installation import installed, wait_for
from tests.workflows.desk import Desk

MANY = 80  # requests, enough for a verdict
SETTINGS = {
    "FAIRWAY_WATCH_SECONDS": "60",  # long enough for the numbers of the proxy, which come every ten seconds
    "FAIRWAY_WATCH_EVERY_SECONDS": "3",
    "FAIRWAY_CANARY_SECONDS": "11",
}


@pytest.fixture(scope="module")
def careful(tmp_path_factory):
    """An installation that rolls back what answers worse in production, where new versions come as canaries."""
    with installed(tmp_path_factory.mktemp("careful") / "data", **SETTINGS) as one:
        one.call("PATCH", "/environments/staging", {"when_worse": "roll_back"})
        one.call("PATCH", "/environments/production", {"strategy": "canary"})
        yield one


@pytest.fixture
def desk(careful, tmp_path):
    one = Desk(careful, tmp_path)
    yield one
    one.tidy()


def served(desk, slug, environment):
    """A first version that has answered many requests."""
    number = desk.fairway.deploy(slug, environment)
    desk.fairway.live(number)
    for _ in range(MANY):
        assert desk.visit(slug, "/page", environment).status == 200
    return number


def shares(desk, slug, number):
    """The eighths that the deployment had, by its events."""
    told = desk.events("deployment.waiting", application=slug, subject_id=number)
    return [int(event["comment"][0]) for event in reversed(told)]


def test_a_version_that_fails_for_visitors_is_rolled_back_with_the_numbers(desk):
    slug = desk.new("judged")
    first = served(desk, slug, "staging")
    bad = desk.ship(slug, "2", page=500)
    desk.fairway.live(bad)
    for _ in range(MANY):
        desk.visit(slug, "/page")
    wait_for(lambda: desk.history(slug)[0]["kind"] == "automatic_rollback", "it is rolled back")
    undo = desk.history(slug)[0]
    desk.fairway.live(undo["id"])
    assert undo["returns_to"] == first
    assert f"#{bad} (2) answers worse than the version before." in undo["reason"]
    judged = desk.fairway.deployment(bad)["judgement"]
    assert judged["verdict"] == "more_errors"
    assert judged["before"]["failed"] == 0
    assert judged["before"]["requests"] >= MANY
    assert 50 <= judged["after"]["failed"] <= MANY, (
        "no request was counted twice; what came after the verdict does not matter"
    )
    assert f"#{bad} (2)" in desk.fairway.placement(slug)["hold_reason"]
    told = desk.events("deployment.judged_worse", application=slug)
    assert [event["subject_id"] for event in told] == [str(bad)]
    assert desk.fairway.deployment(undo["id"])["judgement"] is None, "what is rolled back to is not judged"


def test_a_canary_gets_more_requests_step_by_step_and_nobody_notices(desk):
    slug = desk.new("canary")
    served(desk, slug, "production")
    with desk.visitors(slug, 0.02, "production") as visitors:
        number = desk.ship(slug, "2", "production")
        wait_for(lambda: shares(desk, slug, number) == [1], "it has an eighth")
        placement = desk.fairway.placement(slug, "production")
        assert placement["version"] == "1", "the version before is what serves"
        desk.fairway.live(number)
    assert shares(desk, slug, number) == [1, 2, 4]
    assert visitors.failed == []
    assert visitors.seen == {"1", "2"}
    desk.settles(slug, number, "2", environment="production")
    judged = desk.fairway.deployment(number)["judgement"]
    assert judged["verdict"] == "no_worse"
    assert judged["after"]["requests"] > MANY


def test_a_canary_that_fails_for_visitors_gives_all_requests_back(desk):
    slug = desk.new("bad-canary")
    first = served(desk, slug, "production")
    bad = desk.ship(slug, "2", "production", page=500)
    wait_for(lambda: shares(desk, slug, bad) == [1], "it has an eighth")
    while not desk.fairway.glimpse(bad)[0]:
        desk.visit(slug, "/page", "production")
    ended = desk.fairway.ended(bad)
    assert ended["status"] == "failed"
    had = shares(desk, slug, bad)
    assert had[-1] <= 2, "it never had more than a quarter"
    assert ended["sentence"].startswith(f"With {had[-1]}/8 of the requests it answers worse than the version before.")
    desk.settles(slug, first, "1", environment="production")
    assert {desk.visit(slug, "/page", "production").status for _ in range(16)} == {200}


def test_a_canary_that_somebody_cancels_gives_all_requests_back(desk):
    slug = desk.new("called-off")
    first = served(desk, slug, "production")
    number = desk.ship(slug, "2", "production")
    wait_for(lambda: shares(desk, slug, number) == [1], "it has an eighth")
    desk.cancel(number)
    assert desk.fairway.ended(number)["status"] == "cancelled"
    desk.settles(slug, first, "1", environment="production")


def test_a_canary_whose_worker_dies_goes_on_with_its_next_share(desk):
    slug = desk.new("survivor")
    first = served(desk, slug, "production")
    number = desk.ship(slug, "2", "production")
    wait_for(lambda: shares(desk, slug, number) == [1], "it has an eighth")
    desk.fairway.kill_worker()
    wait_for(lambda: shares(desk, slug, number) == [1, 2], "it has a quarter")
    assert {desk.says(slug, environment="production")["version"] for _ in range(16)} == {"1", "2"}
    desk.cancel(number)
    desk.fairway.ended(number)
    desk.settles(slug, first, "1", environment="production")


def test_a_first_version_goes_live_at_once(desk):
    slug = desk.new("first")
    number = desk.fairway.deploy(slug, "production")
    desk.fairway.live(number)
    assert desk.fairway.deployment(number)["strategy"] == "all"
    assert shares(desk, slug, number) == []


def test_a_deployment_may_choose_another_strategy(desk):
    slug = desk.new("chosen")
    desk.fairway.live(desk.fairway.deploy(slug, "production"))
    number = desk.fairway.deploy(slug, "production", source=desk.source("2"), strategy="all")
    desk.fairway.live(number)
    assert shares(desk, slug, number) == []
