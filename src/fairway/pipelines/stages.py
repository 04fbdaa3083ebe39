"""What the stages of a pipeline wait for; every lookup starts at `stages_visible_to(actor)`."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, Max, Q, QuerySet

from fairway.accounts.queries import reached
from fairway.accounts.rules import Act, Actor, NotVisible, may, reach_of
from fairway.deployments.models import Deployment, HealthyStretch, Placement
from fairway.deployments.rules import ACTIVE, BRINGS_SOMETHING_NEW, Kind, Status, Wanted
from fairway.engine import clock
from fairway.pipelines.models import Stage, StagePromotion
from fairway.pipelines.stage_rules import Facts, Promoted, StageState, state_of

RELATED = ("deployment__artifact", "deployment__application", "deployment__environment", "source__artifact")


@dataclass(frozen=True)
class Standing:
    """What a stage waits for. `source` is the deployment that brought the version that it would promote, `due_at` when that
    is, if it only waits for the time, and `promotion` what it last did, with whatever version."""

    state: StageState
    source: Deployment | None = None
    due_at: datetime | None = None
    promotion: StagePromotion | None = None


def stages_visible_to(actor: Actor) -> QuerySet[Stage]:
    """The stages that this actor may see, by application and environment."""
    scope = reached(reach_of(actor), application="application__slug", environment="environment__slug")
    return living_stages().filter(scope).order_by("application__slug", "environment__position", "pk")


def living_stages() -> QuerySet[Stage]:
    """The stages that were not deleted, of applications and environments that were not either."""
    there = Stage.objects.filter(deleted_at=None, application__deleted_at=None, environment__deleted_at=None)
    return there.filter(origin__deleted_at=None).select_related("application", "environment", "origin")


def get_stage(actor: Actor, number: int) -> Stage:
    """The stage with this number. Raises `NotVisible`."""
    found = stages_visible_to(actor).filter(pk=number).first()
    if found is None:
        raise NotVisible("stage", number)
    return found


def sees_origin(actor: Actor, stage: Stage) -> bool:
    """Whether this actor may see where its versions come from. Whoever may see only where they go to sees the stage, and may
    pause it, but not what is in the other environment."""
    return may(actor, Act.VIEW, application=stage.application.slug, environment=stage.origin.slug)


def promotions_of(stage: Stage) -> QuerySet[StagePromotion]:
    """What this stage did, newest first."""
    return StagePromotion.objects.filter(stage=stage).select_related(*RELATED).order_by("-pk")


def standings_of(stages: Sequence[Stage], now: datetime | None = None) -> dict[int, Standing]:
    """What each of these stages waits for, by its id, in a few queries."""
    now = now or clock.now()
    applications = {stage.application_id for stage in stages}
    chosen = Placement.objects.filter(application__in=applications).select_related("current__artifact")
    placements = {(one.application_id, one.environment_id): one for one in chosen}
    open_stretches = HealthyStretch.objects.filter(application__in=applications, until=None)
    healthy = {(one.application_id, one.environment_id): one for one in open_stretches}
    newest = StagePromotion.objects.filter(stage__in=stages).values("stage").annotate(newest=Max("pk"))
    last = {
        one.stage_id: one for one in StagePromotion.objects.filter(pk__in=newest.values("newest")).select_related(*RELATED)
    }
    sources = {stage.pk: _brought_by(placements.get((stage.application_id, stage.origin_id))) for stage in stages}
    brought = _brought_since(stages, sources)
    return {
        stage.pk: _standing(stage, sources[stage.pk], placements, healthy, brought, last.get(stage.pk), now)
        for stage in stages
    }


def _brought_since(stages: Sequence[Stage], sources: Mapping[int, Deployment | None]) -> set[int]:
    """The stages, by their id, in whose environment the bytes of their source were requested since, and not in vain."""
    digests = {pk: one.artifact.digest for pk, one in sources.items() if one and one.artifact}
    wanted = Deployment.objects.filter(
        application__in={stage.application_id for stage in stages},
        environment__in={stage.environment_id for stage in stages},
        artifact__digest__in=set(digests.values()),
        kind__in=BRINGS_SOMETHING_NEW,
        status__in=[*ACTIVE, Status.SUCCEEDED],
    )
    newest: dict[tuple[int, int, str], int] = {}
    for application, environment, digest, number in wanted.values_list(
        "application", "environment", "artifact__digest"
    ).annotate(Max("pk")):
        newest[application, environment, digest] = number
    return {
        stage.pk
        for stage in stages
        if (source := sources[stage.pk]) is not None
        and newest.get((stage.application_id, stage.environment_id, digests.get(stage.pk, "")), 0) > source.pk
    }


def _standing(
    stage: Stage,
    source: Deployment | None,
    placements: Mapping[tuple[int, int], Placement],
    healthy: Mapping[tuple[int, int], HealthyStretch],
    brought: Container[int],
    last: StagePromotion | None,
    now: datetime,
) -> Standing:
    artifact = source.artifact if source else None
    target = placements.get((stage.application_id, stage.environment_id))
    stretch = healthy.get((stage.application_id, stage.origin_id))
    served = target.current.artifact if target and target.current else None
    of_source = last if last and source and last.source_id == source.pk else None
    is_healthy = stretch is not None and artifact is not None and stretch.digest == artifact.digest
    facts = Facts(
        is_paused=stage.is_paused,
        runs=artifact is not None,
        brought=source is not None and source.kind in BRINGS_SOMETHING_NEW,
        is_there=served is not None and artifact is not None and served.digest == artifact.digest,
        was_there=stage.pk in brought,
        was_requested=of_source is not None and of_source.outcome == Promoted.REQUESTED,
        healthy_since=stretch.since if stretch and is_healthy else None,
        blocked_at=of_source.tried_at if of_source and of_source.outcome == Promoted.BLOCKED else None,
    )
    after = timedelta(minutes=stage.after_minutes)
    state = state_of(facts, after, now)
    due_at = facts.healthy_since + after if state == StageState.WAITING and facts.healthy_since else None
    return Standing(state, source, due_at, last)


def _brought_by(placement: Placement | None) -> Deployment | None:
    """The deployment that brought what runs here: of a restarted version the one before the restart."""
    if placement is None or placement.current is None or placement.wanted != Wanted.RUNNING:
        return None
    current = placement.current
    if current.kind != Kind.RESTART:
        return current
    same = Q(application=current.application_id, environment=current.environment_id, status=Status.SUCCEEDED)
    before = Deployment.objects.filter(same, pk__lt=current.pk).exclude(kind=Kind.RESTART).select_related("artifact")
    return before.order_by(F("switched_at").desc(nulls_last=True), "-pk").first()
