"""Watching a new version for some minutes. If it keeps restarting, Fairway rolls back and holds automatic deployments. If it
answers worse than the one before, Fairway says so, and does the same where the environment asks for it.

It is a run of its own. Between two checks it takes no slot of a worker and does not keep its key. A newer deployment ends
it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from fairway.accounts.rules import SYSTEM, Blocked
from fairway.deployments.commands import progress
from fairway.deployments.commands.placements import hold
from fairway.deployments.commands.requests import roll_back
from fairway.deployments.models import Deployment, Placement
from fairway.deployments.rules import RESTARTS_TOLERATED, Kind, Wanted
from fairway.deployments.subjects import placement_of
from fairway.drivers.diagnosis.reasons import reason as reason_in
from fairway.drivers.health import printed_by
from fairway.drivers.runtimes.contract import Instance
from fairway.engine import clock
from fairway.engine.models import Run
from fairway.engine.workflow import Context, Step, Wait, Workflow
from fairway.environments.rules import WhenWorse
from fairway.environments.runtimes import runtime_of
from fairway.monitoring.judgements import judgement_of
from fairway.monitoring.judging import facts_of, sentence_of
from fairway.workflows.step_context import instances_of, masker_of
from fairway.workflows.watching import WATCH_STORY

LONGEST_REASON = 500  # characters; as many as the reason of a hold or of a rollback may have


def watch(context: Context) -> dict[str, Any] | None:
    """Check the new version once. Raises `Wait` until the next check; returns when something newer serves, when the time is
    over, or after asking for a rollback."""
    deployment = Deployment.objects.select_related("application", "environment", "artifact").get(
        pk=context.payload["deployment"]
    )
    placement = placement_of(deployment.application, deployment.environment)
    if placement is None or placement.current_id != deployment.pk or placement.wanted != Wanted.RUNNING:
        return {"ended_by": "something newer"}
    instances = instances_of(runtime_of(deployment.environment), deployment)
    restarts = sum(instance.restarts for instance in instances)
    # Each service is checked by itself, because many healthy instances of one do not make up for a dying other.
    for service in sorted({instance.service for instance in instances}):
        dying = [instance for instance in instances if instance.service == service]
        if (count := sum(instance.restarts for instance in dying)) > RESTARTS_TOLERATED * len(dying):
            return _go_back(deployment, _restarts_too_often(deployment, count, _why(deployment, dying)))
    now, began = clock.now(), Run.objects.get(pk=context.run_id).started_at
    ends_at = (began or now) + timedelta(seconds=settings.WATCH_SECONDS)
    if (worse := _worse(deployment, placement, is_final=now >= ends_at)) and _rolls_back(deployment):
        return _go_back(deployment, worse)
    if now >= ends_at:
        return {"restarts": restarts}
    raise Wait(until=_next_look(now, ends_at), keeps_key=False, reason="Watching the new version")


def _next_look(now: datetime, ends_at: datetime) -> datetime:
    following = now + timedelta(seconds=settings.WATCH_EVERY_SECONDS)
    return min(ends_at, following) + timedelta(milliseconds=100)


def _why(deployment: Deployment, instances: Sequence[Instance]) -> str:
    """Why these instances keep dying, read from what they printed, with secrets masked; "" if it does not say why."""
    lines = printed_by(runtime_of(deployment.environment), [instance.name for instance in instances])
    return masker_of(deployment)(reason_in(lines))


def _restarts_too_often(deployment: Deployment, restarts: int, why: str) -> str:
    minutes = settings.WATCH_SECONDS / 60
    facts = f"#{deployment.pk} ({deployment.version}) restarted {restarts} times within {minutes:g} minutes of going live."
    return f"{facts} {why}" if why and len(facts) + len(why) < LONGEST_REASON else facts


def _worse(deployment: Deployment, placement: Placement, *, is_final: bool) -> str:
    """Compare how the version answers with how the one before did, and record it. Returns a sentence if it is worse."""
    if deployment.environment.when_worse == WhenWorse.IGNORE or deployment.replaces_id is None:
        return ""
    judgement = judgement_of(placement, deployment)
    if judgement.is_worse or is_final:
        facts = facts_of(judgement)
        progress.judged(deployment=deployment, judgement=facts, is_worse=judgement.is_worse, is_final=is_final)
    if not judgement.is_worse:
        return ""
    return f"#{deployment.pk} ({deployment.version}) answers worse than the version before. {sentence_of(judgement)}"


def _rolls_back(deployment: Deployment) -> bool:
    return bool(deployment.environment.when_worse == WhenWorse.ROLL_BACK)


def _go_back(deployment: Deployment, reason: str) -> dict[str, Any]:
    """Hold automatic deployments and ask for a rollback to the version before; only once, even if the step runs again."""
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
    """Ask for the rollback. If it is refused (there may be no version to go back to), the hold with its reason stays."""
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
