"""One thread per worker that keeps its leases alive, learns what happened to them, and stops what runs too long."""

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
from fairway.engine.holding import Halt, Hold, Holds
from fairway.engine.models import Worker

log = logging.getLogger(__name__)

BEATS_PER_LEASE = 4  # three may be missed


class Heartbeat(threading.Thread):
    """Renews every lease of `owner` in one update per beat, and enforces deadlines between beats.

    `grace` is how long a step that was told to stop may take to react before `abandon` takes its run away from it.
    """

    def __init__(
        self,
        *,
        owner: str,
        slots: int,
        holds: Holds,
        lease: timedelta,
        grace: timedelta,
        abandon: Callable[[Hold, Halt], None],
    ) -> None:
        super().__init__(name=f"heartbeat-{owner}", daemon=True)
        self._owner, self._slots, self._holds, self._lease = owner, slots, holds, lease
        self._grace = grace.total_seconds()
        self._interval = lease.total_seconds() / BEATS_PER_LEASE
        self._abandon = abandon
        self._alarm = threading.Event()
        self._is_over = False
        self._renewed_at = time.monotonic()

    def nudge(self) -> None:
        """A deadline changed: look again at when to wake."""
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
                self._holds.interrupt([hold.lease.run_id for hold in self._holds.all()], Halt.LOST)

    def _renew(self) -> None:
        holds = self._holds.all()
        leases = [hold.lease for hold in holds]
        lost = claim.renew(owner=self._owner, leases=leases, lease=self._lease)
        cancelled = claim.cancelled_among(leases)
        for hold in holds:
            if hold.lease.run_id in lost:
                hold.interrupt(Halt.LOST)
            elif hold.lease.run_id in cancelled:
                hold.interrupt(Halt.CANCELLED)
        show_worker(self._owner, self._slots)
        self._renewed_at = time.monotonic()

    def _enforce(self) -> float:
        """Stop what is too late, leave behind what does not react; return when to look again (monotonic seconds)."""
        now, upcoming = time.monotonic(), [float("inf")]
        for hold in self._holds.all():
            if hold.deadline is not None and now >= hold.deadline:
                hold.interrupt(Halt.DEADLINE)
            if hold.asked_at is None:
                upcoming.append(hold.deadline or float("inf"))
            elif now < hold.asked_at + self._grace:
                upcoming.append(hold.asked_at + self._grace)
            elif hold.deadline is not None:
                self._leave_behind(hold)
        return min(upcoming)

    def _leave_behind(self, hold: Hold) -> None:
        """Its thread cannot be killed; the run is taken from it instead, and its slot is free again."""
        why = hold.why
        hold.interrupt(Halt.LOST)
        self._holds.discard(hold)
        if why not in (Halt.CANCELLED, Halt.DEADLINE):
            return
        try:
            self._abandon(hold, why)
        except Exception:
            log.exception("run %s: left to the end of its lease", hold.lease.run_id)
            connection.close()


def show_worker(name: str, slots: int) -> None:
    """Say that this worker lives."""
    now = clock.now()
    if not Worker.objects.filter(name=name).update(seen_at=now, host=socket.gethostname(), pid=os.getpid(), slots=slots):
        Worker.objects.get_or_create(
            name=name,
            defaults={"host": socket.gethostname(), "pid": os.getpid(), "slots": slots, "started_at": now, "seen_at": now},
        )
