"""Every change of a claimed run. Each is one transaction, conditional on owner and fence, and calls the watcher.

Rows are locked in ascending order of id (a parent before its children), here, in heartbeats and in cancellations alike, so
that no deadlock can arise between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F

from fairway.engine import clock, rules, waking
from fairway.engine.claim import Lease
from fairway.engine.models import Run, RunStep
from fairway.engine.prepared import NUMBER, Prepared
from fairway.engine.rules import CleanUp, Status, StepStatus
from fairway.engine.workflow import Ending, LeaseLost, Outcome, Step, Wait, Workflow, Workflows, no_clean_up
from fairway.shared.failures import Away, Cancelled, Failure, Retry

CLEAN_UP = "clean-up"  # the step name of a clean-up's attempts
CLEAN_UP_BACKOFF = timedelta(seconds=1)
SIGNALS = "signals"  # the key of the state under which `signal` stores data


_LOCKED = Prepared(lambda number: Run.objects.select_for_update(no_key=True).filter(pk=number), NUMBER)


@contextmanager
def locked_run(lease: Lease, *, attempt: int | None = None) -> Iterator[Run]:
    """The run's row, locked, in a transaction. Raises `LeaseLost` if the lease is no longer valid or the attempt is another.

    `attempt` guards against recording a step twice after a commit whose confirmation was lost.
    """
    with transaction.atomic():
        if lease.parent_id is not None:
            _LOCKED.first(lease.parent_id)  # its id is the smaller one, and rows are locked in the order of their ids
        run: Run | None = _LOCKED.first(lease.run_id)
        if run is None or (run.owner, run.fence) != (lease.owner, lease.fence) or run.status not in rules.CLAIMED:
            raise LeaseLost
        if attempt is not None and run.attempt != attempt:
            raise LeaseLost
        yield run


def change(run: Run, **changes: Any) -> None:
    """Update the row if it still has the status, owner and fence of `run`, and update `run` with it."""
    rules.check_move(run.status, changes.get("status", run.status))
    same = Run.objects.filter(pk=run.pk, owner=run.owner, fence=run.fence, status=run.status)
    if same.update(**changes) != 1:
        raise LeaseLost
    for name, value in changes.items():
        setattr(run, name, value)


def begin_step(lease: Lease, workflow: Workflow, step: Step, index: int) -> Run:
    """Start the step, or start it again: log its attempt and set its deadline. If the run has an `outcome`, it must not
    run."""
    with locked_run(lease) as run:
        return _begin_step(run, workflow, step, index, clock.now())


def _begin_step(run: Run, workflow: Workflow, step: Step, index: int, now: datetime, **also: Any) -> Run:
    """`also` is written in the same update: changes that the end of the previous step left open."""
    if run.status == Status.CANCELLING:
        return _start_ending(run, workflow, Ending(Outcome.CANCELLED, run.step), now)
    if run.started_at is None:
        change(run, started_at=now)
        if workflow.watcher:
            workflow.watcher.started(run)
    deadline = run.step_deadline_at  # None after a wait, because the wait does not count
    if deadline is not None and deadline <= now:
        return _start_ending(run, workflow, too_slow(step.name), now)
    change(
        run,
        **also,
        step=step.name,
        step_index=index,
        attempt=_open(run, workflow, step, now),
        step_started_at=run.step_started_at or now,
        step_deadline_at=deadline or now + step.deadline,
        is_signalled=False,
        awaits_signal=False,
        wait_reason="",
    )
    if workflow.watcher:
        workflow.watcher.step_started(run, step.name, run.attempt)
    return run


def too_slow(step: str) -> Ending:
    return Ending(Outcome.ERRORED, step, "This step took longer than it may and was stopped.")


def _open(run: Run, workflow: Workflow, step: Step, now: datetime) -> int:
    """Log a new attempt, or reopen the one that waited; returns its number."""
    last = run.steps.filter(step=step.name, attempt=run.attempt).first() if run.attempt else None
    if last is not None and last.status == StepStatus.WAITING:
        run.steps.filter(pk=last.pk).update(status=StepStatus.RUNNING, owner=run.owner, fence=run.fence)
        return run.attempt
    if last is not None and last.status == StepStatus.RUNNING:
        _close_lost(run, workflow, last, now)
    number = run.attempt + 1
    RunStep.objects.create(run=run, step=step.name, attempt=number, started_at=now, owner=run.owner, fence=run.fence)
    return number


def _close_lost(run: Run, workflow: Workflow, cut: RunStep, now: datetime) -> None:
    _close(run, workflow, cut.step, cut.attempt, StepStatus.LOST, f"Worker {cut.owner} disappeared.", now)


def _close(run: Run, workflow: Workflow, step: str, attempt: int, status: StepStatus, sentence: str, now: datetime) -> None:
    ends = None if status is StepStatus.WAITING else now
    run.steps.filter(step=step, attempt=attempt).update(status=status, sentence=sentence, finished_at=ends)
    if workflow.watcher and status is not StepStatus.WAITING:
        workflow.watcher.step_finished(run, step, status.value, sentence)


def checkpoint(lease: Lease, state: Mapping[str, Any]) -> Run:
    """Merge `state` into the run's. Raises `Cancelled` if the run was asked to cancel and is not in its clean-up."""
    with locked_run(lease) as run:
        if run.status == Status.CANCELLING and not run.outcome:
            raise Cancelled
        change(run, state={**run.state, **state})
        return run


