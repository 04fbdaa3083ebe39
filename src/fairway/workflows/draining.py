"""Letting versions finish what visitors asked of them, without making the next deployment wait for it.

A websocket or a download keeps an old version for the whole drain limit. Whoever ships a mended version meanwhile must
not wait for the visitors of the broken one: when the next run of this placement is due, what has not finished is left to
it, and each version keeps the time it has had since the traffic left it.
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

MOST_LEFT = 3  # versions that may be finishing when the next one starts: each holds memory on the host
ASK_EVERY = 0.5  # seconds between two looks at whether the next run is due


def drained(step: StepContext, old: Sequence[Instance]) -> list[Instance]:
    """Wait until these old instances may be stopped; returns them, or as many as could be when the next run is due."""
    limits = _limits(old)
    draining = Draining(step.proxy.in_flight, {one.address: limits[one.deployment] for one in old if one.address})
    ask_at = 0.0
    while busy := draining.look():
        step.log.check()
        left = {one.deployment for one in old if one.address in busy}
        if time.monotonic() >= ask_at:
            ask_at = time.monotonic() + ASK_EVERY
            if len(left) <= MOST_LEFT and is_next_due(step.context.key):
                step.log.say(f"The next one is due: {_versions(len(left))} go on finishing requests and are retired by it.")
                break
        step.context.stop.wait(LOOK_EVERY)
    done = [one for one in old if one.address not in busy]
    _tell(step, draining, done)
    return done


def _limits(old: Sequence[Instance]) -> dict[str, float]:
    """Seconds from now that each version, by its label, may still take: its time began when the traffic left it."""
    numbers = {one.deployment: int(one.deployment[1:]) for one in old if one.deployment[1:].isdigit()}
    rows = Deployment.objects.filter(replaces__in=numbers.values(), switched_at__isnull=False)
    left_at: dict[int | None, datetime | None] = dict(rows.order_by("switched_at").values_list("replaces", "switched_at"))
    return {one.deployment: _time_left(left_at.get(numbers.get(one.deployment))) for one in old}


def _time_left(since: datetime | None) -> float:
    """Never more than the whole limit, whatever a clock said."""
    whole = float(settings.DRAIN_SECONDS)
    gone = (clock.now() - since).total_seconds() if since else 0.0
    return min(whole, max(0.0, whole - gone))


def _tell(step: StepContext, draining: Draining, done: Sequence[Instance]) -> None:
    addresses = {one.address for one in done if one.address}
    if addresses:
        cut = sum(count for address, count in draining.remaining.items() if address in addresses)
        step.log.say(f"Old instances drained in {draining.seconds:.1f} s" + (f", {cut} connections cut." if cut else "."))


def _versions(count: int) -> str:
    return "1 old version" if count == 1 else f"{count} old versions"
