"""Promoting what a stage of a pipeline waited for.

A worker looks at the stages every few seconds. What a stage has done is a row that is written in one transaction with the
request of the deployment, so nothing is lost and nothing is promoted twice, whoever dies in between.
"""

from __future__ import annotations

from django.db import transaction

from fairway.accounts.rules import Act, Blocked
from fairway.activity.commands import record
from fairway.deployments.commands.approvals import end_waiting, locked_waiting, superseded_by
from fairway.deployments.commands.requests import promote
from fairway.deployments.models import Deployment
from fairway.engine import clock
from fairway.pipelines.commands.deliveries import NOT_BEGUN
from fairway.pipelines.models import Stage, StagePromotion
from fairway.pipelines.stage_rules import Promoted, StageState
from fairway.pipelines.stages import Standing, living_stages, standings_of
from fairway.pipelines.subjects import lost_right, on_stage, runner_of_stage
from fairway.shared.names import Invalid
from fairway.shared.sentences import joined

DUE = (StageState.DUE,)


class _Moved(Exception):
    """Another version runs in the origin by now; the stage is looked at again."""


def advance_stages() -> int:
    """Promote what is due at the stages of all pipelines; returns how many promotions were requested."""
    stages = list(living_stages().filter(is_paused=False))
    standings = standings_of(stages) if stages else {}
    return sum(_advance(stage.pk) for stage in stages if standings[stage.pk].state in DUE)


def _advance(number: int) -> bool:
    try:
        with transaction.atomic():
            return _promote_if_due(number)
    except _Moved:
        return False


def _promote_if_due(number: int) -> bool:
    """Whoever needs several rows locks runs first, then the stage. Raises `_Moved`."""
    begun_before = locked_waiting(NOT_BEGUN, stage_promotions__stage=number)
    stage = living_stages().select_for_update(of=("self",), no_key=True).filter(pk=number).first()
    standing = standings_of([stage])[number] if stage else None
    if stage is None or standing is None or standing.state not in DUE or standing.source is None:
        return False
    deployment, why_not = _requested(stage, standing.source)
    _keep(stage, standing, deployment, why_not)
    if deployment is not None:
        end_waiting(begun_before, superseded_by(deployment))
    return deployment is not None


def _requested(stage: Stage, source: Deployment) -> tuple[Deployment | None, str]:
    """The requested deployment, or why it was refused. Raises `_Moved`."""
    if why := lost_right(stage, Act.PROMOTE):
        return None, why
    try:
        with transaction.atomic():
            deployment = promote(
                actor=runner_of_stage(stage),
                application=stage.application,
                environment=stage.environment,
                from_environment=stage.origin,
                reason=_reason(stage),
                when_open=True,
            )
    except Blocked as problem:
        return None, joined(blocker.sentence for blocker in problem.blockers)
    except Invalid as problem:
        return None, f"{problem.field}: {problem.sentence}"
    assert deployment.artifact is not None
    assert source.artifact is not None
    if deployment.artifact.digest != source.artifact.digest:
        raise _Moved
    return deployment, ""


def _reason(stage: Stage) -> str:
    """Without the name of the environment it comes from, which not everybody who sees the deployment may see."""
    if not stage.after_minutes:
        return "Automatic promotion of a healthy version"
    minutes = f"{stage.after_minutes} minutes" if stage.after_minutes > 1 else "a minute"
    return f"Automatic promotion after {minutes} of health"


def _keep(stage: Stage, standing: Standing, deployment: Deployment | None, why_not: str) -> None:
    """Record what was done; an event only says that it was refused, and only when that has changed."""
    assert standing.source is not None
    row = StagePromotion.objects.filter(stage=stage, source=standing.source).first()
    is_news = row is None or row.sentence != why_not
    row = row or StagePromotion(stage=stage, source=standing.source)
    row.outcome = Promoted.REQUESTED if deployment else Promoted.BLOCKED
    row.deployment, row.sentence, row.tried_at = deployment, why_not, clock.now()
    row.save()
    if why_not and is_news:
        after = {"version": standing.source.version, "source": standing.source.pk}
        record(who=runner_of_stage(stage).who, verb="stage.blocked", on=on_stage(stage), comment=why_not, after=after)
