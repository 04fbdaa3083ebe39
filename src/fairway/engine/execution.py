"""Executes the steps of one claimed run until it waits, ends, or its lease is lost, and decides what a step's error
means."""

from __future__ import annotations

import json
import logging
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError, connection

from fairway.engine import clock, transitions
from fairway.engine.claimed_runs import ClaimedRun, Halt, RunContext, refuse_signals
from fairway.engine.models import Run
from fairway.engine.workflow import DeadlinePassed, Ending, LeaseLost, Outcome, Step, Wait, Workflow
from fairway.shared.failures import Cancelled, Failure, NeedsPerson, Refused, Retry

log = logging.getLogger(__name__)
T = TypeVar("T")

DATABASE_ERRORS = (OperationalError, InterfaceError)  # raised while the database is unreachable or restarts

PATIENCE = 30.0  # seconds that an outcome is kept while the database is unreachable; the fence makes recording it late safe
PAUSE_AFTER_DEFECT = timedelta(seconds=5)
PAUSE_WITHOUT_DATABASE = timedelta(seconds=1)
OUTAGES_FORGIVEN = 5  # per step; a step that provokes such errors itself must end, too
LONGEST_DETAIL = 8000  # characters


class Execution:
    """Executes one run under one lease, in one thread."""

    def __init__(
        self, claimed: ClaimedRun, run: Run, workflow: Workflow, *, changed: Callable[[], None] = lambda: None
    ) -> None:
        self.claimed = claimed
        self.workflow = workflow
        self._run = run
        self._has_begun = False  # the next step was begun in the transaction that finished the previous one
        self._changed = changed  # tells the heartbeat that a deadline moved

    def run(self) -> None:
        """Run the workflow. Never raises: a run whose outcome cannot be recorded is handed back, and the run says so."""
        try:
            self._run_steps()
        except LeaseLost:
            log.info("run %s: not ours any more", self.claimed.lease.run_id)
        except Exception as problem:
            log.exception("run %s: could not be recorded", self.claimed.lease.run_id)
            self._hand_back_after_defect(problem)

    def _run_steps(self) -> None:
        run = self._run
        while run.owner == self.claimed.lease.owner and run.fence == self.claimed.lease.fence and not run.is_finished:
            if self.claimed.why is Halt.SHUTDOWN:
                self._hand_back()
                return
            run = self._clean_up() if run.outcome else self._next_step(run)
            self.claimed.rest()

    def _next_step(self, run: Run) -> Run:
        index = _index_of(run, self.workflow)
        if index is None:
            sentence = f"This version of Fairway does not know the step “{run.step}”; start it again."
            ending = Ending(Outcome.ERRORED, run.step, sentence)
            return retry_on_db_error(lambda: transitions.start_ending(self.claimed.lease, self.workflow, ending))
        step = self.workflow.steps[index]
        if not self._has_begun:
            run = retry_on_db_error(lambda: transitions.begin_step(self.claimed.lease, self.workflow, step, index))
        self._has_begun = False
        return run if run.outcome else self._run_step(run, step)

    def _run_step(self, run: Run, step: Step) -> Run:
        lease, workflow, attempt = self.claimed.lease, self.workflow, run.attempt
        self.claimed.begin(_seconds_left(run))
        self._changed()
        try:
            result = _as_result(step.run(RunContext(run, self.claimed, step=step.name, attempt=attempt)))
        except Wait as wait:
            asked = wait  # the name of an except clause is gone before a lambda reads it
            self._stop_if_taken()
            return retry_on_db_error(lambda: transitions.wait(lease, workflow, attempt, asked))
        except (Exception, SystemExit) as problem:
            self._stop_if_taken()
            if self.claimed.why is Halt.SHUTDOWN:
                return self._as_handed_back(run)
            if (
                isinstance(problem, DATABASE_ERRORS)
                and self.claimed.why is None
                and attempt < step.attempts + OUTAGES_FORGIVEN
            ):
                return self._as_postponed(run)
            return self._handle_problem(run, step, problem)
        self._stop_if_taken()
        if self.claimed.why is Halt.DEADLINE:
            return self._handle_problem(run, step, DeadlinePassed())
        begins_next = self.claimed.why is None
        run = retry_on_db_error(lambda: transitions.finish_step(lease, workflow, attempt, result, begins_next=begins_next))
        self._has_begun = begins_next and not run.outcome
        return run

    def _handle_problem(self, run: Run, step: Step, problem: BaseException) -> Run:
        lease, workflow, attempt = self.claimed.lease, self.workflow, run.attempt
        if isinstance(problem, Retry) and self.claimed.why is None:
            failure = problem
            return retry_on_db_error(lambda: transitions.retry_step(lease, workflow, step, attempt, failure))
        if isinstance(problem, LeaseLost) and self.claimed.why is None:
            raise problem
        ending = ending_for(step.name, problem, self.claimed.why)
        return retry_on_db_error(lambda: transitions.fail_step(lease, workflow, attempt, ending))

    def _clean_up(self) -> Run:
        lease, workflow = self.claimed.lease, self.workflow
        run = retry_on_db_error(lambda: transitions.begin_clean_up(lease, workflow))
        if run.is_finished:
            return run
        self.claimed.begin(_seconds_left(run), cleaning_up=True)
        self._changed()
        number, error, failure = run.clean_up_attempt, "", None
        context = RunContext(run, self.claimed, step=transitions.CLEAN_UP, attempt=number)
        try:
            workflow.clean_up(context, transitions.ending_of(run))
        except (Exception, SystemExit) as problem:
            error = _sentence_of(problem) or "The clean-up failed."
            failure = problem if isinstance(problem, Failure) else None
        self._stop_if_taken()
        if error and self.claimed.why is Halt.SHUTDOWN:
            return self._as_handed_back(run)
        if error:
            log.warning("run %s: clean-up attempt %s failed: %s", run.pk, number, error)
        return retry_on_db_error(lambda: transitions.finish_clean_up(lease, workflow, number, error, failure))

    def _stop_if_taken(self) -> None:
        self.claimed.rest()
        if self.claimed.why is Halt.LOST:
            raise LeaseLost

    def _as_handed_back(self, run: Run) -> Run:
        self._hand_back()
        run.owner = ""
        return run

    def _as_postponed(self, run: Run) -> Run:
        """The database was unreachable, which is no fault of the step. The step is tried again once the database is back."""
        sentence = "The database did not answer; the step is done again."
        log.warning("run %s: %s was cut by the database", run.pk, run.step)
        retry_on_db_error(
            lambda: transitions.hand_back(self.claimed.lease, self.workflow, sentence, pause=PAUSE_WITHOUT_DATABASE)
        )
        run.owner = ""
        return run

    def _hand_back(self) -> None:
        sentence = "The worker was stopped; the next one goes on here."
        retry_on_db_error(lambda: transitions.hand_back(self.claimed.lease, self.workflow, sentence))

    def _hand_back_after_defect(self, problem: Exception) -> None:
        """Recording failed, so nothing of it may count as done; the run is kept and tried again."""
        sentence = f"Recording failed: {_sentence_of(problem)}"
        try:
            transitions.hand_back(self.claimed.lease, None, sentence, pause=PAUSE_AFTER_DEFECT)
        except LeaseLost:
            return
        except Exception:
            log.exception("run %s: left to the end of its lease", self.claimed.lease.run_id)


