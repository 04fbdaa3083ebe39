"""Scales applications, and puts to sleep those that nobody visits. Of several workers, only the leader does."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import close_old_connections, connections

from fairway.accounts.rules import Actor, Blocked, Grant, Role
from fairway.activity.rules import Door
from fairway.deployments.commands.placements import scale
from fairway.deployments.commands.sleeping import put_to_sleep
from fairway.deployments.gate import BY_POLICY
from fairway.deployments.models import Placement
from fairway.engine.queries import is_key_busy
from fairway.monitoring.idling import idle_placements
from fairway.monitoring.scaling import Scaled
from fairway.monitoring.scaling_rules import Measure
from fairway.shared.failures import Retry
from fairway.shared.names import Invalid
from fairway.worker.leadership import Leadership
from fairway.workflows.outside import proxy

log = logging.getLogger(__name__)

EVERY = 15.0  # seconds, as often as Kubernetes looks


class Scaler:
    """Looks every `EVERY` seconds until told to stop."""

    def __init__(self) -> None:
        self._began, self._scaled = time.time(), Scaled()

    def run(self, stop: threading.Event) -> None:
        leadership = Leadership(settings.DATA.folder("run") / "scaling.lock")
        try:
            while not stop.wait(EVERY):
                close_old_connections()
                if leadership.is_leader():
                    self.look(time.time())
                else:
                    self._began, self._scaled = time.time(), Scaled()
        finally:
            leadership.close()
            connections.close_all()

    def look(self, now: float) -> None:
        """One look. What the gate refuses now is looked at again."""
        self._scale(now)
        self._put_to_sleep(now)

    def _scale(self, now: float) -> None:
        for change in self._scaled.changes(now):
            placement = change.placement
            if is_key_busy(placement.key):
                continue
            because = change.because
            try:
                scale(
                    actor=autoscaler(placement),
                    placement=placement,
                    replicas=change.decision.replicas,
                    reason=words_of(because),
                    because=because,
                )
            except (Blocked, Invalid) as problem:
                log.info("%s is not scaled: %s", placement.name, problem)

    def _put_to_sleep(self, now: float) -> None:
        try:
            in_flight = proxy().in_flight()
        except Retry:  # the proxy restarts
            return
        for placement in idle_placements(now=now, awake_since=self._began, in_flight=in_flight):
            if is_key_busy(placement.key):
                continue
            try:
                put_to_sleep(actor=autoscaler(placement), placement=placement, is_automatic=True)
            except Blocked as blocked:
                log.info("%s stays awake: %s", placement.name, blocked)


def words_of(because: Mapping[str, Any]) -> str:
    """The reason of a change, as its event shows it."""
    if "measure" not in because:
        return f"Between {because['minimum']} and {because['maximum']} replicas at this time."
    value, target = f"{because['value']:g}", f"{because['target']:g}"
    match because["measure"]:
        case Measure.CPU:
            return f"CPU is at {value} %, its target is {target} %."
        case Measure.REQUESTS:
            return f"Each replica gets {value} requests a second, its target is {target}."
        case _:
            return f"95 % are answered within {value} ms, the target is {target} ms."


def autoscaler(placement: Placement) -> Actor:
    """Who scales a placement by itself: with the rights of a Deployer there, and nowhere else."""
    grant = Grant(Role.DEPLOYER, environment=placement.environment.slug, application=placement.application.slug)
    return Actor(id=None, name="Autoscaler", grants=(grant,), door=Door.WORKER, identified_by=BY_POLICY)
