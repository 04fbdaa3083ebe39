"""What an event is and how events are chained. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

GENESIS = "0" * 64


class Break(StrEnum):
    """How the chain of events does not fit."""

    CHANGED = "changed"  # an event is not what it was
    MISSING = "missing"  # an event before another is gone, or is another one
    END = "end"  # the newest events are gone, or what remembers them was moved back
    HEADS = "heads"  # it fits in itself, but is not the chain that a head was signed for


# An older copy of the database that was put back looks like this, and an administrator may say so; it explains no others.
ACKNOWLEDGEABLE = frozenset({Break.END, Break.HEADS})


class Door(StrEnum):
    """By which way an act came in."""

    WEB = "web"
    API = "api"
    CLI = "cli"
    WEBHOOK = "webhook"
    SCHEDULE = "schedule"
    WORKER = "worker"


@dataclass(frozen=True)
class Who:
    """Who did it, as the event remembers it for ever: names, not references."""

    id: int | None
    name: str
    acting_role: str = ""
    door: str = Door.WORKER
    identified_by: str = ""  # "session", "token ci-main", …
    address: str = ""
    client: str = ""


@dataclass(frozen=True)
class On:
    """What it was done on. `application` and `environment` are slugs, for filters and visibility."""

    kind: str
    id: int | str
    label: str
    application: str = ""
    environment: str = ""


def canonical(content: Mapping[str, Any]) -> bytes:
    """One spelling per content: sorted keys, no spaces, UTF-8."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def chained_hash(previous: str, content: Mapping[str, Any]) -> str:
    """SHA-256 over the hash of the event before and this event's content."""
    return hashlib.sha256(previous.encode() + b"\n" + canonical(content)).hexdigest()
