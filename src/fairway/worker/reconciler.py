"""Compares the wanted state of placements with the actual state.

It only observes. Differences are repaired by an `adjust` run under the placement's key, so that a repair never races with a
deployment.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from typing import Any

from django.conf import settings
from django.db import close_old_connections, connections, transaction
from django.utils import timezone

from fairway.accounts.rules import SYSTEM
from fairway.activity.commands import record
from fairway.activity.rules import On
from fairway.deployments.commands.placements import observe, request_repair
from fairway.deployments.models import Deployment, Placement
from fairway.deployments.rules import Health, Wanted, overall_health
from fairway.drivers.proxy.contract import RouteKind
from fairway.drivers.runtimes.contract import MAIN, Instance, InstanceState, Runtime
from fairway.engine.prepared import NUMBER, Prepared
from fairway.engine.queries import busy_keys, is_key_busy
from fairway.environments.models import Environment
from fairway.environments.runtimes import availability_of, runtime_of
from fairway.shared.failures import Failure
from fairway.worker.leadership import Leadership
from fairway.workflows.adjust import sleeping_kind
from fairway.workflows.instances import describe
from fairway.workflows.outside import proxy
from fairway.workflows.specs import backing_digests, is_backing
from fairway.workflows.writes import look_at_writes

log = logging.getLogger(__name__)

EVERY = 2.0  # seconds between two rounds
UNSEEN_LOOKS = 2  # failed rounds before a placement's state is unknown: a restarting Engine is back before that
FIRST_PAUSE = 15.0  # seconds before the same placement is repaired again; doubled after each repair that does not help
LONGEST_PAUSE = 600.0
WRITES_FIRST = 30.0  # seconds from a version's first observation until its written files are checked
WRITES_EVERY = 900.0
OBSERVED_EVERY = 60.0  # seconds after which an unchanged observation is stored again, to show that it is fresh
RELATED = ("application", "environment", "current__artifact", "current__configuration")
_PLACED = Prepared(lambda number: Placement.objects.filter(environment=number).select_related(*RELATED), NUMBER)
_USED = Prepared(lambda _: Placement.objects.order_by().values_list("environment").distinct())
_ENVIRONMENTS = Prepared(lambda _: Environment.objects.filter(deleted_at=None))
_ENDED = {InstanceState.STOPPED, InstanceState.FAILED}
_SERVING = {RouteKind.OPEN, RouteKind.SIGNED_IN}


class Reconciler:
    """Reconciles every `EVERY` seconds until told to stop; of several workers, only the leader does."""

    def __init__(self) -> None:
        self._repairs: dict[int, _Repairs] = {}
        self._writes = _Looks()
        self._unseen: dict[int, int] = defaultdict(int)  # failed rounds in a row, by environment

    def run(self, stop: threading.Event) -> None:
        leadership = Leadership(settings.DATA.folder("run") / "reconciler.lock")
        try:
            while not stop.wait(EVERY):
                close_old_connections()
                if leadership.is_leader():
                    self.look()
        finally:
            leadership.close()
            connections.close_all()

    def look(self) -> None:
        """Reconcile every environment once. An error in one, say a host that does not answer, stops no other."""
        used = {number for (number,) in _USED.rows()}
        for environment in _ENVIRONMENTS.instances():
            try:
                answer = availability_of(environment)
                if answer.is_available:
                    self._look_at(environment, is_used=environment.pk in used)
                self._unseen[environment.pk] = 0 if answer.is_available else self._unseen[environment.pk] + 1
                if self._unseen[environment.pk] >= UNSEEN_LOOKS:
                    _record_unseen(environment, answer.sentence)
            except Failure as failure:
                log.warning("%s could not be looked at: %s", environment.name, failure.sentence)
            except Exception:  # logged; the next round may succeed
                log.exception("%s could not be looked at", environment.name)

    def _look_at(self, environment: Environment, *, is_used: bool) -> None:
        """Reconcile one environment. Instances are listed before placements are read; otherwise instances started in between
        would look like orphans."""
        runtime = runtime_of(environment)
        by_placement: dict[str, list[Instance]] = defaultdict(list)
        for instance in runtime.instances():
            if instance.placement.rpartition(".")[2] == environment.slug:  # environments may share a runtime
                by_placement[instance.placement].append(instance)
        if not (by_placement or is_used):
            return
        placed = _PLACED.instances(environment.pk)
        busy = busy_keys()
        for placement in placed:
            instances = by_placement.pop(placement.name, [])
            if placement.key not in busy:
                self._compare(runtime, placement, instances)
        for name, instances in by_placement.items():
            _remove_orphans(runtime, name, instances)

    def _compare(self, runtime: Runtime, placement: Placement, instances: list[Instance]) -> None:
        """Record what differs, unless a run has worked on the placement since: then the observation mixes old and new
        state, and the run records the result itself."""
        if differences(placement, instances):
            again = Placement.objects.select_related(*RELATED).filter(pk=placement.pk).first()
            if again is None:
                return
            placement, instances = again, runtime.instances(placement.name)
        drift = differences(placement, instances)
        news = _news(placement, instances, drift)
        if (drift or news) and not _is_left_alone(placement):
            return
        if news:
            observe(placement=placement, **news)
        self._repair(placement, drift)
        if not drift and placement.current is not None and self._writes.is_due(placement.pk, placement.current.pk):
            own = _own(placement, placement.current, instances)
            look_at_writes(runtime, placement, [one for one in own if not is_backing(one)])  # the others outlive a version

    def _repair(self, placement: Placement, drift: list[str]) -> None:
        if not drift:
            self._repairs.pop(placement.pk, None)
            return
        repairs = self._repairs.setdefault(placement.pk, _Repairs())
        if repairs.is_due():
            log.warning("Repairing %s: %s", placement.name, " ".join(drift))
            request_repair(placement=placement)


class _Looks:
    """Decides when to check what a placement's instances wrote: soon after a deployment went live, then seldom."""

    def __init__(self) -> None:
        self._next: dict[int, tuple[int, float]] = {}  # (deployment, time) by placement

    def is_due(self, placement: int, deployment: int) -> bool:
        now = time.monotonic()
        known, at = self._next.get(placement, (None, 0.0))
        if known != deployment:
            self._next[placement] = deployment, now + WRITES_FIRST
        elif now >= at:
            self._next[placement] = deployment, now + WRITES_EVERY
            return True
        return False


