"""Decides what a rollout does next from the state of each of its packages. Pure; the workflow performs it.

Forward: all packages are distributed first, so that a missing artifact is known before anything changes. Then they are
deployed level by level, at most `parallel` at a time; the next level begins when all packages of this one serve. After the
first failure nothing new is started. Back: the highest level first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from fairway.releases.graph import descendants
from fairway.releases.rules import Choice, Direction


class StepStatus(StrEnum):
    """The state of one package in a rollout."""

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
    STUCK = "stuck"  # its fallback failed


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
    """One package in a rollout. `is_ours`: this rollout deployed it, so *fall back all* includes it."""

    id: int
    level: int
    status: StepStatus
    is_ours: bool = True


class Verdict(StrEnum):
    WORK = "work"  # something must be started, or is running
    DECIDE = "decide"  # nothing is running, and something failed: a person must decide
    DONE = "done"


@dataclass(frozen=True)
class Plan:
    """What to start now, what to mark as blocked, and the verdict."""

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
    """What to do next. `parallel` is how many packages may be worked on at a time."""
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
    """The plan for direction *back*: a level falls back when all levels above it have; a stuck package stops those below."""
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
    """The new status of each package that a person's choice concerns; used for the preview and for the change itself.

    Retry: failed packages are tried again, the packages they blocked are pending again, and `outdated` ones (which run
    with other settings than the release is now sealed with) are deployed again. Skip: failed packages are left out with
    all that need them, so that nothing is deployed without what it needs. Fall back all: every package that this rollout
    deployed falls back. Stop: nothing changes any more. `distributed` are the packages whose artifacts are on the target.
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