def _index_of(run: Run, workflow: Workflow) -> int | None:
    """The index of the step that is next, found by its name, so that a newer version of Fairway may insert steps before
    it."""
    if not run.step:
        return 0
    names = [step.name for step in workflow.steps]
    return names.index(run.step) if run.step in names else None


def _seconds_left(run: Run) -> float:
    assert run.step_deadline_at is not None
    return max(0.0, (run.step_deadline_at - clock.now()).total_seconds())


def _as_result(result: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """What a step returned, checked here, where the error can still name the step."""
    state = dict(result or {})
    refuse_signals(state)
    json.dumps(state)
    return state


def ending_for(step: str, problem: BaseException, why: Halt | None) -> Ending:
    """How a step's exception ends the run. If the step was interrupted, that is the cause, whatever it raised."""
    if why is Halt.CANCELLED:
        return Ending(Outcome.CANCELLED, step, detail=_detail_of(problem))
    if why is Halt.DEADLINE or isinstance(problem, DeadlinePassed):
        return transitions.too_slow(step)
    if isinstance(problem, Refused | NeedsPerson):
        return Ending(Outcome.FAILED, step, problem.sentence, problem.detail)
    if isinstance(problem, Cancelled):
        # If somebody asked for it, the row says so and `as_cancelled` makes this a cancellation; otherwise nobody did.
        return Ending(Outcome.ERRORED, step, "The step stopped although nobody asked it to.")
    return Ending(Outcome.ERRORED, step, _sentence_of(problem), _detail_of(problem))


def _sentence_of(problem: BaseException) -> str:
    if isinstance(problem, Failure):
        return problem.sentence
    if isinstance(problem, DeadlinePassed):
        return "It took longer than it may and was stopped."
    return f"{type(problem).__name__}: {problem}" if str(problem) else type(problem).__name__


def _detail_of(problem: BaseException) -> str:
    if isinstance(problem, Cancelled):
        return ""
    if isinstance(problem, Failure):
        return problem.detail
    return "".join(traceback.format_exception(problem))[-LONGEST_DETAIL:]


def retry_on_db_error(act: Callable[[], T]) -> T:
    """Call `act`, and again for up to `PATIENCE` seconds while the database is unreachable.

    Inside a caller's transaction it is called once, because that transaction is broken.
    """
    deadline, pause = time.monotonic() + PATIENCE, 0.05
    while True:
        try:
            return act()
        except DATABASE_ERRORS:
            if connection.in_atomic_block or time.monotonic() + pause > deadline:
                raise
            log.warning("the database did not answer; trying again in %.2f s", pause)
            connection.close()
            time.sleep(pause)
            pause = min(pause * 2, 2.0)
