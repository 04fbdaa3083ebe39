"""What a workflow is: named steps, run top to bottom, that survive the death of the worker that runs them. No Django here.

A workflow is registered once per process (`register`) and run by the engine (`fairway.engine.runner`). Its row is a
`Run` with a `key`; one run per key is running at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol


class Outcome(StrEnum):
    """How a run ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"  # a step raised Refused or NeedsPerson: what was asked for is bad
    ERRORED = "errored"  # our machinery broke: retries used up, deadline passed, an unexpected exception
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Ending:
    """An outcome and, unless it succeeded, the step it ended in, a sentence for people and longer evidence."""

    outcome: Outcome
    step: str = ""
    sentence: str = ""
    detail: str = ""


class Context(Protocol):
    """What a step is given."""

    run_id: int
    kind: str
    key: str
    payload: Mapping[str, Any]  # as enqueued; JSON
    state: Mapping[str, Any]  # what earlier steps checkpointed; JSON
    step: str
    attempt: int  # of this step, from 1
    fence: int
    stop: threading.Event  # set when the step must end (cancelled, lease lost, deadline); hand it to blocking work

    def check(self) -> None:
        """Raise when the step must end now: `Cancelled`, `LeaseLost` or `DeadlinePassed`."""

    def checkpoint(self, **state: Any) -> None:
        """Merge `state` into the run's state, conditional on owner and fence; `LeaseLost` when they no longer hold.
        Call it right before an act that must not happen twice from two workers (the traffic switch)."""

    def sleep(self, seconds: float) -> None:
        """Wait, ending early by `check`'s exceptions."""


class Wait(Exception):
    """Raised by a step: give up the slot and come back to this same step later.

    `until` is when to come back at the latest (None: only when signalled). With `keeps_key` False, other runs
    of the key may run meanwhile. `signal(run_id, name, data)` wakes it earlier; the data lies in ``state["signals"][name]``.
    """

    def __init__(self, *, until: datetime | None = None, keeps_key: bool = True, reason: str = "") -> None:
        super().__init__(reason)
        self.until = until
        self.keeps_key = keeps_key
        self.reason = reason


class LeaseLost(Exception):
    """Somebody else owns the run now: stop at once, touch nothing."""


class DeadlinePassed(Exception):
    """The step took longer than it may."""


StepFunction = Callable[[Context], Mapping[str, Any] | None]


def always(state: Mapping[str, Any]) -> bool:
    """For a step that is part of every run."""
    return True


@dataclass(frozen=True)
class Step:
    """One step. What it returns is merged into the run's state in the same transaction that moves to the next step.

    `deadline` counts from the step's first start, over all attempts and take-overs; it starts anew when the step comes
    back from a `Wait`. `attempts` is how often a step that raises `Retry` is tried in all; the pause doubles from `backoff`
    up to 30 s. `Away` is not counted and has about five minutes (`rules.ATTEMPTS_AWAY`). A step must be idempotent: after a
    crash it runs again. A step that does not apply to the state when its turn comes is passed over and leaves no
    trace; the first one always applies.
    """

    name: str
    run: StepFunction
    deadline: timedelta = timedelta(minutes=10)
    attempts: int = 3
    backoff: timedelta = timedelta(seconds=1)
    applies: Callable[[Mapping[str, Any]], bool] = always


def nothing(context: Context, ending: Ending) -> None:
    """The clean-up of a workflow that leaves nothing behind."""


class Watcher(Protocol):
    """Told, inside the same database transaction, of every change of a run; domain rooms write their rows and events here.

    An exception rolls the change back. Keep it short: it holds the transaction.
    """

    def started(self, run: Any) -> None: ...

    def step_started(self, run: Any, step: str, attempt: int) -> None: ...

    def step_finished(self, run: Any, step: str, status: str, sentence: str) -> None: ...

    def waiting(self, run: Any, reason: str) -> None: ...

    def ended(self, run: Any, ending: Ending) -> None: ...


@dataclass(frozen=True)
class Workflow:
    """A kind of run. `clean_up` runs on every ending but success, still holding the key, with retries of its own
    (`clean_up_attempts`); its failure is recorded on the run and shown, never silent."""

    kind: str
    steps: tuple[Step, ...]
    clean_up: Callable[[Context, Ending], None] = nothing
    watcher: Watcher | None = None
    clean_up_deadline: timedelta = timedelta(minutes=2)
    clean_up_attempts: int = 3

    def after(self, index: int, state: Mapping[str, Any]) -> int | None:
        """The place of the step that follows the one at `index`; None where the workflow ends there."""
        return next((place for place in range(index + 1, len(self.steps)) if self.steps[place].applies(state)), None)


@dataclass
class Workflows:
    """The workflows a process can run."""

    by_kind: dict[str, Workflow] = field(default_factory=dict)

    def register(self, workflow: Workflow) -> Workflow:
        if workflow.kind in self.by_kind:
            raise ValueError(f"a workflow of kind {workflow.kind!r} is registered already")
        self.by_kind[workflow.kind] = workflow
        return workflow


WORKFLOWS = Workflows()
"""The workflows of this process. A process that registers here what it only wants to *watch* (the web) lets
`request_cancel` end a run that never started at once, watcher included, instead of leaving that to a worker."""
