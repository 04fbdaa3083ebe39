"""Recurring ticks: each is called once per interval, however many workers there are.

A tick is not a run: it has no history and is not resumed. Work that must not be lost is a run, which a tick may enqueue.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import Error, connection

from fairway.engine import clock
from fairway.engine.models import ScheduledTick

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tick:
    """Call `function` once per `every`, on whichever worker comes first; once after a time without any worker."""

    name: str
    every: timedelta
    function: Callable[[], None]

    def __post_init__(self) -> None:
        if self.every <= timedelta(0):
            raise ValueError(f"tick {self.name!r}: `every` must be positive")


class Schedule:
    """The ticks of a worker process."""

    def __init__(self, ticks: Sequence[Tick], *, worker_name: str) -> None:
        names = [tick.name for tick in ticks]
        if len(set(names)) != len(names):
            raise ValueError("two ticks have the same name")
        self._ticks = {tick.name: tick for tick in ticks}
        self._worker = worker_name

    def run_forever(self, stop: threading.Event) -> None:
        """Call due ticks until `stop` is set; survives failing ticks and an unreachable database."""
        pause_without_database = 1.0
        try:
            while not stop.is_set():
                try:
                    self.run_due()
                    pause = self._seconds_until_due()
                except Error as problem:
                    log.warning("the schedule cannot use the database: %s", problem)
                    connection.close()
                    pause = pause_without_database
                stop.wait(pause)
        finally:
            connection.close()

    def run_due(self) -> list[str]:
        """Call the ticks that are due and that no other worker took; return their names."""
        self._make_known()
        due = ScheduledTick.objects.filter(name__in=list(self._ticks), next_at__lte=clock.now()).order_by("next_at", "name")
        return [name for name in list(due.values_list("name", flat=True)) if self._take(name) and self._call(name)]

    def _make_known(self) -> None:
        """Store new ticks as due now, and bring forward a tick whose interval became shorter."""
        now, known = clock.now(), dict(ScheduledTick.objects.values_list("name", "next_at"))
        for name, tick in self._ticks.items():
            if name not in known:
                ScheduledTick.objects.get_or_create(name=name, defaults={"next_at": now})
            elif known[name] > now + tick.every:
                ScheduledTick.objects.filter(name=name, next_at=known[name]).update(next_at=now + tick.every)

    def _take(self, name: str) -> bool:
        now = clock.now()
        row = ScheduledTick.objects.filter(name=name, next_at__lte=now)
        return row.update(next_at=now + self._ticks[name].every, last_at=now, last_by=self._worker) == 1

    def _call(self, name: str) -> bool:
        error = ""
        try:
            self._ticks[name].function()
        except Exception as problem:
            log.exception("tick %s failed", name)
            error = f"{type(problem).__name__}: {problem}"
        ScheduledTick.objects.filter(name=name).exclude(last_error=error).update(last_error=error)
        return True

    def _seconds_until_due(self) -> float:
        first = ScheduledTick.objects.filter(name__in=list(self._ticks)).order_by("next_at").first()
        if first is None:
            return 60.0
        return min(60.0, max(0.01, (first.next_at - clock.now()).total_seconds()))
