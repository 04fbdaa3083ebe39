"""Prices and costs from the command line, against a real installation."""

from __future__ import annotations

from tests.cli.conftest import Fairway


def test_a_price_is_set_and_costs_are_told(fairway: Fairway) -> None:
    assert "has no price" in fairway("prices", "list", "production").out
    wrong = fairway("prices", "set", "production", "--currency", "euros")
    assert (wrong.code, "three letters" in wrong.err) == (2, True)
    amounts = ("--cpu-hour", "0.012", "--memory-gb-hour", "0.004", "--month", "90", "--from", "2026-03-01")
    assert "from 2026-03-01 on" in fairway("prices", "set", "production", "--currency", "eur", *amounts).out
    [one] = fairway.json("prices", "list", "production")
    assert (one["currency"], one["cpu_hour"], one["month"]) == ("EUR", "0.012", "90")
    assert "0.004" in fairway("prices", "list", "production").out
    shown = fairway("costs", "--month", "2026-03")
    assert (shown.code, "90.00" in shown.out, "nobody" in shown.out) == (0, True, True)
    assert ",production,EUR," in fairway("costs", "--month", "2026-03", "--csv").out
    assert fairway("costs", "--csv", "--json").code == 2
    assert fairway("costs", "--month", "March").code == 2
