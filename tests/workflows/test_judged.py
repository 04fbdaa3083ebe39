"""A version that answers visitors worse than the one before is taken back, where its environment asks for that."""

from __future__ import annotations

import pytest

from tests.services.installation import wait_for

MANY = 80  # requests, enough for a verdict


@pytest.fixture
def strict(desk):
    """Production rolls back what answers worse."""
    path = "/environments/production"
    desk.fairway.call("PATCH", path, {"when_worse": "roll_back"})
    yield "production"
    desk.fairway.call("PATCH", path, {"when_worse": "tell"})


def test_a_version_that_fails_for_visitors_is_rolled_back_with_the_numbers(desk, strict):
    slug = desk.new("judged")
    first = desk.fairway.deploy(slug, strict)
    desk.fairway.live(first)
    for _ in range(MANY):
        assert desk.visit(slug, "/page", strict).status == 200
    bad = desk.ship(slug, "2", strict, page=500)
    desk.fairway.live(bad)
    for _ in range(MANY):
        desk.visit(slug, "/page", strict)
    wait_for(lambda: desk.history(slug)[0]["kind"] == "automatic_rollback", "it is rolled back")
    undo = desk.history(slug)[0]
    desk.fairway.live(undo["id"])
    assert undo["returns_to"] == first
    assert f"#{bad} (2) answers worse than the version before." in undo["reason"]
    judged = desk.fairway.deployment(bad)["judgement"]
    assert judged["verdict"] == "more_errors"
    assert judged["before"]["failed"] == 0
    assert judged["before"]["requests"] >= MANY
    assert judged["after"]["failed"] == MANY, "each request was counted once"
    assert f"#{bad} (2)" in desk.fairway.placement(slug, strict)["hold_reason"]
    told = desk.events("deployment.judged_worse", application=slug)
    assert [event["subject_id"] for event in told] == [str(bad)]
    assert desk.fairway.deployment(undo["id"])["judgement"] is None, "what is rolled back to is not judged"
