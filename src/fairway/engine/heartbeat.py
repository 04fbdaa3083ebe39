"""One thread per worker that renews its leases, notices lost and cancelled runs, and interrupts steps past their
deadline."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from django.db import connection

from fairway.engine import claim, clock
from fairway.engine.claimed_runs import ClaimedRun, ClaimedRuns, Halt
from fairway.engine.models import Worker

log = logging.getLogger(__name__)

BEATS_PER_LEASE = 4  # three may be missed


class Heartbeat(threading.Thread):
    """Renews every lease of `owner` in one update per beat, and enforces deadlines between beats.

    `grace` is how long an interrupted step may take to end before `abandon` takes its run away from it.
    """

    def __init__(
        self,
        *,
        owner: str,
        slots: int,
        claimed_runs: ClaimedRuns,
        lease: timedelta,
        grace: timedelta,
        abandon: Callable[[ClaimedRun, Halt], None],
    ) -> None:
        super().__init__(name=f"heartbeat-{owner}", daemon=True)
        self._owner, self._slots, self._claimed, self._lease = owner, slots, claimed_runs, lease
        self._grace = grace.total_seconds()
        self._interval = lease.total_seconds() / BEATS_PER_LEASE
        self._abandon = abandon
        self._alarm = threading.Event()
        self._is_over = False
        self._renewed_at = time.monotonic()

    def deadline_changed(self) -> None:
        """Wake the thread, because a deadline changed."""
        self._alarm.set()

    def finish(self) -> None:
        """Stop, and wait until the thread has closed its connection."""
        self._is_over = True
        self._alarm.set()
        self.join()

    def run(self) -> None:
        next_beat = time.monotonic()
        while not self._is_over:
            self._alarm.clear()
            if time.monotonic() >= next_beat:
                self._beat()
                next_beat = time.monotonic() + self._interval
            self._alarm.wait(max(0.0, min(next_beat, self._enforce()) - time.monotonic()))
        connection.close()

    def _beat(self) -> None:
        try:
            self._renew()
        except Exception:
            log.exception("heartbeat of %s failed", self._owner)
            connection.close()
            if time.monotonic() - self._renewed_at > self._lease.total_seconds():
                self._claimed.interrupt([claimed.lease.run_id for claimed in self._claimed.all()], Halt.LOST)

    def _renew(self) -> None:
        claimed_runs = self._claimed.all()
        leases = [claimed.lease for claimed in claimed_runs]
        lost = claim.renew(owner=self._owner, leases=leases, lease=self._lease)
        cancelled = claim.cancelled_among(leases)
        for claimed in claimed_runs:
            if claimed.lease.run_id in lost:
                claimed.interrupt(Halt.LOST)
            elif claimed.lease.run_id in cancelled:
                claimed.interrupt(Halt.CANCELLED)
        record_heartbeat(self._owner, self._slots)
        self._renewed_at = time.monotonic()

    def _enforce(self) -> float:
        """Interrupt steps past their deadline and abandon those that do not react; return when to look again (monotonic
        seconds)."""
        now, upcoming = time.monotonic(), [float("inf")]
        for claimed in self._claimed.all():
            if claimed.deadline is not None and now >= claimed.deadline:
                claimed.interrupt(Halt.DEADLINE)
            if claimed.asked_at is None:
                upcoming.append(claimed.deadline or float("inf"))
            elif now < claimed.asked_at + self._grace:
                upcoming.append(claimed.asked_at + self._grace)
            elif claimed.deadline is not None:
                self._abandon_unresponsive(claimed)
        return min(upcoming)

    def _abandon_unresponsive(self, claimed: ClaimedRun) -> None:
        """Take the run away from a thread that does not react and cannot be killed; its slot is free again."""
        why = claimed.why
        claimed.interrupt(Halt.LOST)
        self._claimed.discard(claimed)
        if why not in (Halt.CANCELLED, Halt.DEADLINE):
            return
        try:
            self._abandon(claimed, why)
        except Exception:
            log.exception("run %s: left to the end of its lease", claimed.lease.run_id)
            connection.close()


def record_heartbeat(name: str, slots: int) -> None:
    """Record in the database that this worker is alive."""
    now = clock.now()
    if not Worker.objects.filter(name=name).update(seen_at=now, host=socket.gethostname(), pid=os.getpid(), slots=slots):
        Worker.objects.get_or_create(
            name=name,
            defaults={"host": socket.gethostname(), "pid": os.getpid(), "slots": slots, "started_at": now, "seen_at": now},
        )
