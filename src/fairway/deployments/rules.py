"""The state machine of a deployment and the words people see. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

MOST_SLEEP_AFTER = 7 * 24 * 60  # minutes without a visit
MOST_REPLICAS = 8  # the proxy's route holds eight addresses (docs/decisions/0001)
START_BY = timedelta(days=7)  # after waiting longer than this for the gate to open, nobody expects it to start any more
CANARY = "canary"  # the step in which a new version gets a growing share of the requests
STEPS = ("prepare", "distribute", "release", "start", "check", CANARY, "switch", "retire")


class Status(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"  # the new version is bad
    ERRORED = "errored"  # our machinery broke
    CANCELLED = "cancelled"


ENDED = frozenset({Status.SUCCEEDED, Status.FAILED, Status.ERRORED, Status.CANCELLED})
ACTIVE = frozenset(set(Status) - ENDED)

NEXT: dict[Status, frozenset[Status]] = {
    Status.QUEUED: frozenset({Status.RUNNING, Status.WAITING, Status.CANCELLING, Status.CANCELLED, Status.ERRORED}),
    Status.RUNNING: frozenset(
        {Status.WAITING, Status.CANCELLING, Status.SUCCEEDED, Status.FAILED, Status.ERRORED, Status.CANCELLED}
    ),
    Status.WAITING: frozenset({Status.RUNNING, Status.CANCELLING, Status.CANCELLED, Status.FAILED, Status.ERRORED}),
    Status.CANCELLING: frozenset({Status.CANCELLED, Status.FAILED, Status.ERRORED, Status.SUCCEEDED}),
    **{status: frozenset() for status in ENDED},
}


class Kind(StrEnum):
    """Why a deployment was made."""

    DEPLOY = "deploy"
    PROMOTE = "promote"
    ROLLBACK = "rollback"
    RESTART = "restart"
    AUTOMATIC_ROLLBACK = "automatic_rollback"


BRINGS_SOMETHING_NEW = frozenset({Kind.DEPLOY, Kind.PROMOTE})


def approved_content(
    *,
    application: int,
    environment: int,
    artifact: str,
    spec: Mapping[str, Any],
    configuration: int | None,
    replicas: int | None,
) -> str:
    """The fingerprint that people approve: SHA-256 over the exact bytes, how they run, the version of the configuration, and
    the number of instances if somebody chose one. It includes the application and the environment, so that an approval is
    not valid for another one."""
    content = [application, environment, artifact, dict(spec), configuration, replicas]
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


Stretch = tuple[datetime, datetime | None]  # from when to when a version was healthy; None: it still is


def longest_stretch(stretches: Sequence[Stretch], now: datetime) -> timedelta:
    """The longest time for which a version was healthy without a break."""
    return max(((until or now) - since for since, until in stretches), default=timedelta(0))


def runs_release_command(kind: str, spec: Mapping[str, Any]) -> bool:
    """Whether a deployment of this kind runs the release command of a spec (in its JSON form). Rollbacks and restarts run
    none."""
    return kind in BRINGS_SOMETHING_NEW and bool(spec.get("release"))


def steps_for(kind: str, spec: Mapping[str, Any], *, is_canary: bool = False) -> tuple[str, ...]:
    """The steps of a deployment of this kind, in order."""
    left_out = set() if is_canary else {CANARY}
    if not runs_release_command(kind, spec):
        left_out.add("release")
    return tuple(name for name in STEPS if name not in left_out)


class Wanted(StrEnum):
    """What a placement should be doing."""

    RUNNING = "running"
    STOPPED = "stopped"
    REMOVED = "removed"


class Health(StrEnum):
    """What a placement was last seen doing."""

    UNKNOWN = "unknown"
    STARTING = "starting"
    HEALTHY = "healthy"
    DEGRADED = "degraded"  # some replicas answer
    DOWN = "down"
    STOPPED = "stopped"
    SLEEPING = "sleeping"  # nothing runs, and the next visit wakes it


AVAILABLE = frozenset({Health.HEALTHY, Health.SLEEPING})  # a visitor is answered


class Access(StrEnum):
    """Who may open an application."""

    PUBLIC = "public"
    SIGNED_IN = "signed_in"


class Strategy(StrEnum):
    """How a version follows the one before it."""

    OVERLAP = "overlap"  # it starts beside the old one, which serves until the traffic has moved: visitors notice nothing
    RECREATE = "recreate"  # it starts after the old one has stopped, because stored data has one writer


Volumes = Sequence[tuple[str, str]]  # as in a spec: (name, target)


def strategy_of(volumes: Volumes) -> Strategy:
    """How versions with these volumes follow each other: two versions that store data never run at the same time."""
    return Strategy.RECREATE if volumes else Strategy.OVERLAP


SERVICE_MARK = (
    "s"  # begins the label of an instance with an image of its own, where others have their deployment's (``d42``)
)


def has_own_image(label: str) -> bool:
    """Whether an instance with this label is a service with an image of its own, which belongs to no deployment."""
    return label.startswith(SERVICE_MARK)


def most_replicas(volumes: Volumes) -> int:
    """How many instances of a service with these volumes may run at a time."""
    return 1 if strategy_of(volumes) is Strategy.RECREATE else MOST_REPLICAS


def instance_counts(services: Sequence[str], replicas: int, scales: Mapping[str, int], volumes: Volumes) -> dict[str, int]:
    """How many instances each service has: the main one, which comes first, has `replicas`; each other has the number in
    `scales`, or one. With volumes no other service has more than one, because stored data has one writer per service."""
    main, *others = services
    most = most_replicas(volumes)
    return {main: replicas, **{name: min(most, scales.get(name, 1)) for name in others}}


def volumes_in_common(old: Volumes, new: Volumes) -> tuple[str, ...]:
    """The names of the volumes that both versions have; if there are none, the versions may run at the same time."""
    names = {name for name, _target in old}
    return tuple(name for name, _target in new if name in names)


RESTARTS_TOLERATED = 2  # per replica; if it restarts more often while it is watched, the version is bad


def may_move(old: str, new: str) -> bool:
    return Status(new) in NEXT[Status(old)]


def shown_status(status: str, *, is_current: bool) -> str:
    """The word people see: a succeeded deployment is Live while it is what the placement serves, later Superseded."""
    if status == Status.SUCCEEDED:
        return "live" if is_current else "superseded"
    return status


def overall_health(healthy: int, wanted: int, *, is_stopped: bool) -> Health:
    if is_stopped:
        return Health.STOPPED
    if healthy >= wanted > 0:
        return Health.HEALTHY
    return Health.DEGRADED if healthy else Health.DOWN


def ran_out_of_memory(before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of the instances whose last end was out of memory and has not been observed before."""
    known = {(one["name"], _ends(one)) for one in before if one.get("out_of_memory")}
    return [str(one["name"]) for one in now if one.get("out_of_memory") and (one["name"], _ends(one)) not in known]


def _ends(one: Mapping[str, Any]) -> int:
    """How often an observed instance has ended: each restart follows an end, and the last end may not be followed yet."""
    return int(one.get("restarts") or 0) + (one.get("state") not in ("running", "starting"))


def expected_seconds(past: list[float]) -> float | None:
    """The median of past durations; None when there are none."""
    ordered = sorted(past)
    if not ordered:
        return None
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