def finish_step(
    lease: Lease, workflow: Workflow, attempt: int, result: Mapping[str, Any], *, begins_next: bool = False
) -> Run:
    """Record the step's result and move on to the next step, or end the run with success after the last.

    With `begins_next` the next step is begun in the same transaction, so a worker that is killed has either not finished
    this step or has begun the next.
    """
    with locked_run(lease, attempt=attempt) as run:
        now = clock.now()
        state = {**run.state, **result}
        _close(run, workflow, run.step, attempt, StepStatus.SUCCEEDED, "", now)
        following = workflow.after(run.step_index, state)
        if following is None:
            return _end(run, workflow, now, state=state, outcome=Outcome.SUCCEEDED)
        if run.status == Status.CANCELLING:
            change(run, state=state)
            return _start_ending(run, workflow, Ending(Outcome.CANCELLED, run.step), now)
        return _move_on(run, workflow, following, state, now, begins_next)


def _move_on(run: Run, workflow: Workflow, index: int, state: Mapping[str, Any], now: datetime, begins_next: bool) -> Run:
    fresh: dict[str, Any] = {"attempt": 0, "step_started_at": None, "step_deadline_at": None}
    if begins_next:
        for name, value in fresh.items():  # the update that begins the next step writes these
            setattr(run, name, value)
        return _begin_step(run, workflow, workflow.steps[index], index, now, state=state, retries=0)
    change(run, **fresh, state=state, retries=0, step_index=index, step=workflow.steps[index].name)
    return run


def fail_step(lease: Lease, workflow: Workflow, attempt: int, ending: Ending) -> Run:
    """The step ended the run. A run that was asked to cancel is cancelled, whatever its step raised."""
    with locked_run(lease, attempt=attempt) as run:
        now = clock.now()
        ending = as_cancelled(run, ending) if run.status == Status.CANCELLING else ending
        status = StepStatus(ending.outcome.value)
        _close(run, workflow, run.step, attempt, status, ending.sentence, now)
        return _start_ending(run, workflow, ending, now)


def as_cancelled(run: Run, ending: Ending) -> Ending:
    """The ending of a run that was asked to cancel: the reason is its sentence; what the step said is its detail."""
    said = ending.sentence if ending.outcome is not Outcome.CANCELLED else ""
    return Ending(Outcome.CANCELLED, ending.step, run.cancel_reason, "\n".join(filter(None, [said, ending.detail])))