class _Repairs:
    """Decides when to repair a placement: at once, and less and less often while it does not help."""

    def __init__(self) -> None:
        self._next, self._pause = 0.0, FIRST_PAUSE

    def is_due(self) -> bool:
        now = time.monotonic()
        if now < self._next:
            return False
        self._next, self._pause = now + self._pause, min(2 * self._pause, LONGEST_PAUSE)
        return True


def differences(placement: Placement, instances: list[Instance]) -> list[str]:
    """The differences between wanted and actual state, in sentences."""
    current = placement.current
    if placement.wanted == Wanted.REMOVED:
        return ["It is to be removed from here."]
    if current is None:
        return ["Something runs here that nobody asked for."] if instances else []
    return _drift(placement, current, _own(placement, current, instances), instances)


def _own(placement: Placement, current: Deployment, instances: list[Instance]) -> list[Instance]:
    current.application, current.environment = placement.application, placement.environment
    counts, backing = placement.counts, backing_digests(current)
    return [
        instance
        for instance in instances
        if instance.name in backing
        or (instance.deployment == current.label and instance.replica < counts.get(instance.service, 0))
    ]


def _is_left_alone(placement: Placement) -> bool:
    """Whether no run works on the placement, and none has since it was read."""
    if is_key_busy(placement.key):
        return False
    return Placement.objects.filter(pk=placement.pk, current=placement.current_id).exists()


def _news(placement: Placement, instances: list[Instance], drift: list[str]) -> dict[str, Any]:
    """The changes to record, as arguments of `observe`; empty if everything was recorded lately."""
    if placement.current is None or placement.wanted == Wanted.REMOVED:
        return {}
    own = _own(placement, placement.current, instances)
    healthy = sum(1 for instance in own if instance.state == InstanceState.RUNNING and instance.health != "unhealthy")
    if placement.is_asleep:
        health = Health.SLEEPING
        own = [instance for instance in own if instance.state not in _ENDED]
    else:
        health = overall_health(healthy, sum(placement.all_counts.values()), is_stopped=placement.wanted == Wanted.STOPPED)
    observed = [describe(instance) for instance in own]
    is_old = placement.observed_at is None or (timezone.now() - placement.observed_at).total_seconds() > OBSERVED_EVERY
    if is_old or (placement.health, placement.drift, placement.observed) != (health, drift, observed):
        return {"health": health, "drift": drift, "observed": observed}
    return {}


