"""How events name a deployment, a placement or a job, and what they record about a deployment."""

from __future__ import annotations

from typing import Any

from fairway.activity.rules import On
from fairway.applications.models import Application
from fairway.deployments.models import Deployment, JobRun, Placement, ScheduledJob
from fairway.engine.prepared import NUMBER, OTHER_NUMBER, Prepared
from fairway.environments.models import Environment


def on_deployment(deployment: Deployment) -> On:
    label = f"{deployment.application.name} → {deployment.environment.name} #{deployment.pk}"
    return On("deployment", deployment.pk, label, deployment.application.slug, deployment.environment.slug)


def on_placement(placement: Placement) -> On:
    label = f"{placement.application.name} · {placement.environment.name}"
    return On("placement", placement.pk, label, placement.application.slug, placement.environment.slug)


def on_job(job: JobRun) -> On:
    label = f"{job.application.name} · {job.environment.name}"
    return On("job", job.pk, label, job.application.slug, job.environment.slug)


def on_schedule(job: ScheduledJob) -> On:
    label = f"{job.name} · {job.application.name} · {job.environment.name}"
    return On("schedule", job.pk, label, job.application.slug, job.environment.slug)


def placement_of(application: Application, environment: Environment) -> Placement | None:
    placement: Placement | None = _PLACEMENT.first(application.pk, environment.pk)
    return placement


_PLACED = ("application", "environment", "current__artifact", "current__configuration", "previous_good__artifact")
_PLACEMENT = Prepared(
    lambda application, environment: Placement.objects.select_related(*_PLACED).filter(
        application=application, environment=environment
    ),
    NUMBER,
    OTHER_NUMBER,
)


def deployment_facts(deployment: Deployment) -> dict[str, Any]:
    return {
        "kind": deployment.kind,
        "status": deployment.status,
        "version": deployment.version,
        "digest": deployment.artifact.digest if deployment.artifact else "",
        "configuration": deployment.configuration.version if deployment.configuration else None,
        "replicas": deployment.replicas,
    }
