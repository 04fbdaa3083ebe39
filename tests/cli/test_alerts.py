"""`fairway alerts` against a real installation: exit codes for scripts, thresholds, silences."""

from __future__ import annotations

from tests.cli.conftest import Fairway


def test_nothing_is_wrong_and_scripts_are_told_so(fairway: Fairway) -> None:
    listed = fairway("alerts")
    assert (listed.code, listed.out.strip()) == (0, "Nothing is wrong.")
    assert fairway.json("alerts") == []
    assert fairway.json("alerts", "--all", "--env", "development") == []


def test_thresholds_are_listed_changed_and_refused(fairway: Fairway) -> None:
    assert "errors" in fairway("alerts", "rules", "development").out
    changed = fairway.json("alerts", "rules", "development", "errors", "--threshold", "2", "--minutes", "10")
    assert changed["rules"]["errors"] == {"is_on": True, "threshold": 2.0, "minutes": 10}
    off = fairway.json("alerts", "rules", "development", "memory", "--off")["rules"]
    assert (off["memory"]["is_on"], off["errors"]["threshold"]) == (False, 2.0)
    wrong = fairway("alerts", "rules", "development", "errors", "--threshold", "0")
    assert (wrong.code, "must be a number from 0.1 to 100" in wrong.err) == (2, True)
    unknown = fairway("alerts", "rules", "development", "odd", "--off")
    assert (unknown.code, "“odd” is no kind" in unknown.err) == (2, True)
    nothing = fairway("alerts", "rules", "development", "--off")
    assert (nothing.code, "Say which kind" in nothing.err) == (2, True)


def test_alerts_are_silenced_for_a_while(fairway: Fairway) -> None:
    made = fairway.json("alerts", "silence", "development", "--for", "2h", "--reason", "The host is moved", "--kind", "down")
    assert "The host is moved" in fairway("alerts", "silences", "development", COLUMNS="160").out
    assert fairway("alerts", "end-silence", str(made["id"])).code == 0
    assert fairway.json("alerts", "silences", "development") == []
    wrong = fairway("alerts", "silence", "development", "--for", "soon", "--reason", "x")
    assert (wrong.code, "is no time" in wrong.err) == (2, True)
    assert fairway("alerts", "acknowledge", "999999").code == 2
