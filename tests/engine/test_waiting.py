"""Waiting is a state of the row: no thread, no slot, and the key only if the step wants it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from fairway.engine import clock, commands, queries
from fairway.engine.models import Run
from fairway.engine.runner import Runner
from fairway.engine.workflow import Step, Wait, Workflow, Workflows
from fairway.shared.names import Invalid


def waits_for(name: str, **wait):
    def step(context):
        if name not in context.state.get("signals", {}):
            raise Wait(reason=f"waits for {name}", **wait)
        return {"got": context.state["signals"][name], "attempt": context.attempt}

    return step


def runner_of(*steps: Step, **workflow) -> Runner:
    workflows = Workflows()
    workflows.register(Workflow("example", steps, **workflow))
    return Runner(workflows, worker_name="w", slots=1)


def enqueue(**options) -> Run:
    return commands.enqueue(**{"kind": "example", "key": "k", "payload": {}, **options})


def fresh(run: Run) -> Run:
    return Run.objects.get(pk=run.pk)


def test_a_waiting_run_holds_no_slot_but_its_key(database):
    runner = runner_of(Step("approval", waits_for("approved")))
    run, same_key, other = enqueue(), enqueue(), enqueue(key="other")
    runner.run_until_idle()
    run = fresh(run)
    assert (run.status, run.wait_reason, run.owner, run.holds_key) == ("waiting", "waits for approved", "", True)
    assert fresh(same_key).status == "queued"
    assert fresh(other).status == "waiting"


def test_a_signal_brings_it_back_to_the_same_step(database):
    runner = runner_of(Step("approval", waits_for("approved")))
    run = enqueue()
    runner.run_until_idle()
    assert commands.signal(run_id=run.pk, name="approved", data={"by": "Ada"})
    runner.run_until_idle()
    run = fresh(run)
    assert (run.status, run.state["got"]) == ("succeeded", {"by": "Ada"})
    assert run.state["attempt"] == 1  # waiting is not failing
    assert [(a.step, a.attempt, a.status) for a in queries.attempts(run)] == [("approval", 1, "succeeded")]


def test_a_signal_that_comes_while_the_step_decides_to_wait_is_not_slept_over(database):
    calls = []

    def step(context):
        calls.append(sorted(context.state.get("signals", {})))
        if len(calls) == 1:
            commands.signal(run_id=context.run_id, name="approved", data={})
            raise Wait(reason="for ever")

    run = enqueue()
    runner_of(Step("approval", step)).run_until_idle()
    assert (fresh(run).status, calls) == ("succeeded", [[], ["approved"]])


def test_a_signal_does_not_cut_a_pause_short(database):
    run = enqueue()
    Run.objects.filter(pk=run.pk).update(
        status="waiting", holds_key=True, awaits_signal=False, run_at=clock.now() + timedelta(hours=1)
    )
    assert commands.signal(run_id=run.pk, name="hello", data={})
    assert fresh(run).run_at > clock.now()
    assert fresh(run).state == {"signals": {"hello": {}}}


def test_a_wait_that_gives_the_key_away_takes_it_again_when_it_is_free(database):
    order = []

    def step(context):
        order.append(context.payload["name"])
        if context.payload["name"] == "watch" and "go" not in context.state.get("signals", {}):
            raise Wait(keeps_key=False)
        if context.payload["name"] == "blocker":
            raise Wait(keeps_key=True)

    runner = runner_of(Step("one", step))
    watch = enqueue(payload={"name": "watch"})
    runner.run_until_idle()
    assert fresh(watch).holds_key is False
    blocker = enqueue(payload={"name": "blocker"})
    runner.run_until_idle()
    commands.signal(run_id=watch.pk, name="go", data={})
    runner.run_until_idle()
    assert order == ["watch", "blocker"]  # the key is taken
    commands.request_cancel(run_id=blocker.pk, reason="")
    runner.run_until_idle()
    assert (fresh(watch).status, fresh(blocker).status) == ("succeeded", "cancelled")
    assert order == ["watch", "blocker", "watch"]


def test_a_wait_ends_at_its_time(database):
    calls = []

    def step(context):
        calls.append(context.run_id)
        if len(calls) == 1:
            raise Wait(until=clock.now())

    run = enqueue()
    runner_of(Step("one", step)).run_until_idle()
    assert (fresh(run).status, len(calls)) == ("succeeded", 2)


def test_the_deadline_does_not_run_while_it_waits(database):
    run = enqueue()
    runner = runner_of(Step("approval", waits_for("approved"), deadline=timedelta(minutes=1)))
    runner.run_until_idle()
    assert fresh(run).step_deadline_at is None
    commands.signal(run_id=run.pk, name="approved", data={})
    runner.run_until_idle()
    assert fresh(run).status == "succeeded"


def test_a_run_for_later_is_not_started_before(database):
    run = enqueue(run_at=clock.now() + timedelta(hours=1))
    runner_of(Step("one", lambda context: None)).run_until_idle()
    assert fresh(run).status == "queued"
    assert queries.queue_position(fresh(run)) is None


def test_a_parent_is_woken_by_its_children(database):
    def step(context):
        if context.payload.get("child"):
            return None
        children = [name for name in context.state.get("signals", {}) if name.startswith("child:")]
        if len(children) < 2:
            raise Wait(reason="children")
        return {"children": sorted(context.state["signals"][name]["status"] for name in children)}

    runner = runner_of(Step("one", step))
    parent = enqueue(key="parent")
    runner.run_until_idle()
    for number in range(2):
        enqueue(key=f"child-{number}", payload={"child": True}, parent=parent)
    runner.run_until_idle()
    assert fresh(parent).status == "succeeded"
    assert fresh(parent).state["children"] == ["succeeded", "succeeded"]


def test_what_is_over_or_unknown_takes_no_signal(database):
    run = enqueue()
    runner_of(Step("one", lambda context: None)).run_until_idle()
    assert commands.signal(run_id=run.pk, name="late", data={}) is False
    assert commands.signal(run_id=run.pk + 1, name="nobody", data={}) is False


def test_the_queue_says_how_many_go_before(database):
    runner_of(Step("one", waits_for("never"))).run_until_idle()
    first = enqueue()
    assert queries.queue_position(first) == 0
    runner_of(Step("one", waits_for("never"))).run_until_idle()
    assert queries.queue_position(fresh(first)) is None
    same_key, other, elsewhere = enqueue(), enqueue(key="other"), enqueue(key="third", lane="production")
    urgent = enqueue(key="urgent", priority=5)
    found = {run.pk: queries.queue_position(run) for run in (same_key, other, elsewhere, urgent)}
    # `first` holds the key, `urgent` is queued before in the same lane; production has a lane of its own.
    assert found == {same_key.pk: 2, other.pk: 2, elsewhere.pk: 0, urgent.pk: 0}
    assert queries.key_holder("k") == first
    assert queries.live_runs("k") == [first, same_key]


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("kind", {"kind": ""}),
        ("key", {"key": "x" * 201}),
        ("lane", {"lane": ""}),
        ("payload", {"payload": {"x": object()}}),
        ("run_at", {"run_at": clock.timezone.now().replace(tzinfo=None)}),
    ],
)
def test_bad_requests_name_the_field(database, field, options):
    with pytest.raises(Invalid) as refusal:
        enqueue(**options)
    assert refusal.value.field == field
    assert not Run.objects.exists()


def test_a_request_belongs_to_its_callers_transaction(database):
    @transaction.atomic
    def caller():
        enqueue()
        raise RuntimeError("the caller changes its mind")

    with pytest.raises(RuntimeError):
        caller()
    assert not Run.objects.exists()
