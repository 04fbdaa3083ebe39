"""The worker's engine: claims runs into slots, one thread each, until told to stop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from datetime import timedelta

from django.db import Error, connection, connections

from fairway.engine import claim, rules, transitions, waking
from fairway.engine.execution import Execution, insist
from fairway.engine.heartbeat import Heartbeat
from fairway.engine.holding import Halt, Hold, Holds
from fairway.engine.models import Run, Worker
from fairway.engine.story import Ending, Outcome, Stories

log = logging.getLogger(__name__)


class Runner:
    """Runs `stories` under the name `worker_name`, which must be unique among the workers that live.

    `slots`: runs at a time. `lanes`: how many of them are kept for a lane alone. `lease`: how long a silent worker keeps
    its runs; another resumes them within lease + 2 s. `poll`: seconds between two looks when nothing wakes it.
    `grace`: how long a step may take to react when it is stopped. Raises ValueError for reservations that leave no slot.
    """

    def __init__(
        self,
        stories: Stories,
        *,
        worker_name: str,
        slots: int = 4,
        lanes: Mapping[str, int] | None = None,
        lease: timedelta = timedelta(seconds=10),
        poll: float = 1.0,
        grace: timedelta = timedelta(seconds=15),
    ) -> None:
        rules.check_slots(slots, lanes or {})
        self._stories, self._name, self._slots, self._lanes = stories, worker_name, slots, dict(lanes or {})
        self._lease, self._poll, self._grace = lease, poll, grace
        self._holds = Holds()
        self._threads: set[threading.Thread] = set()
        self._taking = threading.Lock()
        self._starting = threading.Lock()
        self._stop = threading.Event()
        self._bell = waking.new_bell()
        self._heartbeat: Heartbeat | None = None

    def wake(self) -> None:
        """Look for work now."""
        self._bell.set()

    def run_forever(self, stop: threading.Event) -> None:
        """Work until `stop` is set (then `wake` to be heard at once): running steps are interrupted and handed back."""
        check_database()
        self._stop = stop
        listener = threading.Thread(target=waking.listen, args=(self._bell, stop, self._poll), name="listener", daemon=True)
        self._heartbeat = Heartbeat(
            owner=self._name,
            slots=self._slots,
            holds=self._holds,
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
                pause = self._look()
            except Error as problem:
                log.warning("worker %s cannot use the database: %s", self._name, problem)
                connection.close()
                pause = self._poll
            self._bell.wait(pause)

    def _look(self) -> float:
        """Learn of cancellations, fill the slots; return how long to rest."""
        self._learn_of_cancellations()
        self._end_unstarted()
        while (hold := self._take()) is not None:
            self._launch(hold)
        if self._open_lanes() == frozenset():
            return self._poll  # a slot that becomes free rings the bell
        due = claim.seconds_until_due(self._stories.by_kind)
        return self._poll if due is None else min(self._poll, due + 0.001)

    def _learn_of_cancellations(self) -> None:
        cancelled = claim.cancelled_among([hold.lease for hold in self._holds.all()])
        self._holds.interrupt(cancelled, Halt.CANCELLED)
        if cancelled and self._heartbeat:
            self._heartbeat.nudge()  # it watches how long they take to react

    def _open_lanes(self) -> frozenset[str] | None:
        return rules.open_lanes(self._slots, self._lanes, self._holds.busy())

    def _take(self) -> Hold | None:
        """Claim the run that goes first, if a slot is free; one thread at a time counts the slots and fills them."""
        with self._taking:
            lanes = self._open_lanes()
            if lanes == frozenset():
                return None
            ours = [hold.lease.run_id for hold in self._holds.all() if hold.why is not Halt.LOST]
            lease = claim.claim(owner=self._name, kinds=self._stories.by_kind, lanes=lanes, lease=self._lease, but=ours)
            return None if lease is None else self._hold(lease)

    def _hold(self, lease: claim.Lease) -> Hold:
        hold = Hold(lease)
        self._holds.add(hold)
        if self._stop.is_set():
            hold.interrupt(Halt.SHUTDOWN)  # taken after shutting down looked at what is held
        return hold

    def _end_unstarted(self) -> None:
        """Runs cancelled before anything started need no slot to end."""
        for run_id in claim.cancelled_unstarted(self._stories.by_kind):
            transitions.end_cancelled_before_start(run_id, self._stories)

    def _launch(self, hold: Hold) -> None:
        thread = threading.Thread(target=self._work, args=(hold,), daemon=True)
        with self._starting:  # whoever waits for a thread finds it started
            self._threads.add(thread)
            thread.start()

    def _work(self, hold: Hold | None) -> None:
        """Run it, and what can be taken next, in one thread on one connection; both are gone when there is nothing left."""
        try:
            while hold is not None:
                threading.current_thread().name = f"run-{hold.lease.run_id}"
                try:
                    self._execute(hold)
                finally:
                    self._holds.discard(hold)
                hold = self._take_next()
        finally:
            connections.close_all()
            self._threads.discard(threading.current_thread())
            self._bell.set()

    def _take_next(self) -> Hold | None:
        if self._stop.is_set():
            return None
        try:
            return self._take()
        except Error:
            return None  # the dispatcher says so, and looks again

    def _execute(self, hold: Hold) -> None:
        run = insist(lambda: Run.objects.get(pk=hold.lease.run_id))
        nudge = self._heartbeat.nudge if self._heartbeat else lambda: None
        Execution(hold, run, self._stories.by_kind[run.kind], changed=nudge).run()

    def _abandon(self, hold: Hold, why: Halt) -> None:
        run = Run.objects.get(pk=hold.lease.run_id)
        ending = transitions.too_slow(run.step) if why is Halt.DEADLINE else Ending(Outcome.CANCELLED, run.step)
        log.error("run %s: %s does not react (%s) and is left behind", run.pk, run.step, why)
        self._launch(self._hold(transitions.abandon(hold.lease, self._stories.by_kind[run.kind], ending)))

    def _at_work(self) -> threading.Thread | None:
        """One of the threads that have not ended."""
        with self._starting:
            return next((thread for thread in list(self._threads) if thread.is_alive()), None)

    def _shut_down(self, heartbeat: Heartbeat) -> None:
        """Interrupt what runs, wait for it as long as the grace, and keep its leases alive meanwhile."""
        end = time.monotonic() + self._grace.total_seconds()
        for hold in self._holds.all():
            hold.interrupt(Halt.SHUTDOWN)
        while (thread := self._at_work()) and (left := end - time.monotonic()) > 0:
            thread.join(left)
        heartbeat.finish()
        try:
            Worker.objects.filter(name=self._name).delete()
            waking.ring()  # our own listener hears that it is over, the others that there may be work to take
        except Error:
            log.warning("worker %s could not sign off", self._name)

    def run_until_idle(self) -> None:
        """Run everything that is due, in this thread, one after the other, and what pauses before a retry; for tests.

        Returns when only runs are left that wait (for a signal or a time) or are scheduled for later.
        """
        while True:
            self._end_unstarted()
            hold = self._take()
            if hold is not None:
                self._inline(hold)
                continue
            pause = claim.seconds_until_retry(self._stories.by_kind)
            if pause is None:
                return
            time.sleep(max(0.0, pause) + 0.001)

    def _inline(self, hold: Hold) -> None:
        try:
            self._execute(hold)
        finally:
            self._holds.discard(hold)


def check_database() -> None:
    """Refuse SQLite without IMMEDIATE transactions: under load its claims would fail with lock errors.

    Source: measured, 69 of 200 concurrent runs. Raises RuntimeError.
    """
    options = connection.settings_dict.get("OPTIONS", {})
    if connection.vendor == "sqlite" and str(options.get("transaction_mode", "")).upper() != "IMMEDIATE":
        raise RuntimeError("SQLite needs OPTIONS['transaction_mode'] = 'IMMEDIATE'; see fairway.config.databases.")
