"""Claims runs and executes them in slots, one thread each, until told to stop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from datetime import timedelta

from django.db import Error, connection, connections

from fairway.engine import claim, rules, transitions, waking
from fairway.engine.claimed_runs import ClaimedRun, ClaimedRuns, Halt
from fairway.engine.execution import Execution, retry_on_db_error
from fairway.engine.heartbeat import Heartbeat
from fairway.engine.models import Run, Worker
from fairway.engine.prepared import NUMBER, Prepared
from fairway.engine.workflow import Ending, Outcome, Workflows

log = logging.getLogger(__name__)


class Runner:
    """Executes `workflows` under the name `worker_name`, which must be unique among living workers.

    `slots`: how many runs at a time. `lanes`: how many slots are reserved for each lane. `lease`: how long a worker that
    sends no heartbeat keeps its runs; another resumes them within lease + 2 s. `poll`: seconds between two looks if
    nothing wakes it. `grace`: how long an interrupted step may take to end. Raises ValueError if the reservations leave
    no shared slot.
    """

    def __init__(
        self,
        workflows: Workflows,
        *,
        worker_name: str,
        slots: int = 4,
        lanes: Mapping[str, int] | None = None,
        lease: timedelta = timedelta(seconds=10),
        poll: float = 1.0,
        grace: timedelta = timedelta(seconds=15),
    ) -> None:
        rules.check_slots(slots, lanes or {})
        self._workflows, self._name, self._slots, self._lanes = workflows, worker_name, slots, dict(lanes or {})
        self._lease, self._poll, self._grace = lease, poll, grace
        self._claimed = ClaimedRuns()
        self._threads: set[threading.Thread] = set()
        self._taking = threading.Lock()
        self._starting = threading.Lock()
        self._stop = threading.Event()
        self._bell = waking.new_wakeup()
        self._heartbeat: Heartbeat | None = None

    def wake(self) -> None:
        """Make the dispatcher look for work now."""
        self._bell.set()

    def run_forever(self, stop: threading.Event) -> None:
        """Work until `stop` is set (call `wake` after setting it), then interrupt running steps and hand their runs back."""
        check_database()
        self._stop = stop
        listener = threading.Thread(target=waking.listen, args=(self._bell, stop, self._poll), name="listener", daemon=True)
        self._heartbeat = Heartbeat(
            owner=self._name,
            slots=self._slots,
            claimed_runs=self._claimed,
            lease=self._lease,
            grace=self._grace,
            abandon=self._abandon,
        )
        self._heartbeat.start()
        listener.start()
        try:
            self._dispatch(stop)
        finally:
            stop.set()
            self._shut_down(self._heartbeat)
            listener.join()
            connection.close()

    def _dispatch(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._bell.clear()
            try:
                pause = self._fill_slots()
            except Error as problem:
                log.warning("worker %s cannot use the database: %s", self._name, problem)
                connection.close()
                pause = self._poll
            self._bell.wait(pause)

    def _fill_slots(self) -> float:
        """Notice cancellations and fill the slots; return how many seconds to wait before the next look."""
        self._learn_of_cancellations()
        self._end_unstarted()
        while (claimed := self._take()) is not None:
            self._launch(claimed)
        if self._open_lanes() == frozenset():
            return self._poll  # a slot that becomes free sets the wake-up event
        due = claim.seconds_until_due(self._workflows.by_kind)
        return self._poll if due is None else min(self._poll, due + 0.001)

    def _learn_of_cancellations(self) -> None:
        cancelled = claim.cancelled_among([claimed.lease for claimed in self._claimed.all()])
        self._claimed.interrupt(cancelled, Halt.CANCELLED)
        if cancelled and self._heartbeat:
            self._heartbeat.deadline_changed()  # it enforces the grace of interrupted steps

    def _open_lanes(self) -> frozenset[str] | None:
        return rules.open_lanes(self._slots, self._lanes, self._claimed.busy())

    def _take(self) -> ClaimedRun | None:
        """Claim the next run if a slot is free; only one thread at a time counts and fills the slots."""
        with self._taking:
            lanes = self._open_lanes()
            if lanes == frozenset():
                return None
            ours = [claimed.lease.run_id for claimed in self._claimed.all() if claimed.why is not Halt.LOST]
            lease = claim.claim(owner=self._name, kinds=self._workflows.by_kind, lanes=lanes, lease=self._lease, but=ours)
            return None if lease is None else self._claimed_run(lease)

    def _claimed_run(self, lease: claim.Lease) -> ClaimedRun:
        claimed = ClaimedRun(lease)
        self._claimed.add(claimed)
        if self._stop.is_set():
            claimed.interrupt(Halt.SHUTDOWN)  # claimed after the shutdown had interrupted the others
        return claimed

    def _end_unstarted(self) -> None:
        """End runs that were cancelled before their first step; they need no slot."""
        for run_id in claim.cancelled_unstarted(self._workflows.by_kind):
            transitions.end_cancelled_before_start(run_id, self._workflows)

    def _launch(self, claimed: ClaimedRun) -> None:
        thread = threading.Thread(target=self._work, args=(claimed,), daemon=True)
        with self._starting:  # so that `_shut_down` never joins a thread that has not been started
            self._threads.add(thread)
            thread.start()

    def _work(self, claimed: ClaimedRun | None) -> None:
        """Execute the run, then further ones, in one thread on one database connection, until there is nothing to claim."""
        try:
            while claimed is not None:
                threading.current_thread().name = f"run-{claimed.lease.run_id}"
                try:
                    self._execute(claimed)
                finally:
                    self._claimed.discard(claimed)
                claimed = self._take_next()
        finally:
            connections.close_all()
            self._threads.discard(threading.current_thread())
            self._bell.set()

    def _take_next(self) -> ClaimedRun | None:
        if self._stop.is_set():
            return None
        try:
            return self._take()
        except Error:
            return None  # the dispatcher logs the problem and looks again

    def _execute(self, claimed: ClaimedRun) -> None:
        run = retry_on_db_error(lambda: _run(claimed.lease.run_id))
        changed = self._heartbeat.deadline_changed if self._heartbeat else lambda: None
        Execution(claimed, run, self._workflows.by_kind[run.kind], changed=changed).run()

    def _abandon(self, claimed: ClaimedRun, why: Halt) -> None:
        run = _run(claimed.lease.run_id)
        ending = transitions.too_slow(run.step) if why is Halt.DEADLINE else Ending(Outcome.CANCELLED, run.step)
        log.error("run %s: %s does not react (%s) and is left behind", run.pk, run.step, why)
        self._launch(self._claimed_run(transitions.abandon(claimed.lease, self._workflows.by_kind[run.kind], ending)))

    def _at_work(self) -> threading.Thread | None:
        """A thread that is still executing a run; None if there is none."""
        with self._starting:
            return next((thread for thread in list(self._threads) if thread.is_alive()), None)

    def _shut_down(self, heartbeat: Heartbeat) -> None:
        """Interrupt all steps and wait up to `grace` for them, while the heartbeat keeps renewing their leases."""
        end = time.monotonic() + self._grace.total_seconds()
        for claimed in self._claimed.all():
            claimed.interrupt(Halt.SHUTDOWN)
        while (thread := self._at_work()) and (left := end - time.monotonic()) > 0:
            thread.join(left)
        heartbeat.finish()
        try:
            Worker.objects.filter(name=self._name).delete()
            waking.notify()  # ends our own listener, and tells other workers that there may be runs to claim
        except Error:
            log.warning("worker %s could not sign off", self._name)

    def run_until_idle(self) -> None:
        """Execute everything that is due or pauses before a retry, one after the other in this thread; for tests.

        Returns when all other runs wait for a signal or a time.
        """
        while True:
            self._end_unstarted()
            claimed = self._take()
            if claimed is not None:
                self._inline(claimed)
                continue
            pause = claim.seconds_until_retry(self._workflows.by_kind)
            if pause is None:
                return
            time.sleep(max(0.0, pause) + 0.001)

    def _inline(self, claimed: ClaimedRun) -> None:
        try:
            self._execute(claimed)
        finally:
            self._claimed.discard(claimed)


_RUN = Prepared(lambda number: Run.objects.filter(pk=number), NUMBER)


def _run(number: int) -> Run:
    run: Run = _RUN.get(number)
    return run


def check_database() -> None:
    """Raise RuntimeError for SQLite without IMMEDIATE transactions: under load, claims would fail with lock errors.

    Source: measured, 69 of 200 concurrent runs failed.
    """
    options = connection.settings_dict.get("OPTIONS", {})
    if connection.vendor == "sqlite" and str(options.get("transaction_mode", "")).upper() != "IMMEDIATE":
        raise RuntimeError("SQLite needs OPTIONS['transaction_mode'] = 'IMMEDIATE'; see fairway.config.databases.")
