"""Observes the servers of resources: it records how they are, and requests repairs.

It only observes. Differences are repaired by a run under the resource's key, so that a repair never races with a run that a
person requested.
"""

from __future__ import annotations

import logging
import threading
import time

from django.conf import settings
from django.db import close_old_connections, connections
from django.utils import timezone

from fairway.drivers.resources.contract import Facts, ServerState
from fairway.engine.prepared import Prepared
from fairway.engine.queries import busy_keys, is_key_busy
from fairway.resources.commands import converge
from fairway.resources.models import Resource
from fairway.resources.progress import observed
from fairway.resources.rules import State, Wanted
from fairway.resources.servers import driver_of, server_spec
from fairway.shared.failures import Failure
from fairway.worker.leadership import Leadership

log = logging.getLogger(__name__)

EVERY = 3.0  # seconds between two rounds
ASKED_EVERY = 60.0  # seconds after which a server that runs is asked again how it is
FIRST_PAUSE = 15.0  # seconds before the same server is repaired again; doubled after each repair that does not help
LONGEST_PAUSE = 600.0
_LIVING = Prepared(lambda _: Resource.objects.filter(deleted_at=None).select_related("environment"))
_GONE = {ServerState.ABSENT, ServerState.STOPPED, ServerState.FAILED}


class ResourceKeeper:
    """Observes all resources every `EVERY` seconds until told to stop; of several workers, only the leader does."""

    def __init__(self) -> None:
        self._next: dict[int, tuple[float, float]] = {}  # when a resource may be repaired again, and the pause after that

    def run(self, stop: threading.Event) -> None:
        leadership = Leadership(settings.DATA.folder("run") / "resources.lock")
        try:
            while not stop.wait(EVERY):
                close_old_connections()
                if leadership.is_leader():
                    self.look()
        finally:
            leadership.close()
            connections.close_all()

    def look(self) -> None:
        """Observe every resource once. An error in one stops no other."""
        living = _LIVING.instances()
        busy = busy_keys() if living else set()
        for resource in living:
            if resource.key in busy:
                continue
            try:
                self._look_at(resource)
            except Failure as failure:
                log.warning("%s could not be looked at: %s", resource.server, failure.sentence)
            except Exception:  # logged; the next round may succeed
                log.exception("%s could not be looked at", resource.server)

    def _look_at(self, resource: Resource) -> None:
        seen = driver_of(resource).seen(resource.server)
        is_right = {
            Wanted.RUNNING: seen.state not in _GONE,
            Wanted.STOPPED: seen.state in _GONE,
            Wanted.REMOVED: False,
        }[Wanted(resource.wanted)]
        if not is_right:
            self._repair(resource)
        elif resource.wanted == Wanted.RUNNING:
            self._next.pop(resource.pk, None)
            self._ask(resource, seen.state)

    def _ask(self, resource: Resource, state: ServerState) -> None:
        age = (timezone.now() - resource.observed_at).total_seconds() if resource.observed_at else ASKED_EVERY
        if state is ServerState.RUNNING and resource.state == State.RUNNING and age < ASKED_EVERY:
            return
        facts, sentence = _answer(resource)
        state_now = State.RUNNING if facts is not None else State.DOWN
        if not is_key_busy(resource.key):
            observed(resource=resource, state=state_now, sentence=sentence, facts=facts)

    def _repair(self, resource: Resource) -> None:
        now = time.monotonic()
        at, pause = self._next.get(resource.pk, (now, FIRST_PAUSE))
        if now >= at:
            self._next[resource.pk] = now + pause, min(2 * pause, LONGEST_PAUSE)
            log.warning("Repairing %s", resource.server)
            converge(resource=resource)


def _answer(resource: Resource) -> tuple[Facts | None, str]:
    try:
        return driver_of(resource).look(server_spec(resource)), ""
    except Failure as failure:
        return None, failure.sentence
