"""When a stage of a pipeline promotes what runs before it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from fairway.shared.names import Invalid

LONGEST_AFTER = 30 * 24 * 60  # minutes
RETRY = timedelta(minutes=1)  # after which a promotion that was blocked is tried again


class Promoted(StrEnum):
    """What became of a version at a stage."""

    REQUESTED = "requested"  # its deployment says how it goes on
    BLOCKED = "blocked"  # it could not be requested; it is tried again


class StageState(StrEnum):
    """What a stage waits for."""

    PAUSED = "paused"
    NOTHING = "nothing"  # nothing runs where it promotes from
    TAKEN_BACK = "taken_back"  # what runs there is there by a rollback
    THERE = "there"  # its environment serves the same bytes, or somebody has brought them there since
    UNHEALTHY = "unhealthy"  # what runs before it is not seen healthy
    WAITING = "waiting"  # it has not been healthy for long enough
    DUE = "due"
    BLOCKED = "blocked"  # the promotion was refused
    REQUESTED = "requested"  # the promotion was requested


@dataclass(frozen=True)
class Facts:
    """What is known when a stage is looked at. `brought` says whether a deployment brought the running version, and not a
    rollback. `was_there`: a deployment of the same bytes was requested in the stage's environment since, e.g. by hand.
    `healthy_since` is since when it has been healthy without a break, None if it is not. `blocked_at` is when its
    promotion was last refused."""

    is_paused: bool = False
    runs: bool = False
    brought: bool = False
    is_there: bool = False
    was_there: bool = False
    was_requested: bool = False
    healthy_since: datetime | None = None
    blocked_at: datetime | None = None


def parse_after(minutes: int, *, field: str = "after_minutes") -> int:
    """For how many minutes a version must have been healthy. Raises `Invalid`."""
    if isinstance(minutes, bool) or not 0 <= minutes <= LONGEST_AFTER:
        raise Invalid(field, "is {minutes}; give 0 to {most} minutes (30 days).", minutes=minutes, most=LONGEST_AFTER)
    return minutes


def state_of(facts: Facts, after: timedelta, now: datetime) -> StageState:
    """What the stage waits for, or that it is due."""
    if facts.is_paused:
        return StageState.PAUSED
    if not facts.runs:
        return StageState.NOTHING
    if not facts.brought:
        return StageState.TAKEN_BACK
    if facts.was_requested:
        return StageState.REQUESTED
    if facts.is_there or facts.was_there:
        return StageState.THERE
    if facts.healthy_since is None:
        return StageState.UNHEALTHY
    if now < facts.healthy_since + after:
        return StageState.WAITING
    if facts.blocked_at is not None and now < facts.blocked_at + RETRY:
        return StageState.BLOCKED
    return StageState.DUE


def goes_round(origins: Mapping[str, str], environment: str, origin: str) -> list[str]:
    """The way from `environment` back to itself if versions also came to it from `origin`; empty if there is none.

    `origins` says for each environment which one its versions come from.
    """
    known = {**origins, environment: origin}
    way = [environment]
    while (before := known.get(way[-1])) is not None and before not in way[1:]:
        way.append(before)
        if before == environment:
            return way[::-1]
    return []
