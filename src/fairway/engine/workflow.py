"""Workflows: named steps, executed in order, that survive the death of the worker that executes them. No Django here.

A workflow is registered once per process (`Workflows.register`). Each execution is a `Run` with a `key`; the engine
(`fairway.engine.runner`) executes one run per key at a time.
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
    FAILED = "failed"  # a step raised Refused or NeedsPerson: what was requested is bad
    ERRORED = "errored"  # Fairway failed: retries used up, deadline passed, an unexpected exception
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Ending:
    """An outcome and, unless it succeeded, the step it ended in, a sentence for people and longer evidence."""

    outcome: Outcome
    step: str = ""
    sentence: str = ""
    detail: str = ""


class Context(Protocol):
    """What a step receives."""

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
        """Raise if the step must end now: `Cancelled`, `LeaseLost` or `DeadlinePassed`."""

    def checkpoint(self, **state: Any) -> None:
        """Merge `state` into the run's state. Raises `LeaseLost` if owner or fence have changed.
        Call it right before an act that must not happen twice from two workers (the traffic switch)."""

    def sleep(self, seconds: float) -> None:
        """Sleep; raises `check`'s exceptions as soon as the step must end."""


class Wait(Exception):
    """Raised by a step to give up its slot and be started again later.

    `until` is the latest time for that (None: only when signalled). With `keeps_key` False, other runs of the key may be
    executed meanwhile. `signal(run_id, name, data)` wakes the run earlier; the data is in ``state["signals"][name]``.
    """

    def __init__(self, *, until: datetime | None = None, keeps_key: bool = True, reason: str = "") -> None:
        super().__init__(reason)
        self.until = until
        self.keeps_key = keeps_key
        self.reason = reason


class LeaseLost(Exception):
    """Another worker owns the run now: the step must stop at once and change nothing."""


class DeadlinePassed(Exception):
    """The step ran past its deadline."""


StepFunction = Callable[[Context], Mapping[str, Any] | None]


def always(state: Mapping[str, Any]) -> bool:
    """The condition of a step that is part of every run."""
    return True


@dataclass(frozen=True)
class Step:
    """One step. Its result is merged into the run's state in the transaction that moves on to the next step.

    `deadline` counts from the step's first start, over all attempts and workers; it starts anew when the step returns
    from a `Wait`. `attempts` is how often a step that raises `Retry` is tried in all; the pause doubles from `backoff` up
    to 30 s. `Away` is not counted; it is retried for about five minutes (`rules.ATTEMPTS_AWAY`). A step must be
    idempotent, because it runs again after a crash. A step whose `applies(state)` is false when its turn comes is skipped
    and leaves no trace; the first step must always apply.
    """

    name: str
    run: StepFunction
    deadline: timedelta = timedelta(minutes=10)
    attempts: int = 3
    backoff: timedelta = timedelta(seconds=1)
    applies: Callable[[Mapping[str, Any]], bool] = always


def no_clean_up(context: Context, ending: Ending) -> None:
    """The clean-up of a workflow that has nothing to clean up."""


class Watcher(Protocol):
    """Called with every change of a run, inside its database transaction, so that rooms can write their rows and events.

    An exception rolls the change back. It should be quick, because it keeps the transaction open.
    """

    def started(self, run: Any) -> None: ...

    def step_started(self, run: Any, step: str, attempt: int) -> None: ...

    def step_finished(self, run: Any, step: str, status: str, sentence: str) -> None: ...

    def waiting(self, run: Any, reason: str) -> None: ...

    def ended(self, run: Any, ending: Ending) -> None: ...


@dataclass(frozen=True)
class Workflow:
    """A kind of run. `clean_up` is called on every ending except success, while the run keeps its key, with retries of its
    own (`clean_up_attempts`); if it fails, the run says so."""

    kind: str
    steps: tuple[Step, ...]
    clean_up: Callable[[Context, Ending], None] = no_clean_up
    watcher: Watcher | None = None
    clean_up_deadline: timedelta = timedelta(minutes=2)
    clean_up_attempts: int = 3

    def after(self, index: int, state: Mapping[str, Any]) -> int | None:
        """The index of the step that follows the one at `index`; None at the end of the workflow."""
        return next((at for at in range(index + 1, len(self.steps)) if self.steps[at].applies(state)), None)


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
