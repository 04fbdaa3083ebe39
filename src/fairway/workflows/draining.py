"""Letting old versions finish their requests, without making the next deployment wait for it.

A websocket or a download keeps an old version for the whole drain limit. Whoever ships a fixed version meanwhile must not
wait for the visitors of the broken one. So when the next run of this placement is due, it takes over the versions that have
not finished. The drain limit of each version counts from the moment when the traffic left it, whichever run waits.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime

from django.conf import settings

from fairway.deployments.models import Deployment
from fairway.drivers.proxy.admin import LOOK_EVERY, Draining
from fairway.drivers.runtimes.contract import Instance
from fairway.engine import clock
from fairway.engine.queries import is_next_due
from fairway.workflows.step_context import StepContext

MOST_LEFT = 3  # versions that may still be finishing when the next run starts; each takes memory on the host
ASK_EVERY = 0.5  # seconds between two questions whether the next run is due


def drained(step: StepContext, old: Sequence[Instance]) -> list[Instance]:
    """Wait until these old instances may be stopped, and return them. If the next run is due before, it returns those that
    have finished by then."""
    limits = _limits(old)
    draining = Draining(
        step.proxy.in_flight, {instance.address: limits[instance.deployment] for instance in old if instance.address}
    )
    ask_at = 0.0
    while busy := draining.look():
        step.log.check()
        left = {instance.deployment for instance in old if instance.address in busy}
        if time.monotonic() >= ask_at:
            ask_at = time.monotonic() + ASK_EVERY
            if len(left) <= MOST_LEFT and is_next_due(step.context.key):
                step.log.say(f"The next one is due: {_versions(len(left))} go on finishing requests and are retired by it.")
                break
        step.context.stop.wait(LOOK_EVERY)
    done = [instance for instance in old if instance.address not in busy]
    _tell(step, draining, done)
    return done


def _limits(old: Sequence[Instance]) -> dict[str, float]:
    """The seconds that each version, by its label, may still take, counted from when the traffic left it."""
    numbers = {instance.deployment: int(instance.deployment[1:]) for instance in old if instance.deployment[1:].isdigit()}
    rows = Deployment.objects.filter(replaces__in=numbers.values(), switched_at__isnull=False)
    left_at: dict[int | None, datetime | None] = dict(rows.order_by("switched_at").values_list("replaces", "switched_at"))
    return {instance.deployment: _time_left(left_at.get(numbers.get(instance.deployment))) for instance in old}


def _time_left(since: datetime | None) -> float:
    """The seconds left of the drain limit: between 0 and the whole limit, even if a clock was wrong."""
    limit = float(settings.DRAIN_SECONDS)
    gone = (clock.now() - since).total_seconds() if since else 0.0
    return min(limit, max(0.0, limit - gone))


def _tell(step: StepContext, draining: Draining, done: Sequence[Instance]) -> None:
    addresses = {instance.address for instance in done if instance.address}
    if addresses:
        cut = sum(count for address, count in draining.remaining.items() if address in addresses)
        step.log.say(f"Old instances drained in {draining.seconds:.1f} s" + (f", {cut} connections cut." if cut else "."))


def _versions(count: int) -> str:
    return "1 old version" if count == 1 else f"{count} old versions"
