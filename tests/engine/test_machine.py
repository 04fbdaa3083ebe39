"""Random histories: claims, crashes, expiries, zombies, cancellations and signals in any order keep the promises.

Workers are played by hand, one transaction at a time, so that every interleaving between transactions can occur.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta

import pytest
from django.db import connection
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from fairway.engine import claim, clock, commands, rules, transitions
from fairway.engine.models import Run, RunStep
from fairway.engine.rules import Status
from fairway.engine.workflow import Ending, LeaseLost, Outcome, Step, Wait, Workflow, Workflows
from fairway.shared.failures import Cancelled, Retry
from tests.exploring import examples

LEASE = timedelta(hours=1)
KEYS = st.sampled_from(["k1", "k2"])
WORKERS = st.sampled_from(["w1", "w2", "w3"])
STEPS = (Step("a", lambda context: None), Step("b", lambda context: None))
PICK = st.integers(0, 1000)
ENDS = ["succeed", "go on", "fail", "retry", "wait", "wait without key", "hand back", "put off", "crash"]


class Ledger:
    """A watcher that is strict about the order in which it is told."""

    def __init__(self) -> None:
        self.started_runs: list[int] = []
        self.ended_runs: list[int] = []
        self.cleaned: set[int] = set()

    def started(self, run):
        self.started_runs.append(run.pk)

    def step_started(self, run, step, attempt):
        assert run.pk not in self.ended_runs

    def step_finished(self, run, step, status, sentence):
        assert run.pk not in self.ended_runs
        if step == transitions.CLEAN_UP and status == "succeeded":
            self.cleaned.add(run.pk)

    def waiting(self, run, reason):
        assert run.pk not in self.ended_runs

    def ended(self, run, ending):
        self.ended_runs.append(run.pk)


class EngineMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        with connection.cursor() as cursor:  # not by the ORM: it would look for rows of rooms that have no tables here
            for table in (RunStep, Run):
                cursor.execute(f"DELETE FROM {table._meta.db_table}")
        self.ledger = Ledger()
        self.workflows = Workflows()
        self.workflow = self.workflows.register(
            Workflow("example", STEPS, clean_up=lambda context, ending: None, watcher=self.ledger)
        )
        self.enqueued: set[int] = set()
        self.leases: list[claim.Lease] = []  # all ever given, so that old ones act as zombies
        self.fences: dict[int, int] = {}
        self.finished: dict[int, str] = {}

    def is_current(self, lease: claim.Lease) -> bool:
        run = Run.objects.get(pk=lease.run_id)
        return (run.owner, run.fence) == (lease.owner, lease.fence)

    def acts(self, lease: claim.Lease, act) -> Run | None:
        """Do it; a lease that is not current must be refused, a current one never."""
        current = self.is_current(lease)
        try:
            run = act()
        except LeaseLost:
            assert not current
            return None
        assert current
        return run

    @initialize()
    def begin_in_the_middle(self):
        """Three runs, two of them at work: histories that never get going prove nothing."""
        for key in ("k1", "k2", "k1"):
            self.enqueue(key, key == "k2", 0)
        for worker in ("w1", "w2"):
            self.take(worker)
            lease = self.leases[-1]
            transitions.begin_step(lease, self.workflow, STEPS[0], 0)

    @rule(key=KEYS, parent=st.booleans(), priority=st.integers(0, 1))
    def enqueue(self, key, parent, priority):
        parents = list(Run.objects.live()) if parent else []
        run = commands.enqueue(
            kind="example", key=key, payload={}, priority=priority, parent=parents[0] if parents else None
        )
        self.enqueued.add(run.pk)

    @rule(worker=WORKERS)
    def take(self, worker):
        lease = claim.claim(owner=worker, kinds=["example"], lanes=None, lease=LEASE)
        if lease is not None:
            self.leases.append(lease)

    def lease(self, pick: int) -> claim.Lease:
        newest_first = self.leases[::-1]
        return newest_first[pick % min(4, len(newest_first))]

    @rule(worker=WORKERS, how=st.sampled_from(ENDS))
    def take_and_work(self, worker, how):
        before = len(self.leases)
        self.take(worker)
        if len(self.leases) > before:
            self.work(0, how)

    @rule(pick=PICK, how=st.sampled_from(ENDS))
    def work(self, pick, how):
        """One stretch of a worker's work on a run, as `Execution` does it; with an old lease, a zombie's."""
        lease = self.lease(pick)
        run = Run.objects.get(pk=lease.run_id)
        if run.outcome and self.is_current(lease):
            return self.clean_up(lease, how)
        index = [step.name for step in STEPS].index(run.step) if run.step else 0
        run = self.acts(lease, lambda: transitions.begin_step(lease, self.workflow, STEPS[index], index))
        if run is None or run.outcome or how == "crash":
            return None
        return self.finish(lease, run, STEPS[index], how)

    def finish(self, lease, run, step, how):
        number, workflow = run.attempt, self.workflow
        acts = {
            "succeed": lambda: transitions.finish_step(lease, workflow, number, {step.name: lease.fence}),
            "fail": lambda: transitions.fail_step(lease, workflow, number, Ending(Outcome.FAILED, step.name, "Bad.")),
            "retry": lambda: transitions.retry_step(lease, workflow, step, number, Retry("Busy.")),
            "wait": lambda: transitions.wait(lease, workflow, number, Wait()),
            "wait without key": lambda: transitions.wait(lease, workflow, number, Wait(keeps_key=False)),
            "hand back": lambda: transitions.hand_back(lease, workflow, "Stopped."),
            "put off": lambda: transitions.hand_back(lease, workflow, "No database.", pause=LEASE),
            "go on": lambda: transitions.finish_step(lease, workflow, number, {step.name: lease.fence}, begins_next=True),
        }
        after = self.acts(lease, acts[how])
        if how == "go on" and after is not None and not after.outcome:  # the next step was begun in the same transaction
            assert (after.step, after.attempt) == (STEPS[1].name, 1)
            self.finish(lease, after, STEPS[1], "succeed")

    def clean_up(self, lease, how):
        run = self.acts(lease, lambda: transitions.begin_clean_up(lease, self.workflow))
        if run is None or run.is_finished or how == "crash":
            return
        error = "Busy." if how == "retry" and run.retries + 1 < self.workflow.clean_up_attempts else ""
        self.acts(lease, lambda: transitions.finish_clean_up(lease, self.workflow, run.clean_up_attempt, error))

    @rule(pick=PICK)
    def checkpoint(self, pick):
        lease = self.lease(pick)
        current = self.is_current(lease)
        try:
            transitions.checkpoint(lease, {"mark": lease.fence})
        except LeaseLost:
            assert not current
        except Cancelled:
            assert Run.objects.get(pk=lease.run_id).status == Status.CANCELLING
        else:
            assert current

    @rule(pick=PICK)
    def leave_behind(self, pick):
        lease = self.lease(pick)
        ending = Ending(Outcome.ERRORED, "", "Too slow.")
        current = self.is_current(lease)
        if Run.objects.get(pk=lease.run_id).retries + 1 >= self.workflow.clean_up_attempts and current:
            return  # would give the clean-up up, which is right, but then "cleaned" cannot be demanded below
        try:
            self.leases.append(transitions.abandon(lease, self.workflow, ending))
        except LeaseLost:
            assert not current

    @rule()
    def leases_run_out(self):
        Run.objects.filter(lease_until__isnull=False).update(lease_until=clock.now() - timedelta(seconds=1))

    @rule()
    def pauses_pass(self):
        Run.objects.filter(owner="", run_at__isnull=False).update(run_at=clock.now() - timedelta(seconds=1))

    @rule(worker=WORKERS)
    def beat(self, worker):
        newest = {lease.run_id: lease for lease in self.leases if lease.owner == worker}
        lost = claim.renew(owner=worker, leases=list(newest.values()), lease=LEASE)
        assert lost == {lease.run_id for lease in newest.values() if not self.is_current(lease)}

    @rule(pick=PICK)
    def cancel(self, pick):
        run_id = sorted(self.enqueued)[pick % len(self.enqueued)]
        taken = commands.request_cancel(run_id=run_id, reason="Stop.")
        assert not (taken and run_id in self.finished)

    @rule(pick=PICK)
    def signal(self, pick):
        run_id = sorted(self.enqueued)[pick % len(self.enqueued)]
        assert commands.signal(run_id=run_id, name="go", data={}) == (run_id not in self.finished)

    @invariant()
    def the_promises_hold(self):
        runs = list(Run.objects.all())
        held = [run.key for run in runs if run.holds_key]
        assert len(held) == len(set(held)), "one holder per key"
        assert {run.pk for run in runs} == self.enqueued, "nothing is lost"
        for run in runs:
            assert run.fence >= self.fences.get(run.pk, 0), "fences only grow"
            self.fences[run.pk] = run.fence
            if run.is_finished:
                self.check_finished(run)
        assert sorted(self.ledger.ended_runs) == sorted(self.finished), "every end is told, once"
        assert len(set(self.ledger.started_runs)) == len(self.ledger.started_runs)
        self.check_attempts()

    def check_attempts(self):
        """One attempt at a time, by ever later holders; what is through is not done again, what is over runs no more."""
        by_run = defaultdict(list)
        for attempt in RunStep.objects.order_by("id").values("run", "step", "status", "fence"):
            by_run[attempt["run"]].append(attempt)
        for run_id, attempts in by_run.items():
            fences = [one["fence"] for one in attempts if one["status"] != "waiting"]
            assert all(fence <= self.fences[run_id] for fence in fences)
            assert [one["status"] for one in attempts].count("running") <= (run_id not in self.finished)
            through = [one["step"] for one in attempts if one["status"] == "succeeded"]
            assert len(through) == len(set(through)), "a step that is through is not done again"

    def check_finished(self, run):
        assert self.finished.setdefault(run.pk, run.status) == run.status, "what is over stays over"
        assert run.outcome == run.status
        if run.status != Status.SUCCEEDED and run.started_at is not None:
            assert run.clean_up_status == "done"
            assert run.pk in self.ledger.cleaned

    def teardown(self):
        """Whatever happened, two honest workers bring every run to an end."""
        for _ in range(40 * (len(self.enqueued) + 1)):
            self.leases_run_out()
            self.pauses_pass()
            for run_id in self.enqueued - set(self.finished):
                commands.signal(run_id=run_id, name="go", data={})
            self.take("w1")
            if self.leases:
                self.work(0, "succeed")
            self.the_promises_hold()
            if set(self.finished) == self.enqueued:
                return
        unfinished = Run.objects.live().values_list("pk", "status", "step", "clean_up_status")
        raise AssertionError(f"never came to an end: {list(unfinished)}")


@pytest.mark.hypothesis
@pytest.mark.usefixtures("database")
def test_random_histories_keep_the_promises():
    run_state_machine_as_test(
        EngineMachine,
        settings=settings(
            max_examples=examples(25 if connection.vendor == "sqlite" else 10),
            stateful_step_count=40,
            deadline=None,
            phases=[Phase.generate],  # shrinking replays whole histories on a database: minutes
            suppress_health_check=list(HealthCheck),
            print_blob=False,
            database=None,
        ),
    )


def test_the_machine_knows_every_status():
    assert set(rules.NEXT) == set(Status)
