"""The parts of an event, and how events are chained by hashes. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

GENESIS = "0" * 64


class Break(StrEnum):
    """How the event chain is broken."""

    CHANGED = "changed"  # an event was changed
    MISSING = "missing"  # an event between others was deleted or exchanged
    END = "end"  # the newest events are missing, or the chain's head was moved back
    HEADS = "heads"  # the chain is consistent, but does not match a signed head


# Restoring an older copy of the database causes these two, so an administrator may acknowledge them, but no others.
ACKNOWLEDGEABLE = frozenset({Break.END, Break.HEADS})


class Door(StrEnum):
    """The interface through which an act was requested."""

    WEB = "web"
    API = "api"
    CLI = "cli"
    WEBHOOK = "webhook"
    SCHEDULE = "schedule"
    WORKER = "worker"


@dataclass(frozen=True)
class Who:
    """Who did it, as the event stores it: names, which stay true when the account is changed or deleted."""

    id: int | None
    name: str
    acting_role: str = ""
    door: str = Door.WORKER
    identified_by: str = ""  # "session", "token ci-main", …
    address: str = ""
    client: str = ""


@dataclass(frozen=True)
class On:
    """The subject of an event. `application` and `environment` are slugs, for filters and visibility."""

    kind: str
    id: int | str
    label: str
    application: str = ""
    environment: str = ""


def canonical(content: Mapping[str, Any]) -> bytes:
    """The canonical JSON of a content: sorted keys, no spaces, UTF-8."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def chained_hash(previous: str, content: Mapping[str, Any]) -> str:
    """The SHA-256 over the previous event's hash and this event's content."""
    return hashlib.sha256(previous.encode() + b"\n" + canonical(content)).hexdigest()