def retry_step(lease: Lease, workflow: Workflow, step: Step, attempt: int, failure: Retry) -> Run:
    """Let the run pause without its slot, but with its key, before the step is tried again; or end it if no try is left."""
    with locked_run(lease, attempt=attempt) as run:
        now = clock.now()
        again = _again(run, step.name, step.attempts, step.backoff, failure)
        pause = again or timedelta(0)
        late = run.step_deadline_at is not None and now + pause >= run.step_deadline_at
        if run.status == Status.CANCELLING or late or again is None:
            ending = Ending(Outcome.ERRORED, step.name, failure.sentence, failure.detail)
            return fail_step(lease, workflow, attempt, ending)
        _close(run, workflow, step.name, attempt, StepStatus.RETRYING, failure.sentence, now)
        _pause(run, workflow, now + pause, failure.sentence)
        return run


def _again(run: Run, step: str, attempts: int, backoff: timedelta, failure: Failure | None) -> timedelta | None:
    """Count this failure; return how long to pause before the next try, None if no try is left.

    `Away` is not counted among the attempts, because it is no fault of the step; it has a limit of its own.
    """
    after = failure.after if isinstance(failure, Retry) else None
    if isinstance(failure, Away):
        number = _tried_in_vain(run, step) + 1
        most, longest = _attempts_away(), rules.LONGEST_PAUSE_AWAY
    else:
        change(run, retries=run.retries + 1)
        number, most, longest = run.retries, attempts, rules.LONGEST_PAUSE
    return rules.pause_before(number, backoff, after, longest) if number < most else None


def _attempts_away() -> int:
    """The limit of tries after `Away`; the engine also runs without this setting."""
    return int(getattr(settings, "AWAY_ATTEMPTS", rules.ATTEMPTS_AWAY))


def _tried_in_vain(run: Run, step: str) -> int:
    """How many attempts in a row, just before this one, ended with a retry."""
    before = run.steps.filter(step=step).exclude(status=StepStatus.RUNNING).order_by("-attempt")
    statuses = before.values_list("status", flat=True)[: _attempts_away()]
    return sum(1 for _ in takewhile(lambda status: status == StepStatus.RETRYING, statuses))


def _pause(run: Run, workflow: Workflow | None, until: datetime, reason: str) -> None:
    """Give the slot up and keep the key until `until`."""
    status = run.status if run.status == Status.CANCELLING else Status.WAITING
    change(run, status=status, owner="", lease_until=None, run_at=until, awaits_signal=False, wait_reason=reason)
    if workflow is not None and workflow.watcher:
        workflow.watcher.waiting(run, reason)


def wait(lease: Lease, workflow: Workflow, attempt: int, asked: Wait) -> Run:
    """Let the run wait as the step asked, without its slot and, if it said so, without its key. If a signal has come
    since the step started, the run is due at once."""
    with locked_run(lease, attempt=attempt) as run:
        now = clock.now()
        if run.status == Status.CANCELLING:
            return fail_step(lease, workflow, attempt, Ending(Outcome.CANCELLED, run.step))
        _close(run, workflow, run.step, attempt, StepStatus.WAITING, asked.reason, now)
        change(
            run,
            status=Status.WAITING,
            owner="",
            lease_until=None,
            holds_key=asked.keeps_key,
            step_deadline_at=None,
            run_at=now if run.is_signalled else asked.until,
            awaits_signal=True,
            wait_reason=asked.reason,
        )
        if workflow.watcher:
            workflow.watcher.waiting(run, asked.reason)
        waking.notify()
        return run


def hand_back(lease: Lease, workflow: Workflow | None, sentence: str, *, pause: timedelta = timedelta(0)) -> None:
    """Give the run back as it is; any worker may claim it after `pause`.

    Without a workflow the watcher is not called: this keeps the run when the watcher is what failed.
    """
    with locked_run(lease) as run:
        now = clock.now()
        if workflow is not None:
            for open_step in run.steps.filter(status=StepStatus.RUNNING):
                _close(run, workflow, open_step.step, open_step.attempt, StepStatus.INTERRUPTED, sentence, now)
        _pause(run, workflow, now + pause, sentence)
        waking.notify()


