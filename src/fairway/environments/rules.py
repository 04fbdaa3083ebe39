"""Rules for locks, host names and options of environments. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from fairway.drivers.hosts.address import SshAddress, is_ssh
from fairway.shared.names import Invalid, parse_domain

AVAILABLE = "available"
LOCKED = "locked"

DEFAULT_ENVIRONMENTS = (("development", 10), ("staging", 20), ("production", 30))
LIMIT_KEYS = {"memory_mb": (16, 1_048_576), "cpus": (0.05, 256), "pids": (16, 1_000_000)}


class Strategy(StrEnum):
    """How a new version gets the requests of visitors."""

    ALL = "all"  # all of them at once
    CANARY = "canary"  # an eighth, a quarter, a half and then all, as long as it answers no worse than the one before


class WhenWorse(StrEnum):
    """What happens if a new version answers worse than the one before while it is watched."""

    IGNORE = "ignore"  # the two are not compared
    TELL = "tell"
    ROLL_BACK = "roll_back"


@dataclass(frozen=True)
class Lock:
    """A lock that stops new work, open-ended or until a time, with its owner and reason."""

    owner: str
    reason: str
    at: datetime
    until: datetime | None = None

    def holds_at(self, now: datetime) -> bool:
        return self.until is None or now < self.until


def parse_choice(value: str, choices: type[StrEnum], *, field: str) -> str:
    """One of the choices. Raises `Invalid`."""
    if value not in set(choices):
        raise Invalid(field, "“{value}” is not known; there are: {names}.", value=value[:40], names=", ".join(choices))
    return str(value)


def parse_environment_host(text: str) -> str:
    """The domain below which applications get their host names: ``hello.<host>``. Raises `Invalid`."""
    host = parse_domain(text, field="host")
    if "." not in host and host != "localhost":
        raise Invalid("host", "needs a dot, e.g. “staging.example.com” or “staging.localhost”.")
    return host


def parse_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Runtime options: plain JSON, with limits inside `LIMIT_KEYS`. Raises `Invalid`."""
    clean = dict(options)
    if is_ssh(clean.get("host")):
        clean["host"] = str(SshAddress.parse(str(clean["host"]), field="options.host"))
    for key, (least, most) in LIMIT_KEYS.items():
        value = clean.get(key)
        if value is None:
            clean.pop(key, None)
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise Invalid(f"options.{key}", "must be a number between {least} and {most}.", least=least, most=most)
    return clean
