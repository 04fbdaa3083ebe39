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


class StepStatus(StrEnum):
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


IN_FLIGHT = frozenset({StepStatus.DISTRIBUTING, StepStatus.DEPLOYING, StepStatus.FALLING_BACK})
UNTOUCHED = frozenset(
    {StepStatus.PENDING, StepStatus.DISTRIBUTED, StepStatus.BLOCKED, StepStatus.SKIPPED, StepStatus.FAILED}
)

NEXT_STEP_STATUS: Mapping[StepStatus, frozenset[StepStatus]] = {
    StepStatus.PENDING: frozenset(
        {StepStatus.DISTRIBUTING, StepStatus.DISTRIBUTED, StepStatus.BLOCKED, StepStatus.SKIPPED, StepStatus.FAILED}
    ),
    StepStatus.DISTRIBUTING: frozenset({StepStatus.DISTRIBUTED, StepStatus.FAILED}),
    StepStatus.DISTRIBUTED: frozenset(
        {StepStatus.DEPLOYING, StepStatus.DEPLOYED, StepStatus.BLOCKED, StepStatus.SKIPPED, StepStatus.FAILED}
    ),
    StepStatus.DEPLOYING: frozenset({StepStatus.DEPLOYED, StepStatus.FAILED}),
    StepStatus.DEPLOYED: frozenset(
        {StepStatus.FALLING_BACK, StepStatus.FALLEN_BACK, StepStatus.SKIPPED, StepStatus.STUCK, StepStatus.DISTRIBUTED}
    ),
    StepStatus.FAILED: frozenset({StepStatus.PENDING, StepStatus.DISTRIBUTED, StepStatus.SKIPPED}),
    StepStatus.BLOCKED: frozenset({StepStatus.PENDING, StepStatus.DISTRIBUTED, StepStatus.SKIPPED}),
    StepStatus.SKIPPED: frozenset(),
    StepStatus.FALLING_BACK: frozenset({StepStatus.FALLEN_BACK, StepStatus.STUCK}),
    StepStatus.FALLEN_BACK: frozenset(),
    StepStatus.STUCK: frozenset({StepStatus.DEPLOYED, StepStatus.SKIPPED}),
}


@dataclass(frozen=True)
class RolloutStep:
    """One package in a rollout. `is_ours`: this rollout deployed it, so falling back all takes it along."""

    id: int
    level: int
    status: StepStatus
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
    steps: Sequence[RolloutStep],
    needs: Mapping[int, frozenset[int]],
    *,
    parallel: int,
    direction: Direction = Direction.FORWARD,
) -> Plan:
    """What happens next. `parallel` is how many packages may be worked on at a time."""
    in_flight = sum(step.status in IN_FLIGHT for step in steps)
    free = max(0, parallel - in_flight)
    if direction is Direction.BACK:
        return _back(steps, in_flight, free)
    failed = [step.id for step in steps if step.status is StepStatus.FAILED]
    if failed:
        below = descendants(failed, needs)
        blocked = tuple(
            one.id for one in steps if one.id in below and one.status in {StepStatus.PENDING, StepStatus.DISTRIBUTED}
        )
        return Plan(Verdict.WORK if in_flight else Verdict.DECIDE, block=blocked)
    return _forward(steps, in_flight, free)


def _forward(steps: Sequence[RolloutStep], in_flight: int, free: int) -> Plan:
    pending = [step.id for step in steps if step.status is StepStatus.PENDING]
    if pending or any(step.status is StepStatus.DISTRIBUTING for step in steps):
        return Plan(Verdict.WORK, distribute=tuple(pending[:free]))
    open_ones = [step for step in steps if step.status in {StepStatus.DISTRIBUTED, StepStatus.DEPLOYING}]
    if not open_ones:
        return Plan(Verdict.WORK if in_flight else Verdict.DONE)
    lowest = min(step.level for step in open_ones)
    waiting = [step.id for step in open_ones if step.level == lowest and step.status is StepStatus.DISTRIBUTED]
    return Plan(Verdict.WORK, deploy=tuple(waiting[:free]))


def _back(steps: Sequence[RolloutStep], in_flight: int, free: int) -> Plan:
    """Reverse order: a level goes back when everything above it has; what is stuck stops those below it."""
    if any(step.status is StepStatus.STUCK for step in steps):
        return Plan(Verdict.WORK if in_flight else Verdict.DECIDE)
    if any(step.status in {StepStatus.DISTRIBUTING, StepStatus.DEPLOYING} for step in steps):
        return Plan(Verdict.WORK)
    open_ones = [p for p in steps if p.status is StepStatus.FALLING_BACK or (p.status is StepStatus.DEPLOYED and p.is_ours)]
    if not open_ones:
        return Plan(Verdict.DONE)
    highest = max(step.level for step in open_ones)
    waiting = [step.id for step in open_ones if step.level == highest and step.status is StepStatus.DEPLOYED]
    return Plan(Verdict.WORK, fall_back=tuple(waiting[:free]))


def after_choice(
    choice: Choice,
    steps: Sequence[RolloutStep],
    needs: Mapping[int, frozenset[int]],
    *,
    distributed: Iterable[int],
    outdated: Iterable[int] = (),
) -> dict[int, StepStatus]:
    """What a person's choice makes of each package it concerns: the preview, and what is then done.

    Retry: what failed is tried again, what it blocked waits again, and what is `outdated` (it runs with other settings than
    the release is now sealed with) is deployed once more. Skip: what failed is left out, and with it all that needs
    it; nothing is deployed on top of something that is not there. `distributed` are those whose bytes are on the target.
    Fall back all: every package this rollout deployed goes back. Stop: nothing changes any more.
    """
    here = set(distributed)
    failed = {step.id for step in steps if step.status is StepStatus.FAILED}
    if choice is Choice.SKIP:
        left_out = failed | descendants(failed, needs)
        open_statuses = {StepStatus.FAILED, StepStatus.BLOCKED, StepStatus.PENDING, StepStatus.DISTRIBUTED}
        skipped = {p.id: StepStatus.SKIPPED for p in steps if p.id in left_out and p.status in open_statuses}
        return skipped | {step.id: StepStatus.SKIPPED for step in steps if step.status is StepStatus.STUCK}
    if choice is Choice.RETRY:
        again = {p.id: _again(p.id, here) for p in steps if p.status in {StepStatus.FAILED, StepStatus.BLOCKED}}
        old = set(outdated)
        again |= {p.id: StepStatus.DISTRIBUTED for p in steps if p.status is StepStatus.DEPLOYED and p.id in old}
        return again | {step.id: StepStatus.DEPLOYED for step in steps if step.status is StepStatus.STUCK}
    if choice is Choice.FALL_BACK_ALL:
        return {step.id: StepStatus.FALLEN_BACK for step in steps if step.status is StepStatus.DEPLOYED and step.is_ours}
    return {}


def _again(number: int, distributed: set[int]) -> StepStatus:
    return StepStatus.DISTRIBUTED if number in distributed else StepStatus.PENDING
