"""Old versions finish what visitors asked of them; the next deployment does not wait for that."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import pytest

from tests.services.installation import wait_for


class Asked:
    """A request that the version which serves now holds until it is let go."""

    def __init__(self, desk, slug):
        self.answers, self._gate = [], desk.gate()
        self._thread = threading.Thread(target=lambda: self.answers.append(desk.visit(slug, f"/held?by={self._gate.port}")))
        self._thread.start()

    def let_go(self):
        self._gate.open()
        self._thread.join()
        return [(answer.status, answer.json["version"]) for answer in self.answers]


@contextmanager
def asked(desk, slug):
    """It has arrived: asked before a switch, it belongs to the version before."""
    request = Asked(desk, slug)
    try:
        wait_for(lambda: desk.in_flight(slug) > 0, "the request has arrived")
        yield request
    finally:
        request.let_go()


def test_the_next_deployment_does_not_wait_for_the_visitors_of_the_last_but_one(desk):
    slug, first = desk.launched("overtaking")
    with asked(desk, slug) as request:
        second = desk.ship(slug, "2")
        desk.fairway.reached(second, "retire")
        third = desk.ship(slug, "3")
        desk.fairway.reached(third, "retire")
        assert desk.fairway.ended(second)["status"] == "superseded"
        assert "The next one is due: 1 old version" in desk.fairway.log_of(second)
        assert request.let_go() == [(200, "1")]
    desk.fairway.live(third)
    desk.serves(slug, third, "3")


@pytest.mark.parametrize("knobs", [{"crashes": True}])
def test_what_was_left_to_a_deployment_that_failed_is_retired_all_the_same(desk, knobs):
    slug, _ = desk.launched("inherited")
    with asked(desk, slug) as request:
        second = desk.ship(slug, "2")
        desk.fairway.reached(second, "retire")
        third = desk.ship(slug, "3", **knobs)
        assert desk.fairway.ended(third)["status"] == "failed"
        assert request.let_go() == [(200, "1")]
    desk.settles(slug, second, "2")
