"""Reads what all running instances use, every ten seconds, and stores it. Of several workers, only the leader does.

Which instances there are is known from the reconciler's observations, so a round asks each runtime once, for the figures
only. What cannot be read in time is not in this round's samples; nothing waits for it, and no deployment is touched.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import NamedTuple

from django.conf import settings
from django.db import close_old_connections, connections

from fairway.deployments.limits import limits_for
from fairway.deployments.models import Deployment, Placement
from fairway.drivers.builders.services import backing_services_of, services_of
from fairway.drivers.runtimes.contract import MAIN, InstanceState, Runtime, Usage
from fairway.environments.models import Environment
from fairway.environments.queries import host_of
from fairway.environments.runtimes import host_availability, runtime_of
from fairway.monitoring.commands import LATE, MOST_INTERVALS, forget_samples, roll_up, store_usage
from fairway.monitoring.metering import forget_meters, meter
from fairway.monitoring.rules import COARSE, FINE, MIDDLE, Reading, Used, sample_of, start_of
from fairway.worker.leadership import Leadership
from fairway.worker.traffic import SETTLES, TrafficReader

log = logging.getLogger(__name__)

LATEST = 0.6 * FINE  # seconds that the runtimes get to answer in a round
ASKED_AT_ONCE = 32  # runtimes; threads are only started when others are busy
RUNS = {InstanceState.RUNNING, InstanceState.RESTARTING}
Where = tuple[int, str]  # a placement's id and one of its services


class Sampler:
    """Takes a sample at every multiple of `FINE` seconds until told to stop."""

    def __init__(self) -> None:
        self._last: dict[str, Reading] = {}  # by the name of the instance
        self._unanswered: dict[int, Future[Mapping[str, Usage]]] = {}  # by the id of the runtime object
        self._traffic = TrafficReader()
        self._cpus: dict[tuple[int, str], float | None] = {}  # by the id of the deployment and the service
        self._summed_up = self._forgot = 0
        self._metered = 0.0
        self._pool = ThreadPoolExecutor(max_workers=ASKED_AT_ONCE, thread_name_prefix="sampling")

    def run(self, stop: threading.Event) -> None:
        leadership = Leadership(settings.DATA.folder("run") / "sampler.lock")
        try:
            while not stop.wait(_until_next()):
                close_old_connections()
                if leadership.is_leader():
                    self.take(time.time())
                    stop.wait(SETTLES)
                    self._traffic.take(time.time())
                else:
                    self._last.clear()
                    self._metered = 0.0  # whoever leads now may stop in the middle of an hour
                    self._traffic.forget()
        finally:
            self._pool.shutdown(wait=False, cancel_futures=True)
            leadership.close()
            connections.close_all()

    def take(self, now: float) -> None:
        """One round at `now`: the sample of the interval that has just passed, and the roll-ups that it completes."""
        at = start_of(now + FINE / 2, FINE) - FINE  # a timer may wake somewhat early
        samples = self._samples()
        if samples:
            store_usage(at=at, resolution=FINE, samples=samples)
        if (interval := start_of(now, MIDDLE)) != self._summed_up:
            while roll_up(now=now) >= MOST_INTERVALS:
                pass  # a worker was away for a while, and what it missed must be summed up before it is deleted
            meter(now=now, since=min(self._metered, now) - LATE)  # before anything is deleted
            self._metered = now
            self._summed_up = interval
        if (interval := start_of(now, COARSE)) != self._forgot:
            forget_samples(now=now)
            forget_meters(now=now)
            self._forgot = interval

    def _samples(self) -> dict[Where, Used]:
        """What each service used since the round before."""
        expected = _expected()
        readings: dict[str, Reading] = {}
        pairs: dict[Where, list[tuple[Reading | None, Reading]]] = defaultdict(list)
        for name, reading in self._readings(expected):
            reading = replace(reading, cpu_limit=self._cpus_of(expected[name]))
            readings[name] = reading
            pairs[expected[name].where].append((self._last.get(name), reading))
        self._last = readings
        return {where: used for where, several in pairs.items() if (used := sample_of(several))}

    def _cpus_of(self, one: Expected) -> float | None:
        """The CPUs that an instance may use. They change with a deployment only, so each is looked up once."""
        key = (one.deployment, one.where[1])
        if key not in self._cpus:
            self._cpus[key] = _cpus_of(*key)
        return self._cpus[key]

    def _readings(self, expected: Mapping[str, Expected]) -> Iterator[tuple[str, Reading]]:
        """What the runtimes tell in time about these instances. A runtime that still works on the question of an earlier
        round is not asked again."""
        asked: list[Future[Mapping[str, Usage]]] = []
        self._unanswered = {key: future for key, future in self._unanswered.items() if not future.done()}
        for runtime, names in _by_runtime(expected):
            if id(runtime) not in self._unanswered:
                future = self._pool.submit(_usages, runtime, names)
                self._unanswered[id(runtime)] = future
                asked.append(future)
        wait(asked, timeout=LATEST)
        for future in asked:
            if future.done():
                yield from ((name, _reading(usage)) for name, usage in future.result().items())


def _until_next() -> float:
    """Seconds until the clock shows the next multiple of `FINE`."""
    now = time.time()
    return start_of(now, FINE) + FINE - now


class Expected(NamedTuple):
    """An instance that was last seen running: in which environment, and to which service of which placement it belongs."""

    environment: Environment
    where: Where
    deployment: int


def _expected() -> dict[str, Expected]:
    """The instances that were last seen running, by name."""
    placed = Placement.objects.exclude(current=None).filter(environment__deleted_at=None).select_related("environment")
    return {
        one["name"]: Expected(placement.environment, (placement.pk, one.get("service", MAIN)), placement.current_id or 0)
        for placement in placed
        for one in placement.observed
        if one.get("state") in RUNS
    }


def _cpus_of(number: int, service: str) -> float | None:
    found = Deployment.objects.select_related("environment", "artifact").filter(pk=number).first()
    if found is None or found.artifact is None:
        return None
    spec = found.artifact.parsed_spec
    given = {one.name: one.spec.cpus for one in (*services_of(spec), *backing_services_of(spec))}
    return limits_for(found, service, memory_bytes=None, cpus=given.get(service)).cpus


def _by_runtime(expected: Mapping[str, Expected]) -> list[tuple[Runtime, list[str]]]:
    """The instances of each runtime that can be reached. Environments with the same options have one runtime, so that all
    processes of this machine are read in one scan."""
    by_environment: dict[int, tuple[Environment, list[str]]] = {}
    for name, one in expected.items():
        by_environment.setdefault(one.environment.pk, (one.environment, []))[1].append(name)
    found: dict[int, tuple[Runtime, list[str]]] = {}
    for environment, names in by_environment.values():
        host = host_of(environment)
        if host is None or host_availability(host).is_available:
            runtime = runtime_of(environment)
            found.setdefault(id(runtime), (runtime, []))[1].extend(names)
    return list(found.values())


def _usages(runtime: Runtime, names: Collection[str]) -> Mapping[str, Usage]:
    try:
        return runtime.usages(names)
    except Exception:  # logged; the next round may succeed
        log.warning("What instances use could not be read from %s", runtime.name, exc_info=True)
        return {}


def _reading(usage: Usage) -> Reading:
    return Reading(
        usage.read_at, usage.began, usage.cpu_seconds, usage.memory_bytes, usage.memory_limit_bytes, usage.restarts
    )
