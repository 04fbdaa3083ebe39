"""The statements about a release: all its packages on all its targets, as far as the reader may see them."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from fairway import __version__
from fairway.accounts.queries import reached
from fairway.accounts.rules import Actor, NotVisible, reach_of
from fairway.activity.envelopes import Statement
from fairway.deployments import queries as deployments
from fairway.deployments.models import Deployment
from fairway.environments.models import Environment
from fairway.insights.events import subjects_about
from fairway.insights.evidence.of_deployment import answer, of_deployments
from fairway.insights.evidence.parts import (
    RELEASE,
    address_of,
    chained,
    configuration_of,
    events_about,
    fitting_head,
    moment,
    refuse_nothing,
    subject_of,
)
from fairway.releases.models import Approval, PackageOnTarget, Release, Rollout, RolloutPackage
from fairway.releases.queries import (
    fully_visible_targets,
    matrix,
    require_full_visibility,
    rollouts_visible_to,
    status_of,
    visible_packages,
)

BROKEN_GLASS = "gate.glass_broken"


def of_release(actor: Actor, release: Release) -> list[Statement]:
    """The statements about every deployment of its packages, and one about the release, which names all others.

    `release` is one that the actor may see. Raises `Blocked` if no package has an artifact.
    """
    packages = visible_packages(release, actor)
    artifacts = {one.artifact.pk: one.artifact for one in packages if one.artifact is not None}
    if not artifacts:
        refuse_nothing(str(release))
    parts = of_deployments(actor, _deployments_of(actor, release))
    predicate = {
        **_predicate(actor, release),
        **_events(actor, release),
        "statements": [part.checksum for part in parts],
        "fairway": __version__,
    }
    subject = tuple(subject_of(artifact) for artifact in artifacts.values())
    return [*parts, Statement(RELEASE, subject, predicate)]


def _deployments_of(actor: Actor, release: Release) -> list[Deployment]:
    """Every deployment of a package by a rollout, also of one that failed or went back, or without a rollout."""
    parts = RolloutPackage.objects.filter(rollout__release=release).values_list("deployment", "fallback")
    there = PackageOnTarget.objects.filter(package__release=release).values_list("deployment", "fallback")
    numbers = {number for row in (*parts, *there) for number in row if number}
    chosen = deployments.visible_to(actor).filter(pk__in=numbers).order_by("pk")
    return list(chosen.select_related("artifact__application", "artifact__contents"))


def _predicate(actor: Actor, release: Release) -> dict[str, Any]:
    whole = _sees_all(actor, release)
    seal = {
        "at": moment(release.sealed_at),
        "by": release.sealed_by,
        "fingerprint": release.fingerprint,
    }
    targets = fully_visible_targets(release, actor)
    return {
        "release": {
            "number": release.pk,
            "uri": address_of("release-detail", release.pk),
            "name": release.name,
            "version": release.version,
            "status": status_of(release).value,
            "manager": release.manager.username,
            "created": {"at": moment(release.created_at), "by": release.created_by},
            "sealed": seal if release.sealed_at and targets else None,
            "cancelled": {"at": moment(release.cancelled_at), "by": release.cancelled_by, "reason": release.cancel_reason}
            if release.cancelled_at
            else None,
        },
        "complete": whole,
        "packages": _packages(actor, release),
        "configurations": _configurations(actor, release),
        "targets": [_target(actor, release, target) for target in targets],
    }


def _sees_all(actor: Actor, release: Release) -> bool:
    """Whether nothing of the release is left out for this reader."""
    try:
        require_full_visibility(release, actor)
    except NotVisible:
        return False
    return True


def _packages(actor: Actor, release: Release) -> list[dict[str, Any]]:
    return [
        {
            "name": row[0].package.name,
            "application": row[0].package.application.slug,
            "version": row[0].package.version,
            "digest": row[0].package.artifact.digest if row[0].package.artifact else None,
            "targets": [
                {
                    "environment": cell.environment.slug,
                    "status": cell.status,
                    "digest": cell.row.digest if cell.row else None,
                    "deployment": cell.row.deployment_id if cell.row else None,
                    "distributed_at": moment(cell.row.distributed_at) if cell.row else None,
                    "deployed_at": moment(cell.row.deployed_at) if cell.row else None,
                }
                for cell in row
            ],
        }
        for row in matrix(release, actor)
        if row
    ]


def _configurations(actor: Actor, release: Release) -> list[dict[str, Any]]:
    """The versions of the settings that were sealed with it."""
    seen = reached(reach_of(actor), application="application__slug", environment="environment__slug")
    sealed = release.sealed_configurations.filter(seen).select_related("application", "environment")
    return [
        {"application": each.application.slug, "environment": each.environment.slug, **(configuration_of(each) or {})}
        for each in sealed.order_by("environment__position", "application__slug")
    ]


def _target(actor: Actor, release: Release, target: Environment) -> dict[str, Any]:
    answers = Approval.objects.filter(release=release, environment=target).order_by("pk")
    rollouts = rollouts_visible_to(actor).filter(release=release, environment=target).order_by("pk")
    return {
        "environment": target.slug,
        "approvals": [{**answer(each), "void_since": moment(each.voided_at)} for each in answers],
        "rollouts": [_rollout(each) for each in rollouts],
    }


def _rollout(one: Rollout) -> dict[str, Any]:
    return {
        "number": one.pk,
        "direction": one.direction,
        "status": one.status,
        "requested": {"at": moment(one.created_at), "by": one.requested_by, "through": one.door, "reason": one.reason},
        "planned": moment(one.planned_at),
        "started": moment(one.started_at),
        "finished": moment(one.finished_at),
        "decided_by": one.decided_by,
        "packages": list(one.steps.filter(~Q(deployment=None)).values_list("package__name", flat=True)),
    }


def _events(actor: Actor, release: Release) -> dict[str, Any]:
    """The events about the release, its packages and rollouts; those of deployments are in their own statements."""
    (subjects,) = subjects_about(release=release.pk)
    found = events_about(actor, {kind: numbers for kind, numbers in subjects.items() if kind != "deployment"})
    glass = [
        {"event": one.pk, "what": one.subject_label, "by": one.actor_name, "reason": one.comment, "at": moment(one.at)}
        for one in found
        if one.verb == BROKEN_GLASS
    ]
    return {"overrides": glass, **chained(found, fitting_head())}
