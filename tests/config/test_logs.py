"""Our own log says what happened, and nothing that lets somebody in."""

from __future__ import annotations

import json
import logging
import sys

import pytest
from django.urls import URLPattern, get_resolver

from fairway.config.logs import MASK, Discreet, JsonLine, without_what_lets_in

SECRET = "kJ8-x_Qm2vT7pLr9"


def _routes(patterns: list[object], before: str = "") -> list[str]:
    found: list[str] = []
    for one in patterns:
        here = before + str(one.pattern)  # type: ignore[attr-defined]
        found += [here] if isinstance(one, URLPattern) else _routes(one.url_patterns, here)  # type: ignore[attr-defined]
    return found


def test_every_address_with_a_secret_in_it_is_masked() -> None:
    routes = [
        one for one in _routes(get_resolver().url_patterns) if any(word in one for word in ("secret>", "key>", "token>"))
    ]
    assert len(routes) >= 4
    for route in routes:
        clean = route.strip("^$").replace("(?P<uidb36>[0-9A-Za-z]+)", "1a").replace("(?P<key>.+)", SECRET)
        address = "/" + clean.replace("<str:secret>", SECRET).replace("<str:token>", SECRET)
        assert SECRET in address
        assert SECRET not in without_what_lets_in(f"Internal Server Error: {address}"), route


@pytest.mark.parametrize(
    "text",
    [
        f"fwy_{'a' * 43}",
        f"https://ada:{SECRET}@example.com/x",
        f"/.fairway/signed-in?code={SECRET}",
        f"postgres://f:{SECRET}@db/x",
    ],
)
def test_tokens_codes_and_passwords_in_addresses_are_masked(text: str) -> None:
    shown = without_what_lets_in(f"before {text} after")
    assert SECRET not in shown
    assert "a" * 20 not in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")


@pytest.mark.parametrize(
    "text", ["http://localhost:8000/applications/", "ssh://git@example.com/x", "12:30:01 it is 3:4", "/first-run"]
)
def test_what_lets_nobody_in_stays(text: str) -> None:
    assert without_what_lets_in(text) == text


@pytest.mark.parametrize("formatter", [JsonLine(), Discreet("%(message)s")])
def test_messages_and_tracebacks_are_masked_alike(formatter: logging.Formatter) -> None:
    try:
        raise ValueError(f"http://localhost/first-run/{SECRET}")
    except ValueError:
        facts = sys.exc_info()
    record = logging.LogRecord("fairway", logging.ERROR, "", 1, "at %s", (f"/invitation/{SECRET}",), facts)
    said = formatter.format(record)
    assert SECRET not in said
    assert said.count(json.dumps(MASK)[1:-1] if MASK not in said else MASK) >= 2
