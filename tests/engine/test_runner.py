"""Several workers, slots and lanes; deadlines and what does not react; shutting down."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import connection

from fairway.engine import clock, commands
from fairway.engine.claimed_runs import Halt
from fairway.engine.models import Run, Worker
from fairway.engine.queries import attempts
from fairway.engine.runner import Runner, check_database
from fairway.engine.workflow import Step, Workflow, Workflows
from tests.engine.running import until_status, working
from tests.services.waiting import PATIENCE, eventually

BRIEF = timedelta(milliseconds=50)


def workflows_of(*steps: Step, **workflow) -> Workflows:
    workflows = Workflows()
    workflows.register(Workflow("example", steps, **workflow))
    return workflows


def enqueue(key: str = "k", **options) -> Run:
    return commands.enqueue(kind="example", key=key, payload={}, **options)


def test_one_run_per_key_under_four_workers(database):
    guard, inside, overlaps, told = threading.Lock(), Counter(), [], Counter()

    def enter(context):
        with guard:
            inside[context.key] += 1
            overlaps.extend([context.key] if inside[context.key] > 1 else [])

    def leave(context):
        with guard:
            inside[context.key] -= 1
            told[context.run_id] += 1

    workflows = workflows_of(Step("enter", enter), Step("leave", leave))
    runs = [enqueue(f"key-{number % 7}") for number in range(50)]
    with working(*(Runner(workflows, worker_name=f"w{number}", slots=2) for number in range(4))):
        eventually(lambda: Run.objects.filter(status="succeeded").count() == len(runs))
    assert overlaps == []
    assert told == Counter({run.pk: 1 for run in runs})


def test_runs_of_one_key_go_in_the_order_they_came(database):
    order = []
    workflows = workflows_of(Step("note", lambda context: order.append(context.run_id)))
    runs = [enqueue() for _ in range(5)]
    urgent = enqueue(priority=1)
    with working(Runner(workflows, worker_name="w")):
        eventually(lambda: len(order) == 6)
    assert order == [urgent.pk, *(run.pk for run in runs)]


def test_a_lane_keeps_its_slot_while_others_are_many(database):
    gate, staged = threading.Event(), threading.Semaphore(0)

    def step(context):
        if context.payload.get("slow"):
            staged.release()
            gate.wait()

    workflows = workflows_of(Step("one", step))
    slow = [commands.enqueue(kind="example", key=f"s{n}", payload={"slow": True}, lane="staging") for n in range(3)]
    with working(Runner(workflows, worker_name="w", slots=2, lanes={"production": 1})):
        assert staged.acquire(timeout=PATIENCE)
        until_status(enqueue("p", lane="production"), "succeeded")
        assert sorted(Run.objects.filter(lane="staging").values_list("status", flat=True)) == ["queued", "queued", "running"]
        gate.set()
        for run in slow:
            until_status(run, "succeeded")


def test_a_step_that_reacts_to_its_deadline_ends_errored_and_is_cleaned_up(database):
    cleaned = []
    workflows = workflows_of(
        Step("slow", lambda context: context.sleep(60), deadline=BRIEF),
        clean_up=lambda context, ending: cleaned.append(ending.outcome.value),
    )
    run = enqueue()
    with working(Runner(workflows, worker_name="w")):
        until_status(run, "errored")
    assert (run.outcome_step, cleaned) == ("slow", ["errored"])
    assert "longer than it may" in run.sentence


def nothing_is_at_work() -> bool:
    """Nor is what was left behind: a stopping runner waits for that only as long as its grace, then the database is gone."""
    return not any(one.name.startswith("run-") for one in threading.enumerate())


def test_a_step_that_does_not_react_is_left_behind_and_cannot_write_any_more(database):
    gate, after = threading.Event(), []

    def deaf(context):
        gate.wait()
        try:
            context.checkpoint(late=True)
        except BaseException as problem:
            after.append(type(problem).__name__)
            raise

    workflows = workflows_of(Step("deaf", deaf, deadline=BRIEF))
    run = enqueue()
    with working(Runner(workflows, worker_name="w", slots=1, grace=BRIEF)):
        until_status(run, "errored")
        second = enqueue("other")  # the only slot is free again
        eventually(lambda: Run.objects.get(pk=second.pk).status == "errored")
        gate.set()
        eventually(lambda: len(after) == 2)
        eventually(nothing_is_at_work)
    run.refresh_from_db()
    assert (set(after), run.state) == ({"LeaseLost"}, {})
    assert "left behind" in attempts(run)[0].sentence


def test_a_clean_up_that_hangs_is_left_behind_tried_again_and_at_last_shown(database):
    gate = threading.Event()

    def refuse(context):
        raise OSError("broken")

    workflows = workflows_of(
        Step("one", refuse),
        clean_up=lambda context, ending: gate.wait() and None,
        clean_up_deadline=BRIEF,
        clean_up_attempts=2,
    )
    run = enqueue()
    with working(Runner(workflows, worker_name="w", grace=BRIEF)):
        until_status(run, "errored")
        gate.set()
        eventually(nothing_is_at_work)
    assert (run.clean_up_status, run.clean_up_attempt, run.holds_key) == ("failed", 2, False)


def test_a_stopped_worker_hands_its_run_to_the_next_one_at_once(database):
    started, go_on = threading.Event(), threading.Event()

    def step(context):
        started.set()
        if not go_on.is_set():
            context.sleep(60)
        return {"told_by_attempt": context.attempt}

    workflows = workflows_of(Step("one", step))
    run = enqueue()
    with working(Runner(workflows, worker_name="first")):
        assert started.wait(PATIENCE)
        eventually(lambda: Worker.objects.filter(name="first").exists())
    run.refresh_from_db()
    assert (run.status, run.holds_key, run.owner) == ("waiting", True, "")
    assert not Worker.objects.exists()
    go_on.set()
    with working(Runner(workflows, worker_name="second")):
        until_status(run, "succeeded")
    assert [(a.status, a.owner) for a in attempts(run)] == [("interrupted", "first"), ("succeeded", "second")]
    assert run.state == {"told_by_attempt": 2}


def test_a_run_of_an_unknown_kind_is_left_to_a_worker_that_knows_it(database):
    run = commands.enqueue(kind="other", key="k", payload={})
    Runner(workflows_of(Step("one", lambda context: None)), worker_name="w").run_until_idle()
    run.refresh_from_db()
    assert run.status == "queued"


def test_a_worker_finds_work_without_looking_again_and_again(database):
    """With a poll of an hour only a wake-up can start it."""
    workflows = workflows_of(Step("one", lambda context: None))
    with working(Runner(workflows, worker_name="w", poll=3600)):
        eventually(Worker.objects.exists)
        until_status(enqueue(), "succeeded")


def test_sqlite_without_immediate_transactions_is_refused(database, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {})
    if connection.vendor == "sqlite":
        with pytest.raises(RuntimeError, match="IMMEDIATE"):
            check_database()
    else:
        check_database()


def test_a_worker_does_not_take_over_from_itself(database):
    """A machine too busy to renew in time: the step goes on under the lease it has, it is not begun again beside itself."""
    seen = []

    def slow(context):
        Run.objects.filter(pk=context.run_id).update(lease_until=clock.now() - timedelta(seconds=1))
        looks = len(seen)
        runner.wake()
        eventually(lambda: len(seen) > looks + 3)

    workflows = workflows_of(Step("slow", slow))
    runner = Runner(workflows, worker_name="w", poll=0.02, lease=timedelta(seconds=60))
    look = runner._learn_of_cancellations
    runner._learn_of_cancellations = lambda: (seen.append(1), look())[1]
    run = enqueue()
    with working(runner):
        until_status(run, "succeeded")
    assert run.fence == 1
    assert len(attempts(run)) == 1


def test_a_run_that_is_taken_while_the_worker_stops_is_waited_for_and_handed_back(database, monkeypatch):
    """As the heartbeat takes one that it left behind. Its thread is known a moment before it has started."""
    begins, goes_on = threading.Event(), threading.Event()

    class Slow(threading.Thread):
        def start(self):
            begins.set()
            assert goes_on.wait(PATIENCE)
            super().start()

    run = enqueue()
    runner = Runner(workflows_of(Step("wait", lambda context: context.sleep(60))), worker_name="w")
    runner._stop.set()
    claimed = runner._take()
    assert claimed.why is Halt.SHUTDOWN
    launching = threading.Thread(target=runner._launch, args=(claimed,))
    stopping = threading.Thread(target=in_a_thread(runner._shut_down), args=(SimpleNamespace(finish=lambda: None),))
    monkeypatch.setattr(threading, "Thread", Slow)
    launching.start()
    assert begins.wait(PATIENCE)
    stopping.start()
    stopping.join(0.3)  # long enough to meet a thread that has not started
    goes_on.set()
    for thread in (launching, stopping):
        thread.join()
    run.refresh_from_db()
    assert (run.owner, run.is_finished, runner._at_work()) == ("", False, None)


def in_a_thread(work):
    """What leaves no connection behind."""

    def wrapper(*given):
        try:
            work(*given)
        finally:
            connection.close()

    return wrapper