def start_ending(lease: Lease, workflow: Workflow, ending: Ending) -> Run:
    """Record how the run ends, without a step that ended it; the clean-up follows."""
    with locked_run(lease) as run:
        return _start_ending(
            run, workflow, as_cancelled(run, ending) if run.status == Status.CANCELLING else ending, clock.now()
        )


def _start_ending(run: Run, workflow: Workflow, ending: Ending, now: datetime) -> Run:
    if ending.outcome is Outcome.CANCELLED and not ending.sentence:
        ending = as_cancelled(run, ending)
    _close_open(run, workflow, ending, now)
    change(
        run,
        outcome=ending.outcome,
        outcome_step=ending.step,
        sentence=ending.sentence,
        detail=ending.detail,
        retries=0,
        step_deadline_at=None,
    )
    if run.started_at is None:
        return _end(run, workflow, now)
    if workflow.clean_up is no_clean_up:
        change(run, clean_up_status=CleanUp.DONE)
        return _end(run, workflow, now)
    change(run, clean_up_status=CleanUp.PENDING)
    return run


def _close_open(run: Run, workflow: Workflow, ending: Ending, now: datetime) -> None:
    """Close the open attempt: one that waited ends as the run does; one that was cut off is lost."""
    for attempt in run.steps.filter(status__in=[StepStatus.RUNNING, StepStatus.WAITING]):
        if attempt.status == StepStatus.RUNNING and attempt.fence < run.fence:
            _close_lost(run, workflow, attempt, now)
        else:
            _close(run, workflow, attempt.step, attempt.attempt, StepStatus(ending.outcome.value), ending.sentence, now)


def begin_clean_up(lease: Lease, workflow: Workflow) -> Run:
    """Start an attempt of the clean-up. A run that is returned finished was given up."""
    with locked_run(lease) as run:
        now = clock.now()
        open_steps = run.steps.filter(step=CLEAN_UP, status=StepStatus.RUNNING)
        for cut in open_steps:
            _close_lost(run, workflow, cut, now)
        if run.steps.filter(step=CLEAN_UP, status=StepStatus.LOST).count() >= rules.CRASHES_FORGIVEN:
            change(run, clean_up_status=CleanUp.FAILED, clean_up_error="Its worker disappeared again and again.")
            return _end(run, workflow, now)
        change(
            run,
            clean_up_status=CleanUp.RUNNING,
            clean_up_attempt=run.clean_up_attempt + 1,
            step_deadline_at=now + workflow.clean_up_deadline,
            wait_reason="",
        )
        number = run.clean_up_attempt
        RunStep.objects.create(run=run, step=CLEAN_UP, attempt=number, started_at=now, owner=run.owner, fence=run.fence)
        if workflow.watcher:
            workflow.watcher.step_started(run, CLEAN_UP, number)
        return run


def finish_clean_up(lease: Lease, workflow: Workflow, number: int, error: str = "", failure: Failure | None = None) -> Run:
    """End the run after its clean-up. A failed clean-up is retried; after the last try, the run ends and records the
    failure."""
    with locked_run(lease) as run:
        now = clock.now()
        if run.clean_up_attempt != number:
            raise LeaseLost
        if not error:
            _close(run, workflow, CLEAN_UP, number, StepStatus.SUCCEEDED, "", now)
            change(run, clean_up_status=CleanUp.DONE, clean_up_error="")
            return _end(run, workflow, now)
        change(run, clean_up_error=error)
        pause = _again(run, CLEAN_UP, workflow.clean_up_attempts, CLEAN_UP_BACKOFF, failure)
        if pause is None:
            _close(run, workflow, CLEAN_UP, number, StepStatus.FAILED, error, now)
            change(run, clean_up_status=CleanUp.FAILED)
            return _end(run, workflow, now)
        _close(run, workflow, CLEAN_UP, number, StepStatus.RETRYING, error, now)
        change(run, clean_up_status=CleanUp.PENDING)
        _pause(run, workflow, now + pause, error)
        return run


