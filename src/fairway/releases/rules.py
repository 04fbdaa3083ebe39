"""The status of a release derived from facts, and the state machines of packages and rollouts. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

LONGEST_DESCRIPTION = 10_000  # characters
MOST_PACKAGES = 200  # in one release; the graph stays readable to about 50
MOST_PARALLEL = 16
USUAL_PARALLEL = 4
LONGEST_START_BY = 7 * 24 * 60  # minutes


class ReleaseStatus(StrEnum):
    """The status that people see; never stored, always derived by `release_status`."""

    DRAFT = "draft"
    SEALED = "sealed"
    SCHEDULED = "scheduled"
    IN_PROGRESS = "in_progress"
    RELEASED = "released"
    PARTLY_SERVED = "partly_served"  # released, but something else has replaced a part of it since
    NO_LONGER_SERVED = "no_longer_served"  # released, but none of it is served any more
    FAILED = "failed"
    FALLEN_BACK = "fallen_back"
    CANCELLED = "cancelled"


class Stage(StrEnum):
    """How far a package is, according to people."""

    REGISTERED = "registered"
    TESTING = "testing"
    READY = "ready"


NEXT_STAGE: Mapping[Stage, frozenset[Stage]] = {
    Stage.REGISTERED: frozenset({Stage.TESTING, Stage.READY}),
    Stage.TESTING: frozenset({Stage.REGISTERED, Stage.READY}),
    Stage.READY: frozenset({Stage.TESTING, Stage.REGISTERED}),
}


class Resolution(StrEnum):
    """Whether the entered source has been resolved to an artifact."""

    RESOLVING = "resolving"
    RESOLVED = "resolved"
    UNRESOLVABLE = "unresolvable"


NEXT_RESOLUTION: Mapping[Resolution, frozenset[Resolution]] = {
    Resolution.RESOLVING: frozenset({Resolution.RESOLVED, Resolution.UNRESOLVABLE, Resolution.RESOLVING}),
    Resolution.RESOLVED: frozenset({Resolution.RESOLVING, Resolution.RESOLVED}),
    Resolution.UNRESOLVABLE: frozenset({Resolution.RESOLVING, Resolution.RESOLVED}),
}


class OnTarget(StrEnum):
    """The status of a package on one target."""

    ABSENT = "absent"
    DISTRIBUTING = "distributing"
    DISTRIBUTED = "distributed"
    DEPLOYING = "deploying"
    DEPLOYED = "deployed"
    FALLING_BACK = "falling_back"


NEXT_ON_TARGET: Mapping[OnTarget, frozenset[OnTarget]] = {
    OnTarget.ABSENT: frozenset({OnTarget.DISTRIBUTING, OnTarget.DEPLOYED}),
    OnTarget.DISTRIBUTING: frozenset({OnTarget.DISTRIBUTED, OnTarget.ABSENT}),
    OnTarget.DISTRIBUTED: frozenset({OnTarget.DISTRIBUTING, OnTarget.DEPLOYING, OnTarget.DEPLOYED, OnTarget.ABSENT}),
    OnTarget.DEPLOYING: frozenset({OnTarget.DEPLOYED, OnTarget.DISTRIBUTED}),
    OnTarget.DEPLOYED: frozenset({OnTarget.DEPLOYING, OnTarget.FALLING_BACK, OnTarget.ABSENT}),
    OnTarget.FALLING_BACK: frozenset({OnTarget.DISTRIBUTED, OnTarget.DEPLOYED}),
}
BUSY = frozenset({OnTarget.DISTRIBUTING, OnTarget.DEPLOYING, OnTarget.FALLING_BACK})
IN_USE = frozenset(OnTarget) - {OnTarget.ABSENT}
REPLACED = "replaced"  # shown instead of deployed while the placement serves something else


def shown_on_target(status: str, *, is_served: bool) -> str:
    """The status to show: *Deployed* only while the placement serves this very artifact."""
    return REPLACED if status == OnTarget.DEPLOYED and not is_served else status


class RolloutStatus(StrEnum):
    SCHEDULED = "scheduled"
    HELD = "held"  # its time has come, but something blocks it; it waits until its start-by limit
    RUNNING = "running"
    NEEDS_DECISION = "needs_decision"
    FALLING_BACK = "falling_back"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    FALLEN_BACK = "fallen_back"
    CANCELLED = "cancelled"


ROLLOUT_ENDED = frozenset(
    {RolloutStatus.SUCCEEDED, RolloutStatus.FAILED, RolloutStatus.FALLEN_BACK, RolloutStatus.CANCELLED}
)
ROLLOUT_ACTIVE = frozenset(RolloutStatus) - ROLLOUT_ENDED
ROLLOUT_NOT_BEGUN = frozenset({RolloutStatus.SCHEDULED, RolloutStatus.HELD})
ROLLOUT_UNDER_WAY = ROLLOUT_ACTIVE - ROLLOUT_NOT_BEGUN

_BADLY = frozenset({RolloutStatus.FAILED, RolloutStatus.CANCELLED})
NEXT_ROLLOUT: Mapping[RolloutStatus, frozenset[RolloutStatus]] = {
    RolloutStatus.SCHEDULED: frozenset({RolloutStatus.HELD, RolloutStatus.RUNNING}) | _BADLY,
    RolloutStatus.HELD: frozenset({RolloutStatus.RUNNING, RolloutStatus.SCHEDULED}) | _BADLY,
    RolloutStatus.RUNNING: frozenset({RolloutStatus.NEEDS_DECISION, RolloutStatus.SUCCEEDED}) | _BADLY,
    RolloutStatus.NEEDS_DECISION: frozenset({RolloutStatus.RUNNING, RolloutStatus.FALLING_BACK}) | _BADLY,
    RolloutStatus.FALLING_BACK: frozenset({RolloutStatus.FALLEN_BACK, RolloutStatus.NEEDS_DECISION}) | _BADLY,
    **{status: frozenset() for status in ROLLOUT_ENDED},
}


class Direction(StrEnum):
    FORWARD = "forward"
    BACK = "back"


class Choice(StrEnum):
    """The choices of a person when a rollout needs a decision."""

    RETRY = "retry"
    SKIP = "skip"
    FALL_BACK_ALL = "fall_back_all"
    STOP = "stop"


@dataclass(frozen=True)
class RolloutFacts:
    """The facts about a rollout that `release_status` needs. `at` is when it ended; None before that."""

    status: RolloutStatus
    at: datetime | None = None


@dataclass(frozen=True)
class ReleaseFacts:
    """The facts from which the status of a release is derived. `rollouts` are oldest first."""

    is_cancelled: bool = False
    sealed_at: datetime | None = None  # None also if the seal is outdated
    rollouts: Sequence[RolloutFacts] = ()
    is_deployed_on_last_target: bool = False  # all packages, and there is at least one
    served_there: int | None = None  # how many of them are served now; None: all
    is_anything_deployed: bool = False  # or distributed, anywhere


def release_status(facts: ReleaseFacts) -> ReleaseStatus:
    """Draft → Sealed → Scheduled → In progress → Released | Failed | Fallen back | Cancelled.

    A running rollout counts before a scheduled one, and that before ended ones. *Released* means that every package was
    deployed on the last target and is served there; it ends when something else replaces one. After a bad end, sealing again
    starts anew.
    """
    active = [rollout.status for rollout in facts.rollouts if rollout.status in ROLLOUT_ACTIVE]
    if any(status in ROLLOUT_UNDER_WAY for status in active):
        return ReleaseStatus.IN_PROGRESS
    if facts.is_cancelled:
        return ReleaseStatus.CANCELLED
    if active:
        return ReleaseStatus.SCHEDULED
    if facts.is_deployed_on_last_target:
        if facts.served_there is None:
            return ReleaseStatus.RELEASED
        return ReleaseStatus.PARTLY_SERVED if facts.served_there else ReleaseStatus.NO_LONGER_SERVED
    return _after_the_last_end(facts)


def _after_the_last_end(facts: ReleaseFacts) -> ReleaseStatus:
    ended = [
        rollout
        for rollout in facts.rollouts
        if rollout.status in ROLLOUT_ENDED and rollout.status != RolloutStatus.CANCELLED
    ]
    last = ended[-1] if ended else None
    is_sealed_since = facts.sealed_at is not None and (last is None or last.at is None or facts.sealed_at > last.at)
    if last is not None and last.status != RolloutStatus.SUCCEEDED and not is_sealed_since:
        return ReleaseStatus.FAILED if last.status == RolloutStatus.FAILED else ReleaseStatus.FALLEN_BACK
    if facts.is_anything_deployed:
        return ReleaseStatus.IN_PROGRESS
    return ReleaseStatus.SEALED if facts.sealed_at is not None else ReleaseStatus.DRAFT


def fingerprint(
    packages: Mapping[str, str], configurations: Mapping[str, Mapping[str, int]], dependencies: Sequence[tuple[str, str]]
) -> str:
    """SHA-256 over package → digest, target → application → configuration version, and (needs, needed) pairs."""
    content: dict[str, Any] = {
        "packages": dict(packages),
        "configurations": {target: dict(versions) for target, versions in configurations.items()},
        "dependencies": sorted(dependencies),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