def _record_unseen(environment: Environment, sentence: str) -> None:
    """Record that the state of an environment's placements is unknown; their last observed state stays stored."""
    placed = Placement.objects.filter(environment=environment, wanted=Wanted.RUNNING, asleep_since=None).exclude(
        current=None
    )
    for placement in placed.select_related(*RELATED):
        if (placement.health, placement.drift) != (Health.UNKNOWN, [sentence]) and not is_key_busy(placement.key):
            observe(placement=placement, health=Health.UNKNOWN, drift=[sentence], observed=placement.observed)


def _drift(placement: Placement, current: Deployment, own: list[Instance], everything: list[Instance]) -> list[str]:
    """The drift of a placement with a live deployment, in sentences."""
    if placement.wanted == Wanted.STOPPED:
        alive = [instance for instance in everything if instance.state not in _ENDED]
        return [f"{instance.name} runs although it should be stopped." for instance in alive] + _stopped_route_drift(
            placement
        )
    if placement.is_asleep:
        return _asleep_drift(placement, current, own, everything)
    drift = []
    present = {(instance.service, instance.replica) for instance in own if instance.state != InstanceState.STOPPED}
    for service, count in placement.all_counts.items():
        missing = [str(number) for number in range(count) if (service, number) not in present]
        if missing:
            of = "" if service == MAIN else f" of {service}"
            drift.append(f"Instance {', '.join(missing)}{of} is not running.")
    drift += [_death_of(instance) for instance in own if instance.state == InstanceState.FAILED]
    main, backing = current.artifact.digest if current.artifact else "", backing_digests(current)
    for instance in own:
        digest = backing.get(instance.name, main)
        if instance.digest and instance.digest != digest:
            drift.append(f"{instance.name} runs another digest than {digest[:19]}.")
    strangers = [instance.name for instance in everything if instance not in own]
    drift += [f"{name} should not be here." for name in strangers]
    return drift + _route_drift(placement, current, own)


def _death_of(instance: Instance) -> str:
    why = " out of memory" if instance.out_of_memory else ""
    return f"{instance.name} has died{why}."


def _asleep_drift(placement: Placement, current: Deployment, own: list[Instance], everything: list[Instance]) -> list[str]:
    """The drift of a sleeping placement: nothing runs besides what is kept awake, and requests wait for it."""
    alive = [instance for instance in everything if instance.state not in _ENDED]
    kept = [one for one in alive if placement.keeps_workers and one in own and not one.is_main]
    drift = [f"{instance.name} runs although it should sleep." for instance in alive if instance not in kept]
    if placement.keeps_workers:
        wanted = sum(count for service, count in placement.all_counts.items() if service != MAIN)
        if len(kept) < wanted:
            drift.append(f"{len(kept)} of {wanted} instances that stay awake are running.")
    for host in placement.hosts:
        route = proxy().route(host)
        if route is None or route.kind != sleeping_kind(placement):
            drift.append(f"Requests for {host} do not wake it.")
    return drift


def _route_drift(placement: Placement, current: Deployment, own: list[Instance]) -> list[str]:
    addresses = {
        instance.address for instance in own if instance.is_main and instance.address and instance.state not in _ENDED
    }
    for host in placement.hosts:
        route = proxy().route(host)
        if route is None or route.kind not in _SERVING:
            return [f"{host} is not routed."]
        if addresses and set(route.addresses) != addresses:
            return [f"{host} is routed to other addresses."]
        if addresses and route.sticky != current.sticks(len(addresses)):
            return [f"Visitors of {host} {'stay' if route.sticky else 'do not stay'} with one instance."]
    return []


def _stopped_route_drift(placement: Placement) -> list[str]:
    """The drift of a stopped placement's route: it may show any of Fairway's pages, but must not lead to missing
    instances."""
    routes = {host: proxy().route(host) for host in placement.hosts}
    return [f"{host} has no page." for host, route in routes.items() if route is None or route.kind in _SERVING]


def _remove_orphans(runtime: Runtime, name: str, instances: list[Instance]) -> None:
    """Remove instances that belong to no placement, left behind by a process that died at a bad moment."""
    application, _, environment = name.rpartition(".")
    if is_key_busy(f"{application}:{environment}"):
        return
    for instance in instances:
        runtime.ensure_removed(instance.name)
        log.warning("Removed %s, which nobody owns", instance.name)
    _record_orphans(name, [instance.name for instance in instances])


def _record_orphans(name: str, removed: list[str]) -> None:
    with transaction.atomic():
        on = On("placement", name, name)
        record(who=SYSTEM.who, verb="placement.orphans_removed", on=on, after={"instances": removed})
