"""What waits for a person: things that do not continue until somebody acts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from fairway.accounts.rules import Act, Actor, may
from fairway.deployments.models import Deployment, Placement, ScheduledJob
from fairway.deployments.protection import fingerprint_of
from fairway.deployments.queries import awaiting_approval, placements_visible_to, troubled_jobs, visible_to
from fairway.deployments.rules import Health, Status, Wanted
from fairway.environments.models import Environment
from fairway.environments.protection import may_approve
from fairway.environments.queries import visible_to as environments_visible_to
from fairway.releases.queries import Standstill, standstills
from fairway.resources.queries import Trouble, troubled_backups

FAILED_LATELY = timedelta(days=7)
LOCK_ENDS_SOON = timedelta(hours=24)
MOST = 8


@dataclass(frozen=True)
class Waiting:
    """One thing that waits. `kind` is hold, down, drift, failed, backup, job, lock, decision or approval."""

    kind: str
    about: Placement | Deployment | Environment | Standstill | ScheduledJob | Trouble
    at: datetime


def waiting_for(
    actor: Actor, environments: Iterable[Environment] | None = None, moving: Iterable[Deployment] | None = None
) -> list[Waiting]:
    """What waits for this actor, the most urgent first, at most `MOST` of them, in a fixed number of queries. Callers that
    have them already can pass `environments` (that the actor may see) and `moving` (queued and running deployments)."""
    environments = environments_visible_to(actor) if environments is None else environments
    items = [
        *_placements(actor),
        *_releases(actor),
        *_approvals(actor, moving),
        *_failures(actor),
        *_backups(actor),
        *_jobs(actor),
        *_locks(actor, environments),
    ]
    urgency = ("down", "decision", "hold", "failed", "backup", "job", "approval", "drift", "lock")
    return sorted(items, key=lambda item: (urgency.index(item.kind), -item.at.timestamp()))[:MOST]


def _placements(actor: Actor) -> Iterator[Waiting]:
    is_bad = Q(wanted=Wanted.RUNNING, current__isnull=False) & (Q(health=Health.DOWN) | ~Q(drift=[]))
    for placement in placements_visible_to(actor).filter(is_bad | Q(held_at__isnull=False)):
        where = {"application": placement.application.slug, "environment": placement.environment.slug}
        if placement.held_at and may(actor, Act.RELEASE_HOLD, **where):
            yield Waiting("hold", placement, placement.held_at)
        if placement.wanted == Wanted.RUNNING and placement.current_id and may(actor, Act.RESTART, **where):
            if placement.health == Health.DOWN:
                yield Waiting("down", placement, placement.observed_at or timezone.now())
            elif placement.drift:
                yield Waiting("drift", placement, placement.observed_at or timezone.now())


def _releases(actor: Actor) -> Iterator[Waiting]:
    for standstill in standstills(actor):
        yield Waiting("approval" if standstill.rollout is None else "decision", standstill, standstill.since)


def _approvals(actor: Actor, moving: Iterable[Deployment] | None) -> Iterator[Waiting]:
    """The deployments that wait for this actor's approval or rejection."""
    if moving is not None and not any(deployment.awaits_approval for deployment in moving):
        return
    asked = awaiting_approval(actor).exclude(artifact=None).prefetch_related("answers")
    for deployment in asked:
        if deployment.requested_by_id is not None and actor.is_among(frozenset({deployment.requested_by_id})):
            continue
        answered = frozenset(
            each.person_id for each in deployment.answers.all() if each.fingerprint == fingerprint_of(deployment)
        )
        if may_approve(actor, deployment.environment, deployment.application.slug) and not actor.is_among(answered):
            yield Waiting("approval", deployment, deployment.created_at)


def _failures(actor: Actor) -> Iterable[Waiting]:
    """The actor's own failed deployments, if no newer deployment followed."""
    answered = Deployment.objects.filter(
        application=OuterRef("application"), environment=OuterRef("environment"), pk__gt=OuterRef("pk")
    )
    mine = visible_to(actor).filter(
        requested_by_id=actor.id,
        status__in=[Status.FAILED, Status.ERRORED],
        finished_at__gte=timezone.now() - FAILED_LATELY,
    )
    return [
        Waiting("failed", deployment, deployment.finished_at or deployment.created_at)
        for deployment in mine.exclude(Exists(answered))[:MOST]
    ]


def _backups(actor: Actor) -> Iterator[Waiting]:
    """The late and failed backups, for everybody who may take another one."""
    for trouble in troubled_backups(actor):
        if may(actor, Act.BACK_UP_RESOURCE, environment=trouble.binding.resource.environment.slug):
            yield Waiting("backup", trouble, trouble.at)


def _jobs(actor: Actor) -> Iterator[Waiting]:
    """The scheduled jobs that failed or were skipped the last time, for everybody who may run commands there."""
    for job in troubled_jobs(actor):
        if may(actor, Act.RUN_COMMAND, application=job.application.slug, environment=job.environment.slug):
            yield Waiting("job", job, job.skipped_at or getattr(job, "last_at", None) or job.created_at)


def _locks(actor: Actor, environments: Iterable[Environment]) -> Iterator[Waiting]:
    """The actor's own locks that end within `LOCK_ENDS_SOON`."""
    now = timezone.now()
    for environment in environments:
        if (
            environment.locked_by_id == actor.id
            and environment.locked_until
            and now < environment.locked_until <= now + LOCK_ENDS_SOON
        ):
            yield Waiting("lock", environment, environment.locked_until)
