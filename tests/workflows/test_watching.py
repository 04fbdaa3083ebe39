"""A version that keeps dying after it went live is taken back by itself, once, and automation is held."""

from __future__ import annotations

import contextlib
import os
import signal

from tests.services.installation import wait_for


def _kill_until(desk, slug, restarts):
    """SIGKILL the application again and again, as a bad version would die, until it was started that often."""
    name = desk.names(slug)[0]

    def is_done():
        state = desk.state_of(name)
        if state and state["restarts"] < restarts and state["app"]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(state["app"][0], signal.SIGKILL)
        return not state or state["restarts"] >= restarts

    wait_for(is_done, "its shim has started it again so often")


def _newest(desk, slug):
    return desk.history(slug)[0]


def test_a_version_that_keeps_dying_is_rolled_back_and_leaves_a_hold(desk):
    slug, first = desk.launched("dying")
    bad = desk.ship(slug, "2")
    desk.fairway.live(bad)
    _kill_until(desk, slug, restarts=3)
    wait_for(lambda: _newest(desk, slug)["kind"] == "automatic_rollback", "it is rolled back")
    undo = _newest(desk, slug)
    desk.fairway.live(undo["id"])
    desk.serves(slug, undo["id"], "1")
    assert (undo["returns_to"], undo["requested_by"]) == (first, "Fairway")
    assert f"#{bad} (2) restarted 3 times" in undo["reason"]
    placement = desk.fairway.placement(slug)
    assert placement["held_at"] is not None
    assert f"#{bad} (2)" in placement["hold_reason"]
    _is_never_undone_itself(desk, slug, undo["id"])
    desk.fairway.call("DELETE", f"/applications/{slug}/environments/staging/placement/hold")
    assert desk.fairway.placement(slug)["held_at"] is None


def _is_never_undone_itself(desk, slug, number):
    """Its version dying, too, changes nothing: it is kept alive, not rolled back."""
    before = len(desk.history(slug))
    _kill_until(desk, slug, restarts=3)
    desk.settles(slug, number, "1")
    assert len(desk.history(slug)) == before
    assert desk.events("deployment.requested", application=slug)[0]["subject_id"] == str(number)


def test_a_first_version_that_keeps_dying_is_held_with_the_reason(desk):
    slug, number = desk.launched("doomed", says=["Traceback (most recent call last):", "  File 'x'", "ValueError: doomed"])
    _kill_until(desk, slug, restarts=3)
    wait_for(lambda: desk.fairway.placement(slug)["held_at"] is not None, "automation is held")
    assert [one["id"] for one in desk.history(slug)] == [number], "there was nothing to go back to"
    comment = desk.events("placement.held", application=slug)[0]["comment"]
    assert comment.endswith("minutes of going live. Its last error: ValueError: doomed.")
