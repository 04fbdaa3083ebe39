"""One's sessions from the command line, against a real installation."""

from __future__ import annotations

from tests.cli.conftest import Fairway


def test_sessions_are_listed_and_ended(fairway: Fairway) -> None:
    found = fairway.json("sessions", "list")
    assert fairway("sessions", "list").code == 0
    missing = fairway("sessions", "end", "999999")
    assert (missing.code != 0, "session" in missing.err) == (True, True)
    assert "signed out in every browser" in fairway("sessions", "end-all").out
    assert fairway.json("sessions", "list") == []
    assert isinstance(found, list)
