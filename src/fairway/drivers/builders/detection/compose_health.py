"""Reads ``healthcheck`` of a compose file. Pure. Source: compose-spec/compose-spec, ``spec.md``, "healthcheck"."""

from __future__ import annotations

import re
from typing import Any

from fairway.drivers.builders.command_line import programs_of, split_command
from fairway.drivers.builders.detection.compose_values import seconds
from fairway.drivers.builders.spec_rules import LONGEST_START
from fairway.shared.names import Invalid
from fairway.shared.yaml_with_lines import Item, refuse

USUAL_START = 60.0  # seconds that each service has by default to become ready
_OWN_URL = re.compile(r"http://(?:localhost|127\.0\.0\.1|0\.0\.0\.0)(?::(?P<port>\d{1,5}))?(?P<path>/[!-~]*)?")


def read_health(item: Item | None, port: int | None) -> tuple[dict[str, Any], float | None]:
    """(the health check of a service with this port, in the form of a spec; the seconds within which it must succeed).
    The seconds are None if the default is enough. Raises `Invalid`."""
    if item is None or item.is_null():
        return {}, None
    item.mapping().only(("test", "interval", "timeout", "retries", "start_period", "start_interval", "disable"))
    interval, start = duration(item.get("interval")), duration(item.get("start_period"))
    for key in ("timeout", "start_interval"):
        duration(item.get(key))
    retries = item.get("retries")
    times = count(retries) if retries is not None else 3
    longest = (start or 0.0) + times * (interval or 30.0) if start or interval else 0.0
    words = read_test(item)
    if not words:
        return {}, None
    path = _asked_path(words, port)
    check = {"health_path": path} if path else {"health_command": list(words)}
    return check, min(longest, LONGEST_START) if longest > USUAL_START else None


def read_test(item: Item | None) -> tuple[str, ...] | None:
    """The program of a health check; empty if it is disabled, None if there is no check. Raises `Invalid`."""
    if item is None or item.is_null():
        return None
    test, disable = item.mapping().get("test"), item.get("disable")
    words = _test(test) if test is not None else None
    return () if disable is not None and disable.text() == "true" else words


def _test(item: Item) -> tuple[str, ...]:
    """The program of a test; empty for ``NONE``. A test for a shell is accepted if it is one program that needs no shell.
    Raises `Invalid`."""
    if not item.is_sequence():
        return _shell_test(item, item.text())
    parts = item.sequence()
    first = parts[0].text() if parts else ""
    if first == "NONE":
        return ()
    if first == "CMD-SHELL" and len(parts) == 2:
        return _shell_test(parts[1], parts[1].text())
    if first != "CMD" or len(parts) < 2:
        refuse(item, "must be a list that starts with CMD, CMD-SHELL or NONE")
    return tuple(part.text().replace("$$", "$") for part in parts[1:])


def _shell_test(item: Item, text: str) -> tuple[str, ...]:
    line = re.sub(r"\|\|\s*exit(?:\s+\d+)?\s*$", "", text.replace("$$", "$")).strip()
    try:
        variables, words = split_command(line)
    except Invalid as error:
        refuse(item, f"is run without a shell, and {error.sentence.rstrip('.')}")
    if not words or variables or len(programs_of(words)) > 1:
        refuse(item, "is run without a shell; write one program with its words, e.g. [CMD, pg_isready, -q]")
    return words


def _asked_path(words: tuple[str, ...], port: int | None) -> str:
    """The path that curl or wget requests from the service itself, which Fairway can request without them; "" for any
    other command."""
    asked = _OWN_URL.fullmatch(words[-1]) if words[0] in ("curl", "wget") and port else None
    return (asked["path"] or "/") if asked and int(asked["port"] or 80) == port else ""


def duration(item: Item | None) -> float | None:
    """The duration in seconds; None if there is no item. Raises `Invalid`."""
    if item is None:
        return None
    value = seconds(item.text())
    return value if value is not None else refuse(item, "is not a duration; write e.g. “10s” or “1m30s”")


def count(item: Item) -> int:
    """A whole number from 1 to 999. Raises `Invalid`."""
    text = item.text()
    return int(text) if re.fullmatch(r"[1-9]\d{0,2}", text) else refuse(item, "must be a number from 1 to 999")
