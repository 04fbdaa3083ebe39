"""A workflow is executed step by step; what a step raises decides what happens next."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fairway.engine import commands, rules, transitions
from fairway.engine.queries import attempts
from fairway.engine.runner import Runner
from fairway.engine.workflow import Ending, Outcome, Step, Workflow, Workflows
from fairway.shared.failures import Away, NeedsPerson, Refused, Retry

SOON = timedelta(milliseconds=10)


class Recorder:
    """A watcher that remembers what it was told, and clean-ups that remember why."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def started(self, run):
        self.told.append(("started",))

    def step_started(self, run, step, attempt):
        self.told.append(("step_started", step, attempt))

    def step_finished(self, run, step, status, sentence):
        self.told.append(("step_finished", step, status, sentence))

    def waiting(self, run, reason):
        self.told.append(("waiting", reason))

    def ended(self, run, ending):
        self.told.append(("ended", ending.outcome.value, ending.step))

    def clean_up(self, context, ending: Ending):
        self.told.append(("cleaned up", ending.outcome.value))


def run_workflow(*steps: Step, recorder: Recorder | None = None, payload=None, **workflow):
    """Run a workflow of these steps and return its row."""
    if recorder:
        workflow = {"watcher": recorder, "clean_up": recorder.clean_up, **workflow}
    workflows = Workflows()
    workflows.register(Workflow("example", steps, **workflow))
    run = commands.enqueue(kind="example", key="k", payload=payload or {})
    Runner(workflows, worker_name="w").run_until_idle()
    run.refresh_from_db()
    return run


def raising(problem):
    def step(context):
        raise problem

    return step


def test_steps_run_in_order_and_hand_their_results_on(database):
    seen = []

    def first(context):
        return {"n": context.payload["start"] + 1}

    def second(context):
        seen.append((context.state["n"], context.step, context.attempt, context.fence))

    recorder = Recorder()
    run = run_workflow(Step("first", first), Step("second", second), recorder=recorder, payload={"start": 1})
    assert (run.status, run.outcome, run.state, run.holds_key) == ("succeeded", "succeeded", {"n": 2}, False)
    assert seen == [(2, "second", 1, 1)]
    assert recorder.told == [
        ("started",),
        ("step_started", "first", 1),
        ("step_finished", "first", "succeeded", ""),
        ("step_started", "second", 1),
        ("step_finished", "second", "succeeded", ""),
        ("ended", "succeeded", ""),
    ]


@pytest.mark.parametrize("problem", [Refused("It crashes.", detail="log"), NeedsPerson("It crashes.", detail="log")])
def test_a_bad_request_fails_the_run_and_is_cleaned_up(database, problem):
    recorder = Recorder()
    run = run_workflow(Step("one", raising(problem)), Step("two", raising(AssertionError)), recorder=recorder)
    assert (run.status, run.outcome_step, run.sentence, run.detail) == ("failed", "one", "It crashes.", "log")
    assert run.clean_up_status == "done"
    assert recorder.told[-4:] == [
        ("step_started", "clean-up", 1),
        ("cleaned up", "failed"),
        ("step_finished", "clean-up", "succeeded", ""),
        ("ended", "failed", "one"),
    ]


@pytest.mark.parametrize("problem", [OSError("no route"), SystemExit(3)])
def test_an_unexpected_exception_is_our_error(database, problem):
    run = run_workflow(Step("one", raising(problem)))
    assert run.status == "errored"
    assert run.sentence.startswith(type(problem).__name__)
    assert "Traceback" in run.detail


def test_a_busy_outside_is_tried_again(database):
    def shaky(context):
        if context.attempt < 3:
            raise Retry("Busy.")
        return {"tries": context.attempt}

    recorder = Recorder()
    run = run_workflow(Step("shaky", shaky, backoff=SOON), recorder=recorder)
    assert (run.status, run.state) == ("succeeded", {"tries": 3})
    assert [(a.attempt, a.status, a.sentence) for a in attempts(run)] == [
        (1, "retrying", "Busy."),
        (2, "retrying", "Busy."),
        (3, "succeeded", ""),
    ]
    assert ("waiting", "Busy.") in recorder.told


def test_retries_are_bounded(database):
    run = run_workflow(Step("shaky", raising(Retry("Busy.", detail="503")), attempts=2, backoff=SOON))
    assert (run.status, run.sentence, run.detail, run.attempt) == ("errored", "Busy.", "503", 2)


def test_what_is_away_has_a_patience_of_its_own(database, monkeypatch):
    monkeypatch.setattr(rules, "LONGEST_PAUSE_AWAY", SOON)
    problems = [Retry("Busy."), *[Away("Restarting.")] * 20, Retry("Busy.")]

    def shaky(context):
        if problems:
            raise problems.pop(0)

    run = run_workflow(Step("shaky", shaky, backoff=SOON, attempts=3))
    assert (run.status, run.attempt) == ("succeeded", 23)


