"""The statements about one deployment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import Q

from fairway import __version__
from fairway.accounts.rules import Actor, NotVisible
from fairway.activity.envelopes import Statement
from fairway.activity.models import Event
from fairway.applications.models import Artifact
from fairway.deployments.models import Deployment, DeploymentApproval
from fairway.insights.evidence.parts import (
    DEPLOYMENT,
    address_of,
    chained,
    configuration_of,
    events_about,
    fitting_head,
    moment,
    refuse_nothing,
    subject_of,
)
from fairway.insights.evidence.provenance import is_built, provenance_of, source_of
from fairway.releases.models import Approval, Release, RolloutPackage
from fairway.releases.queries import require_full_visibility
from fairway.releases.queries import visible_to as releases_visible_to
from fairway.shared.urls import without_secrets


def of_deployment(actor: Actor, deployment: Deployment) -> list[Statement]:
    """The provenance of its artifact, if Fairway built it, and what happened. `deployment` is one that the actor may see.
    Raises `Blocked` if it has no artifact."""
    if deployment.artifact is None:
        refuse_nothing(f"#{deployment.pk}")
    return of_deployments(actor, [deployment])


def of_deployments(actor: Actor, deployments: Sequence[Deployment]) -> list[Statement]:
    """The same for several; each provenance once, and nothing for those without an artifact."""
    numbers = [one.pk for one in deployments]
    happened = _by_deployment(events_about(actor, {"deployment": numbers}))
    approvals = _approvals_of(numbers)
    releases = _releases_of(actor, deployments)
    head = fitting_head()
    provenances: dict[int, Statement | None] = {}
    found: list[Statement] = []
    for one in deployments:
        if one.artifact is None:
            continue
        if one.artifact.pk not in provenances:
            provenances[one.artifact.pk] = made = provenance_of(one.artifact)
            found += [made] if made else []
        provenance = provenances[one.artifact.pk]
        predicate = {
            **_predicate(one, one.artifact),
            "approvals": approvals.get(one.pk, []),
            "release": releases.get(one.pk),
            **chained(happened.get(one.pk, []), head),
            "statements": [provenance.checksum] if provenance else [],
            "fairway": __version__,
        }
        found.append(Statement(DEPLOYMENT, (subject_of(one.artifact),), predicate))
    return found


def _by_deployment(found: Iterable[Event]) -> dict[int, list[Event]]:
    sorted_out: dict[int, list[Event]] = {}
    for one in found:
        sorted_out.setdefault(int(one.subject_id), []).append(one)
    return sorted_out


def _predicate(one: Deployment, artifact: Artifact) -> dict[str, Any]:
    return {
        "deployment": {
            "number": one.pk,
            "uri": address_of("deployment-detail", one.pk),
            "kind": one.kind,
            "application": one.application.slug,
            "environment": one.environment.slug,
            "status": one.status,
            "instances": one.counts,
        },
        "artifact": {
            "number": artifact.number,
            "version": artifact.version,
            "digest": artifact.digest,
            "kind": artifact.kind,
            "origin": "built" if is_built(artifact) else "fetched",
            "source": source_of(artifact),
        },
        "configuration": configuration_of(one.configuration),
        "requested": {
            "by": one.requested_by,
            "role": one.acting_role,
            "through": one.door,
            "reason": without_secrets(one.reason),
        },
        "overrides": [{"what": "gate", "by": one.requested_by, "reason": one.broke_glass}] if one.broke_glass else [],
        "switch": {
            "strategy": one.strategy,
            "probe": one.probe,
            "judgement": one.judgement,
            "ready_by": one.gate_used,
            "served_digest": one.served_digest,
            "away_seconds": one.away_seconds,
        },
        "times": {
            "requested": moment(one.created_at),
            "approved": moment(one.approved_at),
            "started": moment(one.started_at),
            "switched": moment(one.switched_at),
            "finished": moment(one.finished_at),
        },
    }


def answer(given: DeploymentApproval | Approval) -> dict[str, Any]:
    """An approval or rejection, as it is signed."""
    return {
        "by": given.person,
        "decision": "approved" if given.is_approved else "rejected",
        "fingerprint": given.fingerprint,
        "comment": given.comment,
        "at": moment(given.created_at),
    }


def _approvals_of(numbers: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for given in DeploymentApproval.objects.filter(deployment__in=numbers).order_by("pk"):
        found.setdefault(given.deployment_id, []).append(answer(given))
    return found


def _releases_of(actor: Actor, deployments: Sequence[Deployment]) -> Mapping[int, dict[str, Any]]:
    """The releases that these deployments are part of. What people answered is about every package of a release, so only
    who may see all of them on that target is told."""
    numbers = {one.pk for one in deployments}
    parts = RolloutPackage.objects.filter(Q(deployment__in=numbers) | Q(fallback__in=numbers))
    parts = parts.filter(rollout__release__in=releases_visible_to(actor).values("pk"))
    found: dict[int, dict[str, Any]] = {}
    told: dict[tuple[int, int], dict[str, Any]] = {}
    for part in parts.select_related("rollout__release", "rollout__environment", "package"):
        release, environment = part.rollout.release, part.rollout.environment
        key = (release.pk, environment.pk)
        if key not in told:
            told[key] = _release(actor, release, environment)
        for number in (part.deployment_id, part.fallback_id):
            if number in numbers:
                found[number] = {**told[key], "package": part.package.name}
    return found


def _release(actor: Actor, release: Release, environment: Any) -> dict[str, Any]:
    shown = {"number": release.pk, "name": release.name, "version": release.version}
    try:
        require_full_visibility(release, actor, environment)
    except NotVisible:
        return shown
    answers = Approval.objects.filter(release=release, environment=environment).order_by("pk")
    return {**shown, "approvals": [{**answer(each), "void_since": moment(each.voided_at)} for each in answers]}
