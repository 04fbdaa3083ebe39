"""Cancelling: at once where nothing started, else interrupt, clean up while the key is held, then free it."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from fairway.engine import commands, queries
from fairway.engine.models import Run
from fairway.engine.runner import Runner
from fairway.engine.workflow import WORKFLOWS, Step, Wait, Workflow, Workflows
from fairway.shared.failures import Cancelled, Refused, Retry
from tests.engine.running import until_status, working
from tests.engine.test_steps import Recorder
from tests.services.waiting import PATIENCE, eventually


def workflows_of(*steps: Step, **workflow) -> Workflows:
    workflows = Workflows()
    workflows.register(Workflow("example", steps, **workflow))
    return workflows


def enqueue(key: str = "k", **options) -> Run:
    return commands.enqueue(kind="example", key=key, payload={}, **options)


def cancel(run: Run, reason: str = "Not today.") -> bool:
    return commands.request_cancel(run_id=run.pk, reason=reason)


def fresh(run: Run) -> Run:
    return Run.objects.get(pk=run.pk)


def nap(context):
    context.sleep(60)


@pytest.fixture
def known(monkeypatch):
    """A process that knows the workflow, as the web does."""
    recorder = Recorder()
    monkeypatch.setitem(
        WORKFLOWS.by_kind, "example", Workflow("example", (Step("one", nap),), watcher=recorder, clean_up=recorder.clean_up)
    )
    return recorder


def test_a_queued_run_is_over_at_once_and_its_watcher_is_told(database, known):
    run = enqueue()
    assert cancel(run)
    run = fresh(run)
    assert (run.status, run.outcome, run.sentence, run.cancel_reason) == (
        "cancelled",
        "cancelled",
        "Not today.",
        "Not today.",
    )
    assert known.told == [("ended", "cancelled", "")]  # nothing had started: nothing to clean up


def test_a_queued_run_whose_workflow_is_unknown_here_is_ended_by_a_worker_without_a_slot(database):
    gate, recorder = threading.Event(), Recorder()
    workflows = workflows_of(Step("one", lambda context: gate.wait() and None), watcher=recorder)
    busy = enqueue("busy")
    with working(Runner(workflows, worker_name="w", slots=1)):
        until_status(busy, "running")
        run = enqueue()
        assert cancel(run)
        until_status(run, "cancelled")
        assert fresh(busy).status == "running"
        gate.set()
        until_status(busy, "succeeded")
    assert ("ended", "cancelled", "") in recorder.told


def test_a_running_step_is_interrupted_and_the_clean_up_keeps_the_key(database):
    cleaning, go_on, cleaned = threading.Event(), threading.Event(), []

    def clean_up(context, ending):
        cleaning.set()
        assert not context.stop.is_set()  # it is not stopped by what stopped the step
        go_on.wait()
        context.checkpoint(tidy=True)
        cleaned.append((ending.outcome.value, ending.step, ending.sentence))

    run = enqueue()
    with working(Runner(workflows_of(Step("nap", nap), clean_up=clean_up), worker_name="w")):
        until_status(run, "running")
        eventually(lambda: queries.attempts(run))
        assert cancel(run)
        assert cleaning.wait(PATIENCE)
        follower = enqueue()
        held = fresh(run)
        assert (held.status, held.holds_key, held.clean_up_status) == ("cancelling", True, "running")
        assert cancel(run) is False  # it is ending already
        assert fresh(follower).status == "queued"
        go_on.set()
        until_status(run, "cancelled")
        until_status(follower, "running")
    assert cleaned[0] == ("cancelled", "nap", "Not today.")
    assert (run.clean_up_status, run.holds_key, run.state) == ("done", False, {"tidy": True})


def test_a_waiting_run_goes_to_its_clean_up_at_once(database):
    recorder = Recorder()

    def wait(context):
        raise Wait(keeps_key=False)

    runner = Runner(workflows_of(Step("wait", wait), watcher=recorder, clean_up=recorder.clean_up), worker_name="w")
    run = enqueue()
    runner.run_until_idle()
    assert cancel(run)
    assert fresh(run).status == "cancelling"
    runner.run_until_idle()
    assert (fresh(run).status, fresh(run).clean_up_status) == ("cancelled", "done")
    assert ("cleaned up", "cancelled") in recorder.told


def test_a_run_that_pauses_before_a_retry_is_cancelled_without_the_retry(database):
    attempts = []

    def shaky(context):
        attempts.append(context.attempt)
        commands.request_cancel(run_id=context.run_id, reason="Enough.")
        raise Retry("Busy.")

    run = enqueue()
    Runner(workflows_of(Step("shaky", shaky)), worker_name="w").run_until_idle()
    assert (fresh(run).status, fresh(run).sentence, fresh(run).detail, attempts) == ("cancelled", "Enough.", "Busy.", [1])


def test_whatever_an_interrupted_step_raises_the_run_is_cancelled(database):
    def step(context):
        commands.request_cancel(run_id=context.run_id, reason="Stop.")
        raise Refused("The build was killed.")

    run = enqueue()
    Runner(workflows_of(Step("one", step)), worker_name="w").run_until_idle()
    assert (fresh(run).status, fresh(run).sentence, fresh(run).detail) == ("cancelled", "Stop.", "The build was killed.")


def test_a_checkpoint_tells_a_step_that_it_was_cancelled(database):
    seen = []

    def step(context):
        commands.request_cancel(run_id=context.run_id, reason="Stop.")
        try:
            context.checkpoint(switched=True)
        except Cancelled:
            seen.append("cancelled")
            raise

    run = enqueue()
    Runner(workflows_of(Step("switch", step)), worker_name="w").run_until_idle()
    assert (fresh(run).status, fresh(run).state, seen) == ("cancelled", {}, ["cancelled"])


def test_a_cancellation_between_steps_starts_no_further_step(database):
    begun = []

    def first(context):
        begun.append("first")
        commands.request_cancel(run_id=context.run_id, reason="Stop.")

    run = enqueue()
    Runner(
        workflows_of(Step("first", first), Step("second", lambda context: begun.append("second"))), worker_name="w"
    ).run_until_idle()
    assert (fresh(run).status, begun) == ("cancelled", ["first"])


def test_a_cancellation_after_the_last_step_comes_too_late(database):
    run = enqueue()
    last = Step("last", lambda context: commands.request_cancel(run_id=context.run_id, reason="Stop.") and None)
    Runner(workflows_of(last), worker_name="w").run_until_idle()
    assert fresh(run).status == "succeeded"


def test_a_step_that_does_not_react_to_a_cancellation_is_left_behind(database):
    gate, cleaned = threading.Event(), []
    workflows = workflows_of(
        Step("deaf", lambda context: gate.wait() and None), clean_up=lambda c, ending: cleaned.append(ending.outcome.value)
    )
    run = enqueue()
    with working(Runner(workflows, worker_name="w", grace=timedelta(milliseconds=50))):
        eventually(lambda: queries.attempts(run))
        cancel(run)
        until_status(run, "cancelled")
        gate.set()
    assert (run.clean_up_status, cleaned) == ("done", ["cancelled"])


def test_cancelling_a_parent_cancels_its_children(database):
    workflows = workflows_of(Step("nap", nap))
    parent = enqueue("parent")
    child = enqueue("child", parent=parent)
    grandchild = enqueue("grandchild", parent=child)
    with working(Runner(workflows, worker_name="w")):
        until_status(child, "running")
        assert cancel(parent)
        for run in (parent, child, grandchild):
            until_status(run, "cancelled")


def test_a_finished_or_unknown_run_cannot_be_cancelled(database):
    run = enqueue()
    Runner(workflows_of(Step("one", lambda context: None)), worker_name="w").run_until_idle()
    assert cancel(run) is False
    assert commands.request_cancel(run_id=run.pk + 1, reason="") is False
    assert fresh(run).cancel_requested_at is None