def test_that_patience_is_bounded_too(database, monkeypatch):
    monkeypatch.setattr(rules, "LONGEST_PAUSE_AWAY", SOON)
    recorder = Recorder()
    run = run_workflow(Step("one", raising(Away("It does not answer.")), backoff=SOON), recorder=recorder)
    assert (run.status, run.attempt, run.sentence) == ("errored", rules.ATTEMPTS_AWAY, "It does not answer.")
    assert recorder.told[-1] == ("ended", "errored", "one")


def test_a_clean_up_waits_for_what_is_away(database, monkeypatch):
    monkeypatch.setattr(rules, "LONGEST_PAUSE_AWAY", SOON)
    monkeypatch.setattr(transitions, "CLEAN_UP_BACKOFF", SOON)
    problems = [Away("Restarting.")] * 25

    def clean_up(context, ending):
        if problems:
            raise problems.pop(0)

    run = run_workflow(Step("one", raising(Refused("Bad."))), clean_up=clean_up, clean_up_attempts=2)
    assert (run.status, run.clean_up_status, run.clean_up_attempt, run.clean_up_error) == ("failed", "done", 26, "")


def test_a_retry_that_would_come_after_the_deadline_is_not_waited_for(database):
    run = run_workflow(Step("shaky", raising(Retry("Busy.", after=60)), deadline=timedelta(seconds=30)))
    assert (run.status, run.attempt) == ("errored", 1)


def test_a_result_that_is_not_json_is_the_steps_error(database):
    run = run_workflow(Step("one", lambda context: {"x": object()}))
    assert (run.status, run.outcome_step) == ("errored", "one")


def test_a_step_may_not_write_where_signals_lie(database):
    run = run_workflow(Step("one", lambda context: context.checkpoint(signals={})))
    assert run.status == "errored"
    assert "signals" in run.sentence


def test_a_failing_clean_up_is_tried_again_and_then_shown(database):
    tries = []

    def clean_up(context, ending):
        tries.append(context.attempt)
        raise Retry("The daemon is away.")

    run = run_workflow(Step("one", raising(Refused("Bad."))), clean_up=clean_up, clean_up_attempts=1)
    assert (run.status, run.sentence, tries) == ("failed", "Bad.", [1])
    assert (run.clean_up_status, run.clean_up_error, run.holds_key) == ("failed", "The daemon is away.", False)


def test_a_checkpoint_is_seen_by_the_next_attempt(database):
    def step(context):
        if "half" not in context.state:
            context.checkpoint(half=True)
            assert context.state["half"] is True
            raise Retry("Again.")
        return {"whole": True}

    assert run_workflow(Step("one", step, backoff=SOON)).state == {"half": True, "whole": True}


def test_what_cannot_be_recorded_did_not_happen(database, monkeypatch):
    class Broken(Recorder):
        def ended(self, run, ending):
            raise RuntimeError("the event chain is broken")

    workflows = Workflows()
    workflows.register(Workflow("example", (Step("one", lambda context: None),), watcher=Broken()))
    run = commands.enqueue(kind="example", key="k", payload={})
    runner = Runner(workflows, worker_name="w")
    runner._inline(runner._take())
    run.refresh_from_db()
    assert (run.status, run.holds_key, run.finished_at) == ("waiting", True, None)
    assert "the event chain is broken" in run.wait_reason


def test_a_workflow_whose_step_is_unknown_here_ends_with_a_sentence(database):
    run = commands.enqueue(kind="example", key="k", payload={})
    type(run).objects.update(step="removed in this version")
    workflows = Workflows()
    workflows.register(Workflow("example", (Step("one", lambda context: None),)))
    Runner(workflows, worker_name="w").run_until_idle()
    run.refresh_from_db()
    assert (run.status, run.outcome) == ("errored", Outcome.ERRORED)
    assert "removed in this version" in run.sentence


def test_a_step_that_does_not_apply_leaves_no_trace(db):
    """Whether it does is known from what the steps before it left; the last one may be passed over too."""
    recorder = Recorder()

    def applies(state):
        return bool(state.get("wanted"))

    told = [
        Step("a", lambda context: {"wanted": context.payload["wanted"]}),
        Step("b", lambda context: None, applies=applies),
        Step("c", lambda context: None),
        Step("d", lambda context: None, applies=applies),
    ]
    for wanted, names in ((False, ["a", "c"]), (True, ["a", "b", "c", "d"])):
        run = run_workflow(*told, payload={"wanted": wanted}, recorder=recorder)
        assert run.outcome == Outcome.SUCCEEDED
        assert [row.step for row in attempts(run)] == names
    assert [one[1] for one in recorder.told if one[0] == "step_started"] == ["a", "c", "a", "b", "c", "d"]