def abandon(lease: Lease, workflow: Workflow, ending: Ending) -> Lease:
    """Take the run away from a thread that does not react: the fence is raised, so nothing it does later is recorded.

    Returns the lease for the clean-up. The ending is recorded unless the clean-up itself hung.
    """
    with locked_run(lease) as run:
        now = clock.now()
        Run.objects.filter(pk=run.pk).update(fence=F("fence") + 1)
        run.fence += 1
        sentence = f"{ending.sentence} It did not react and was left behind.".strip()
        for open_step in run.steps.filter(status=StepStatus.RUNNING):
            _close(run, workflow, open_step.step, open_step.attempt, StepStatus.ERRORED, sentence, now)
        if run.outcome:
            change(run, retries=run.retries + 1, clean_up_error=sentence)
            if run.retries >= workflow.clean_up_attempts:
                change(run, clean_up_status=CleanUp.FAILED)
                _end(run, workflow, now)
        else:
            _start_ending(run, workflow, as_cancelled(run, ending) if run.status == Status.CANCELLING else ending, now)
        return Lease(lease.run_id, lease.owner, run.fence, lease.lane, lease.parent_id)


def _end(run: Run, workflow: Workflow, now: datetime, **also: Any) -> Run:
    """Finish the run: free its key and slot, call its watcher and signal its parent. `also` is written in the same
    update."""
    change(
        run,
        **also,
        status=Status(also.get("outcome", run.outcome)),
        holds_key=False,
        owner="",
        lease_until=None,
        run_at=None,
        awaits_signal=False,
        wait_reason="",
        step_deadline_at=None,
        finished_at=now,
    )
    if workflow.watcher:
        workflow.watcher.ended(run, ending_of(run))
    if run.parent_id is not None:
        record_signal(run.parent_id, f"child:{run.pk}", {"run": run.pk, "status": str(run.status)})
    waking.notify()
    return run


def end_unstarted(run: Run, workflow: Workflow, now: datetime) -> None:
    """End a run that was cancelled before its first step. The caller has locked its row."""
    change(run, status=Status.CANCELLING, outcome=Outcome.CANCELLED, sentence=run.cancel_reason)
    _end(run, workflow, now)


def end_cancelled_before_start(run_id: int, workflows: Workflows) -> None:
    """End a run that was cancelled before its first step by a process that does not know its workflow."""
    with transaction.atomic():
        parent_id = Run.objects.values_list("parent_id", flat=True).get(pk=run_id)
        ids = [run_id] if parent_id is None else [parent_id, run_id]
        rows = {run.pk: run for run in Run.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")}
        run = rows[run_id]
        if run.status == Status.CANCELLING and not run.owner and run.started_at is None:
            end_unstarted(run, workflows.by_kind[run.kind], clock.now())


def ending_of(run: Run) -> Ending:
    """How the run ends, in the form that the watcher and the clean-up receive."""
    return Ending(Outcome(run.outcome), run.outcome_step, run.sentence, run.detail)


def record_signal(run_id: int, name: str, data: Mapping[str, Any]) -> bool:
    """Store the signal in the run's state and wake the run if it waits for one; False if the run is finished."""
    with transaction.atomic():
        run = Run.objects.select_for_update(no_key=True).filter(pk=run_id).first()
        if run is None or run.is_finished:
            return False
        changes: dict[str, Any] = {"is_signalled": True}
        changes["state"] = {**run.state, SIGNALS: {**run.state.get(SIGNALS, {}), name: dict(data)}}
        if run.status == Status.WAITING and run.awaits_signal:
            changes["run_at"] = clock.now()
        Run.objects.filter(pk=run.pk).update(**changes)
        waking.notify()
        return True
