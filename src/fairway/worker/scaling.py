"""Puts applications to sleep that nobody visits. Of several workers, only the leader does."""

from __future__ import annotations

import logging
import threading
import time

from django.conf import settings
from django.db import close_old_connections, connections

from fairway.accounts.rules import Actor, Blocked, Grant, Role
from fairway.activity.rules import Door
from fairway.deployments.commands.sleeping import put_to_sleep
from fairway.deployments.models import Placement
from fairway.engine.queries import is_key_busy
from fairway.monitoring.idling import idle_placements
from fairway.shared.failures import Retry
from fairway.worker.leadership import Leadership
from fairway.workflows.outside import proxy

log = logging.getLogger(__name__)

EVERY = 15.0  # seconds, as often as Kubernetes looks


class Scaler:
    """Looks every `EVERY` seconds until told to stop."""

    def __init__(self) -> None:
        self._began = time.time()

    def run(self, stop: threading.Event) -> None:
        leadership = Leadership(settings.DATA.folder("run") / "scaling.lock")
        try:
            while not stop.wait(EVERY):
                close_old_connections()
                if leadership.is_leader():
                    self.look(time.time())
                else:
                    self._began = time.time()
        finally:
            leadership.close()
            connections.close_all()

    def look(self, now: float) -> None:
        """Put to sleep what nobody visits. What the gate refuses now is looked at again."""
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


def autoscaler(placement: Placement) -> Actor:
    """Who scales a placement by itself: with the rights of a Deployer there, and nowhere else."""
    grant = Grant(Role.DEPLOYER, environment=placement.environment.slug, application=placement.application.slug)
    return Actor(id=None, name="Autoscaler", grants=(grant,), door=Door.WORKER, identified_by="its policy")
