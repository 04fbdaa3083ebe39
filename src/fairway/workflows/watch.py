"""Watching a new version for some minutes: if it restarts again and again, go back by ourselves and hold automation.

A run of its own: between two looks it waits without a slot and without a key, and a newer deployment ends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from fairway.accounts.rules import SYSTEM, Blocked
from fairway.deployments.commands.placements import hold
from fairway.deployments.commands.requests import roll_back
from fairway.deployments.models import Deployment
from fairway.deployments.rules import RESTARTS_TOLERATED, Kind, Wanted
from fairway.deployments.subjects import placement_of
from fairway.drivers.diagnosis.reasons import reason as reason_in
from fairway.drivers.health import printed_by
from fairway.drivers.runtimes.contract import Instance
from fairway.engine import clock
from fairway.engine.models import Run
from fairway.engine.workflow import Context, Step, Wait, Workflow
from fairway.environments.runtimes import runtime_of
from fairway.workflows.step_context import instances_of, masker_of
from fairway.workflows.watching import WATCH_STORY

LONGEST_REASON = 500  # characters that a hold and a rollback keep


def watch(context: Context) -> dict[str, Any] | None:
    """One look. Ends when something newer serves, when the time is over, or by going back."""
    deployment = Deployment.objects.select_related("application", "environment", "artifact").get(
        pk=context.payload["deployment"]
    )
    placement = placement_of(deployment.application, deployment.environment)
    if placement is None or placement.current_id != deployment.pk or placement.wanted != Wanted.RUNNING:
        return {"ended_by": "something newer"}
    instances = instances_of(runtime_of(deployment.environment), deployment)
    restarts = sum(one.restarts for one in instances)
    for service in sorted({one.service for one in instances}):  # many that run well excuse none that does not
        dying = [one for one in instances if one.service == service]
        if (count := sum(one.restarts for one in dying)) > RESTARTS_TOLERATED * len(dying):
            return _go_back(deployment, count, _why(deployment, dying))
    now, began = clock.now(), Run.objects.get(pk=context.run_id).started_at
    ends_at = (began or now) + timedelta(seconds=settings.WATCH_SECONDS)
    if now >= ends_at:
        return {"restarts": restarts}
    raise Wait(until=_next_look(now, ends_at), keeps_key=False, reason="Watching the new version")


def _next_look(now: datetime, ends_at: datetime) -> datetime:
    following = now + timedelta(seconds=settings.WATCH_EVERY_SECONDS)
    return min(ends_at, following) + timedelta(milliseconds=100)


def _why(deployment: Deployment, instances: Sequence[Instance]) -> str:
    """What they printed tells why they keep dying; secrets masked."""
    lines = printed_by(runtime_of(deployment.environment), [one.name for one in instances])
    return masker_of(deployment)(reason_in(lines))


def _go_back(deployment: Deployment, restarts: int, why: str) -> dict[str, Any]:
    """Hold automation and ask for the version before; once, however often this step is run."""
    minutes = settings.WATCH_SECONDS / 60
    what = f"#{deployment.pk} ({deployment.version}) restarted {restarts} times within {minutes:g} minutes of going live."
    reason = f"{what} {why}" if why and len(what) + len(why) < LONGEST_REASON else what
    with transaction.atomic():
        placement = placement_of(deployment.application, deployment.environment)
        if placement is None:
            return {"bad": reason}
        asked = Deployment.objects.filter(kind=Kind.AUTOMATIC_ROLLBACK, replaces=deployment).first()
        if asked is not None:
            return {"bad": reason, "rolled_back_by": asked.pk}
        hold(actor=SYSTEM, placement=placement, reason=reason)
        return {"bad": reason, **_asked_to_go_back(deployment, reason)}


def _asked_to_go_back(deployment: Deployment, reason: str) -> dict[str, Any]:
    """The hold stays, and says why, also where there is nothing to go back to."""
    try:
        with transaction.atomic():
            undo = roll_back(
                actor=SYSTEM,
                application=deployment.application,
                environment=deployment.environment,
                reason=reason,
                is_automatic=True,
            )
    except Blocked as blocked:
        return {"not_rolled_back": str(blocked)}
    return {"rolled_back_by": undo.pk}


WATCH = Workflow(kind=WATCH_STORY, steps=(Step("watch", watch, deadline=timedelta(minutes=2)),))
