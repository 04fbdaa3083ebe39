"""Compares what should be there with what is.

It only looks: what differs is repaired by an `adjust` run under the placement's key, so that a repair never races a
deployment.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict

from django.db import close_old_connections, connections, transaction
from django.utils import timezone

from fairway.accounts.rules import SYSTEM
from fairway.activity.commands import record
from fairway.activity.rules import On
from fairway.deployments.commands.placements import observe, request_repair
from fairway.deployments.models import Deployment, Placement
from fairway.deployments.rules import Health, Wanted, overall_health
from fairway.drivers.proxy.contract import RouteKind
from fairway.drivers.runtimes.contract import Instance, InstanceState, Runtime
from fairway.engine.models import Run
from fairway.environments.models import Environment
from fairway.environments.runtimes import availability_of, runtime_of
from fairway.stories.adjust import describe
from fairway.stories.outside import proxy

log = logging.getLogger(__name__)

EVERY = 2.0  # seconds between two looks
REPAIR_PAUSE = 15.0  # seconds before the same placement is repaired again
OBSERVED_EVERY = 60.0  # seconds after which an unchanged observation is written again, so that it is known to be fresh
_ALIVE = {InstanceState.RUNNING, InstanceState.STARTING}


class Reconciler:
    """One per worker. `run` looks every `EVERY` seconds until told to stop."""

    def __init__(self) -> None:
        self._repaired_at: dict[int, float] = {}

    def run(self, stop: threading.Event) -> None:
        while not stop.wait(EVERY):
            close_old_connections()
            try:
                self.look()
            except Exception:  # one bad look must not end the looking; what broke is in the worker's log
                log.exception("The reconciler could not look")
        connections.close_all()

    def look(self) -> None:
        """Look at every environment once."""
        for environment in Environment.objects.filter(deleted_at=None):
            if availability_of(environment).is_available:
                self._look_at(environment)

    def _look_at(self, environment: Environment) -> None:
        runtime = runtime_of(environment)
        found: dict[str, list[Instance]] = defaultdict(list)
        for instance in runtime.instances():
            found[instance.placement].append(instance)
        related = ("application", "environment", "current__artifact")
        for placement in Placement.objects.filter(environment=environment).select_related(*related):
            self._compare(placement, found.pop(placement.name, []))
        for name, instances in found.items():
            if name.rpartition(".")[2] == environment.slug:
                _remove_orphans(runtime, name, instances)

    def _compare(self, placement: Placement, instances: list[Instance]) -> None:
        if _is_busy(placement.key):
            return  # a run of this key is changing things right now; it writes down what it leaves
        current = placement.current
        if current is None or placement.wanted == Wanted.REMOVED:
            drift = ["Something runs here that nobody asked for."] if instances else []
            if drift or placement.wanted == Wanted.REMOVED:
                self._repair(placement, drift)
            return
        own = [one for one in instances if one.deployment == current.label and one.replica < placement.replicas]
        drift = _drift(placement, current, own, instances)
        self._write_down(placement, own, drift)
        if drift:
            self._repair(placement, drift)

    def _write_down(self, placement: Placement, own: list[Instance], drift: list[str]) -> None:
        healthy = sum(1 for one in own if one.state == InstanceState.RUNNING and one.health != "unhealthy")
        is_stopped = placement.wanted == Wanted.STOPPED
        health = overall_health(healthy, placement.replicas, is_stopped=is_stopped)
        observed = [describe(one) for one in own]
        is_old = placement.observed_at is None or (timezone.now() - placement.observed_at).total_seconds() > OBSERVED_EVERY
        if is_old or (placement.health, placement.drift, placement.observed) != (health, drift, observed):
            observe(placement=placement, health=Health(health), drift=drift, observed=observed)

    def _repair(self, placement: Placement, drift: list[str]) -> None:
        now = time.monotonic()
        if now - self._repaired_at.get(placement.pk, -REPAIR_PAUSE) >= REPAIR_PAUSE:
            self._repaired_at[placement.pk] = now
            log.warning("Repairing %s: %s", placement.name, " ".join(drift))
            request_repair(placement=placement)


def _drift(placement: Placement, current: Deployment, own: list[Instance], everything: list[Instance]) -> list[str]:
    """What differs from what should be, in sentences."""
    if placement.wanted == Wanted.STOPPED:
        alive = [one for one in everything if one.state in _ALIVE]
        return [f"{one.name} runs although it should be stopped." for one in alive]
    found = []
    present = {one.replica for one in own if one.state != InstanceState.STOPPED}
    missing = [str(number) for number in range(placement.replicas) if number not in present]
    if missing:
        found.append(f"Instance {', '.join(missing)} is not running.")
    found += [f"{one.name} has died." for one in own if one.state == InstanceState.FAILED]
    digest = current.artifact.digest if current.artifact else ""
    found += [f"{one.name} runs another digest than {digest[:19]}." for one in own if one.digest and one.digest != digest]
    strangers = [one.name for one in everything if one not in own]
    found += [f"{name} should not be here." for name in strangers]
    return found + _route_drift(placement, own)


def _route_drift(placement: Placement, own: list[Instance]) -> list[str]:
    addresses = {one.address for one in own if one.address and one.state in _ALIVE}
    for host in placement.hosts:
        route = proxy().route(host)
        if route is None or route.kind not in {RouteKind.OPEN, RouteKind.SIGNED_IN}:
            return [f"{host} is not routed."]
        if addresses and set(route.addresses) != addresses:
            return [f"{host} is routed to other addresses."]
    return []


def _is_busy(key: str) -> bool:
    return Run.objects.filter(key=key, finished_at=None).exclude(kind="watch").exists()


def _remove_orphans(runtime: Runtime, name: str, instances: list[Instance]) -> None:
    """Instances of a placement that no row knows: left by something that died at a bad moment."""
    application, _, environment = name.rpartition(".")
    if _is_busy(f"{application}:{environment}"):
        return
    for one in instances:
        runtime.ensure_removed(one.name)
        log.warning("Removed %s, which nobody owns", one.name)
    _record_orphans(name, [one.name for one in instances])


def _record_orphans(name: str, removed: list[str]) -> None:
    with transaction.atomic():
        on = On("placement", name, name)
        record(who=SYSTEM.who, verb="placement.orphans_removed", on=on, after={"instances": removed})
