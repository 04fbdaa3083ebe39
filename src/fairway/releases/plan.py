"""What a rollout does next, given where each of its packages stands. Pure: the workflow performs what this decides.

Forward: everything is distributed first, so that what cannot be had is known before anything changes; then level by level,
at most `parallel` at a time, the next level only when all of this one serve. The first failure starts nothing new. Back: the
highest level first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from fairway.releases.graph import descendants
from fairway.releases.rules import Choice, Direction


class Part(StrEnum):
    """Where one package of a rollout stands."""

    PENDING = "pending"
    DISTRIBUTING = "distributing"
    DISTRIBUTED = "distributed"
    DEPLOYING = "deploying"
    DEPLOYED = "deployed"
    FAILED = "failed"
    BLOCKED = "blocked"  # something it needs failed
    SKIPPED = "skipped"
    FALLING_BACK = "falling_back"
    FALLEN_BACK = "fallen_back"
    STUCK = "stuck"  # it could not be fallen back


IN_FLIGHT = frozenset({Part.DISTRIBUTING, Part.DEPLOYING, Part.FALLING_BACK})
UNTOUCHED = frozenset({Part.PENDING, Part.DISTRIBUTED, Part.BLOCKED, Part.SKIPPED, Part.FAILED})

NEXT_PART: Mapping[Part, frozenset[Part]] = {
    Part.PENDING: frozenset({Part.DISTRIBUTING, Part.DISTRIBUTED, Part.BLOCKED, Part.SKIPPED, Part.FAILED}),
    Part.DISTRIBUTING: frozenset({Part.DISTRIBUTED, Part.FAILED}),
    Part.DISTRIBUTED: frozenset({Part.DEPLOYING, Part.DEPLOYED, Part.BLOCKED, Part.SKIPPED, Part.FAILED}),
    Part.DEPLOYING: frozenset({Part.DEPLOYED, Part.FAILED}),
    Part.DEPLOYED: frozenset({Part.FALLING_BACK, Part.FALLEN_BACK, Part.SKIPPED, Part.STUCK}),
    Part.FAILED: frozenset({Part.PENDING, Part.DISTRIBUTED, Part.SKIPPED}),
    Part.BLOCKED: frozenset({Part.PENDING, Part.DISTRIBUTED, Part.SKIPPED}),
    Part.SKIPPED: frozenset(),
    Part.FALLING_BACK: frozenset({Part.FALLEN_BACK, Part.STUCK}),
    Part.FALLEN_BACK: frozenset(),
    Part.STUCK: frozenset({Part.DEPLOYED, Part.SKIPPED}),
}


@dataclass(frozen=True)
class Piece:
    """One package in a rollout. `is_ours`: this rollout deployed it, so falling back all takes it along."""

    id: int
    level: int
    part: Part
    is_ours: bool = True


class Verdict(StrEnum):
    WORK = "work"  # something is to be started, or in flight
    DECIDE = "decide"  # nothing is in flight, and something failed: a person must say how it goes on
    DONE = "done"


@dataclass(frozen=True)
class Plan:
    """What to start now, what to mark, and how it stands."""

    verdict: Verdict
    distribute: tuple[int, ...] = ()
    deploy: tuple[int, ...] = ()
    fall_back: tuple[int, ...] = ()
    block: tuple[int, ...] = ()


def next_plan(
    pieces: Sequence[Piece], needs: Mapping[int, frozenset[int]], *, parallel: int, direction: Direction = Direction.FORWARD
) -> Plan:
    """What happens next. `parallel` is how many packages may be worked on at a time."""
    in_flight = sum(piece.part in IN_FLIGHT for piece in pieces)
    free = max(0, parallel - in_flight)
    if direction is Direction.BACK:
        return _back(pieces, in_flight, free)
    failed = [piece.id for piece in pieces if piece.part is Part.FAILED]
    if failed:
        below = descendants(failed, needs)
        blocked = tuple(one.id for one in pieces if one.id in below and one.part in {Part.PENDING, Part.DISTRIBUTED})
        return Plan(Verdict.WORK if in_flight else Verdict.DECIDE, block=blocked)
    return _forward(pieces, in_flight, free)


def _forward(pieces: Sequence[Piece], in_flight: int, free: int) -> Plan:
    pending = [piece.id for piece in pieces if piece.part is Part.PENDING]
    if pending or any(piece.part is Part.DISTRIBUTING for piece in pieces):
        return Plan(Verdict.WORK, distribute=tuple(pending[:free]))
    open_ones = [piece for piece in pieces if piece.part in {Part.DISTRIBUTED, Part.DEPLOYING}]
    if not open_ones:
        return Plan(Verdict.WORK if in_flight else Verdict.DONE)
    lowest = min(piece.level for piece in open_ones)
    waiting = [piece.id for piece in open_ones if piece.level == lowest and piece.part is Part.DISTRIBUTED]
    return Plan(Verdict.WORK, deploy=tuple(waiting[:free]))


def _back(pieces: Sequence[Piece], in_flight: int, free: int) -> Plan:
    """Reverse order: a level goes back when everything above it has; what is stuck stops those below it."""
    if any(piece.part is Part.STUCK for piece in pieces):
        return Plan(Verdict.WORK if in_flight else Verdict.DECIDE)
    if any(piece.part in {Part.DISTRIBUTING, Part.DEPLOYING} for piece in pieces):
        return Plan(Verdict.WORK)
    open_ones = [p for p in pieces if p.part is Part.FALLING_BACK or (p.part is Part.DEPLOYED and p.is_ours)]
    if not open_ones:
        return Plan(Verdict.DONE)
    highest = max(piece.level for piece in open_ones)
    waiting = [piece.id for piece in open_ones if piece.level == highest and piece.part is Part.DEPLOYED]
    return Plan(Verdict.WORK, fall_back=tuple(waiting[:free]))


def after_choice(
    choice: Choice, pieces: Sequence[Piece], needs: Mapping[int, frozenset[int]], *, distributed: Iterable[int]
) -> dict[int, Part]:
    """What a person's choice makes of each package it concerns: the preview, and what is then done.

    Retry: what failed is tried again, what it blocked waits again. Skip: what failed is left out, and with it all that needs
    it; nothing is deployed on top of something that is not there. `distributed` are those whose bytes are on the target.
    Fall back all: every package this rollout deployed goes back. Stop: nothing changes any more.
    """
    here = set(distributed)
    failed = {piece.id for piece in pieces if piece.part is Part.FAILED}
    if choice is Choice.SKIP:
        left_out = failed | descendants(failed, needs)
        open_parts = {Part.FAILED, Part.BLOCKED, Part.PENDING, Part.DISTRIBUTED}
        skipped = {p.id: Part.SKIPPED for p in pieces if p.id in left_out and p.part in open_parts}
        return skipped | {piece.id: Part.SKIPPED for piece in pieces if piece.part is Part.STUCK}
    if choice is Choice.RETRY:
        again = {p.id: _again(p.id, here) for p in pieces if p.part in {Part.FAILED, Part.BLOCKED}}
        return again | {piece.id: Part.DEPLOYED for piece in pieces if piece.part is Part.STUCK}
    if choice is Choice.FALL_BACK_ALL:
        return {piece.id: Part.FALLEN_BACK for piece in pieces if piece.part is Part.DEPLOYED and piece.is_ours}
    return {}


def _again(number: int, distributed: set[int]) -> Part:
    return Part.DISTRIBUTED if number in distributed else Part.PENDING
