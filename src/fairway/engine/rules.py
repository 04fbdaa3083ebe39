"""The engine's rules: which status may follow which, how long to pause, which lanes may use a slot. No Django here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum

LONGEST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE_AWAY = timedelta(seconds=10)  # for something unreachable: it is usually back soon, and everybody waits for it
ATTEMPTS_AWAY = 30  # with these pauses, about five minutes
CRASHES_FORGIVEN = 20  # a clean-up that kills its worker this often is given up


class Status(StrEnum):
    """The state of a run."""

    QUEUED = "queued"  # wants its key and a slot, from `run_at` on
    RUNNING = "running"  # a worker executes it, or did until its lease expired
    WAITING = "waiting"  # started, without a slot: it asked to wait, or it pauses before trying again
    CANCELLING = "cancelling"  # asked to cancel; its clean-up is still to be done
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ERRORED = "errored"
    CANCELLED = "cancelled"


class StepStatus(StrEnum):
    """The state of one attempt of a step."""

    RUNNING = "running"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    RETRYING = "retrying"  # failed for now, another attempt follows
    FAILED = "failed"
    ERRORED = "errored"
    CANCELLED = "cancelled"
    LOST = "lost"  # its worker died or lost the lease
    INTERRUPTED = "interrupted"  # its worker was shut down regularly


class CleanUp(StrEnum):
    """How far the clean-up of a run is; empty while there is nothing to clean up."""

    NONE = ""
    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


FINISHED = frozenset({Status.SUCCEEDED, Status.FAILED, Status.ERRORED, Status.CANCELLED})
LIVE = frozenset(Status) - FINISHED
CLAIMED = frozenset({Status.RUNNING, Status.CANCELLING})  # the only ones that may have an owner

NEXT: Mapping[Status, frozenset[Status]] = {
    Status.QUEUED: frozenset({Status.RUNNING, Status.CANCELLING, Status.CANCELLED}),
    Status.RUNNING: frozenset({Status.WAITING, Status.CANCELLING, Status.SUCCEEDED, Status.FAILED, Status.ERRORED}),
    Status.WAITING: frozenset({Status.RUNNING, Status.CANCELLING}),
    # Succeeded: the last step finished before the request reached it, so the work is done and is not undone.
    Status.CANCELLING: frozenset({Status.CANCELLED, Status.SUCCEEDED}),
    Status.SUCCEEDED: frozenset(),
    Status.FAILED: frozenset(),
    Status.ERRORED: frozenset(),
    Status.CANCELLED: frozenset(),
}


class Impossible(Exception):
    """A change of status that the state machine does not allow: a defect of the engine, never bad input."""


def check_move(old: str, new: str) -> None:
    """Raise `Impossible` unless `new` may follow `old`; keeping a status is always allowed."""
    if new != old and Status(new) not in NEXT[Status(old)]:
        raise Impossible(f"a {old} run cannot become {new}")


def status_when_claimed(status: str) -> Status:
    """The status of a run once a worker has claimed it; a cancelled run is claimed only for its clean-up."""
    return Status.CANCELLING if status == Status.CANCELLING else Status.RUNNING


def pause_before(
    retry: int, backoff: timedelta, at_least: float | None = None, longest: timedelta = LONGEST_PAUSE
) -> timedelta:
    """How long to pause before retry number `retry` (from 1): doubling from `backoff` up to `longest`.

    `at_least` is what the failure itself asked for, in seconds; it may exceed `longest`.
    """
    doublings: int = 2 ** min(retry - 1, 20)
    doubled = min(backoff * doublings, longest)
    return max(doubled, timedelta(seconds=at_least or 0))


def check_slots(slots: int, reserved: Mapping[str, int]) -> None:
    """Raise ValueError if the reservations leave no slot for the other lanes."""
    if slots < 1:
        raise ValueError(f"slots is {slots}; a worker needs at least 1")
    if any(count < 0 for count in reserved.values()):
        raise ValueError("lanes: a reservation cannot be negative")
    if sum(reserved.values()) >= slots:
        raise ValueError(f"lanes reserve {sum(reserved.values())} of {slots} slots; leave at least 1 to the other lanes")


def open_lanes(slots: int, reserved: Mapping[str, int], busy: Mapping[str, int]) -> frozenset[str] | None:
    """The lanes from which a worker may claim another run: None means any, an empty set none.

    A lane's reserved slots are for that lane only, so it never queues behind others; all lanes share the other slots.
    """
    kept_free = {lane: max(0, count - busy.get(lane, 0)) for lane, count in reserved.items()}
    if slots - sum(busy.values()) - sum(kept_free.values()) > 0:
        return None
    return frozenset(lane for lane, count in kept_free.items() if count > 0)
