"""The schemas of artifacts, deployments and placements, shared by routers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ninja import Schema

from fairway.api.schemas import Named, ShownFacts
from fairway.applications.models import Artifact
from fairway.deployments.models import Deployment, Placement
from fairway.deployments.protection import approvals_of, replacement
from fairway.deployments.queries import (
    Absence,
    absence,
    expected_total_seconds,
    last_log_text,
    live_numbers,
    place_in_queue,
    rollback_targets,
    steps_of,
)
from fairway.deployments.rules import ACTIVE, Status, shown_status, strategy_of
from fairway.environments.protection import approvers_words


class FindingShown(Schema):
    """One thing that was detected, and the file that shows it."""

    what: str
    because: str


class ArtifactShown(Schema):
    """One immutable version. `number` identifies it, `version` is its name for people; `spec`: how it runs; `remarks`:
    what was seen in its source but not used."""

    number: int
    version: str
    kind: str
    digest: str
    reference: str
    source_kind: str
    source: ShownFacts
    commit: str
    author: str
    message: str
    committed_at: datetime | None
    builder: str
    spec: dict[str, Any]
    remarks: list[FindingShown]
    size_bytes: int
    created_at: datetime
    created_by: str
    is_collected: bool
    bad_at: datetime | None
    bad_by: str
    bad_reason: str


class ProbeShown(Schema):
    """The probe of the switch: requests sent and failed, and after how many ms the new version was first seen."""

    sent: int
    failed: int
    first_seen_ms: float | None
    duration_ms: float
    first_failure: str = ""


class ConductShown(Schema):
    """How one version answered visitors: requests, how many failed, and its response times."""

    requests: int
    failed: int
    median_ms: float | None
    p95_ms: float | None


class JudgementShown(Schema):
    """How a version answers compared with the one before it. `verdict` is ``no_worse``, ``slower``, ``more_errors`` or
    ``too_few`` (requests to tell); `sentence` says what is worse. `slower_by` is how much longer the 95th percentile is:
    0.38 for 38 %."""

    verdict: str
    sentence: str
    before: ConductShown
    after: ConductShown
    slower_by: float | None


class AbsenceShown(Schema):
    """The interruption while one version replaces the other, because both store data in these `volumes`; for about `seconds`
    (null: not known yet)."""

    volumes: list[str]
    seconds: float | None


class DeploymentShown(Schema):
    """One attempt. `status`: queued, running, waiting, cancelling, live, superseded, failed, errored, cancelled.

    `away_seconds` is how long visitors saw the starting page because the old version had to stop first; null where they
    never did. `services` says how many instances of each it runs; `replicas` are those of ``web``. With `awaits_approval` it
    waits for people, until `approve_by`. `strategy` is how it gets the requests: ``all`` at once, or as a ``canary``.
    """

    id: int
    application: Named
    environment: Named
    kind: str
    status: str
    is_active: bool
    version: str
    digest: str
    artifact: int | None
    commit: str
    configuration: int | None
    source_kind: str
    source: ShownFacts
    replicas: int
    services: dict[str, int]
    requested_by: str
    acting_role: str
    door: str
    reason: str
    broke_glass: str
    step: str
    sentence: str
    gate_used: str
    strategy: str
    probe: ProbeShown | None
    judgement: JudgementShown | None
    away_seconds: float | None
    served_digest: str
    log_lines: int
    log_collected_at: datetime | None
    replaces: int | None
    returns_to: int | None
    created_at: datetime
    awaits_approval: bool
    approve_by: datetime | None
    approved_at: datetime | None
    started_at: datetime | None
    switched_at: datetime | None
    finished_at: datetime | None
    seconds: float | None


class DeploymentAnswerShown(Schema):
    """One person's approval or rejection. `counts`: it approves what would be deployed now, and its giver may still
    approve."""

    person: str
    is_approved: bool
    comment: str
    fingerprint: str
    at: datetime
    counts: bool


class SettingChangeShown(Schema):
    """The name of a setting that would differ from what runs now, never its value. `kind`: added, changed, removed."""

    name: str
    kind: str
    is_secret: bool


class ApprovalsShown(Schema):
    """The approvals of a deployment. `fingerprint` is what is approved ("" while it is being built), `who` says whose
    approval counts, `version_now` is what runs there, `newer_configuration` a version saved since the request, which it
    would not use."""

    needed: int
    given: int
    who: str
    fingerprint: str
    answers: list[DeploymentAnswerShown]
    version_now: str
    digest_now: str
    settings: list[SettingChangeShown]
    newer_configuration: int | None


class StepShown(Schema):
    """One step of the workflow. `state`: waiting, running, done, failed, errored, cancelled, skipped. Times in seconds."""

    name: str
    state: str
    started_at: datetime | None
    finished_at: datetime | None
    seconds: float | None
    expected_seconds: float | None
    attempt: int
    sentence: str


class DeploymentDetail(DeploymentShown):
    """A deployment with its steps, its expected duration, its queue position, and, if it failed, the end of its log.
    While it is active, `away` says that visitors will see the starting page; null if they will not. `approvals` is null
    if none are required."""

    steps: list[StepShown]
    remarks: list[FindingShown]
    away: AbsenceShown | None
    approvals: ApprovalsShown | None
    expected_seconds: float | None
    queue_position: int | None
    detail: str
    last_log: list[str]
    urls: list[str]


class LostFilesShown(Schema):
    """A file or folder that an application writes and the next deployment would lose: its `name`, how many `files`, and the
    `target` of a volume that would keep them; "" if none can, because each version's own files are there, too."""

    name: str
    files: int
    target: str


class LimitsShown(Schema):
    """What one instance of a service may use, where somebody set it there; null: as its version says."""

    memory_mb: int | None = None
    cpus: float | None = None
    pids: int | None = None


class SleepShown(Schema):
    """Sleep: `after` so many minutes without a visit (null: never); with `keeps_workers` only ``web`` sleeps. `asleep_since`
    is null while it is awake; `wake_seconds` is how long waking took last."""

    after: int | None
    keeps_workers: bool
    asleep_since: datetime | None
    wake_seconds: float | None


class PlacementShown(Schema):
    """What should be in one environment of one application, and what was last seen there. `strategy`: how its next version
    follows, ``overlap`` (beside this one) or ``recreate`` (after it, because it stores data; one instance at most).
    `services` says how many instances of each there should be; `replicas` are those of ``web``, which visitors reach."""

    application: Named
    environment: Named
    name: str
    url: str
    urls: list[str]
    wanted: str
    health: str
    replicas: int
    services: dict[str, int]
    sleep: SleepShown
    limits: dict[str, LimitsShown]
    domains: list[str]
    access: str
    strategy: str
    version: str
    digest: str
    current: int | None
    previous_good: int | None
    hold_reason: str
    held_at: datetime | None
    drift: list[str]
    lost_writes: list[LostFilesShown]
    observed_at: datetime | None


class PlacementDetail(PlacementShown):
    """A placement with its instances as last observed, the deployments that a rollback can restore, and whether the next
    deployment interrupts visitors."""

    away: AbsenceShown | None
    instances: list[dict[str, Any]]
    deployment: DeploymentShown | None
    rollback_targets: list[DeploymentShown]


def artifact_shown(artifact: Artifact) -> ArtifactShown:
    names = [name for name in ArtifactShown.model_fields if name != "is_collected"]
    return ArtifactShown(**{name: getattr(artifact, name) for name in names}, is_collected=artifact.collected_at is not None)


def deployments_shown(rows: Sequence[Deployment]) -> list[DeploymentShown]:
    """A page of deployments; one query finds which of them are live."""
    live = live_numbers(rows)
    return [DeploymentShown(**_facts(row, is_live=row.pk in live)) for row in rows]


def deployment_shown(deployment: Deployment) -> DeploymentShown:
    return deployments_shown([deployment])[0]


def deployment_detail(deployment: Deployment) -> DeploymentDetail:
    placement = Placement.objects.select_related("application", "environment", "current__artifact").filter(
        application=deployment.application_id, environment=deployment.environment_id
    )
    here = placement.first()
    return DeploymentDetail(
        **_facts(deployment, is_live=here is not None and here.current_id == deployment.pk),
        steps=[StepShown(**vars(step)) for step in steps_of(deployment)],
        remarks=deployment.artifact.remarks if deployment.artifact else [],
        away=_absence_shown(absence(here, deployment.artifact) if here and deployment.is_active else None),
        approvals=approvals_shown(deployment) if deployment.approve_by else None,
        expected_seconds=expected_total_seconds(deployment),
        queue_position=place_in_queue(deployment),
        detail=deployment.detail,
        last_log=last_log_text(deployment) if deployment.status in {Status.FAILED, Status.ERRORED} else [],
        urls=here.urls if here else [],
    )


def approvals_shown(deployment: Deployment) -> ApprovalsShown:
    found, change = approvals_of(deployment), replacement(deployment)
    answers = [
        DeploymentAnswerShown(
            person=each.person,
            is_approved=each.is_approved,
            comment=each.comment,
            fingerprint=each.fingerprint,
            at=each.created_at,
            counts=each.pk in found.counting,
        )
        for each in found.answers
    ]
    return ApprovalsShown(
        needed=found.needed,
        given=found.given,
        who=approvers_words(deployment.environment),
        fingerprint=found.fingerprint,
        answers=answers,
        version_now=change.now.version if change.now else "",
        digest_now=change.now.digest if change.now else "",
        settings=[SettingChangeShown(name=each.name, kind=each.kind, is_secret=each.is_secret) for each in change.settings],
        newer_configuration=change.newer.version if change.newer and deployment.is_active else None,
    )


def placement_shown(placement: Placement) -> PlacementShown:
    return PlacementShown(**_placement_facts(placement))


def placement_detail(placement: Placement) -> PlacementDetail:
    return PlacementDetail(
        **_placement_facts(placement),
        away=_absence_shown(absence(placement)),
        instances=placement.observed,
        deployment=deployment_shown(placement.current) if placement.current else None,
        rollback_targets=deployments_shown(rollback_targets(placement)),
    )


def _absence_shown(found: Absence | None) -> AbsenceShown | None:
    return AbsenceShown(volumes=list(found.volumes), seconds=found.seconds) if found else None


def _named(one: Any) -> Named:
    return Named(slug=one.slug, name=one.name)


def _facts(deployment: Deployment, *, is_live: bool) -> dict[str, Any]:
    same = (
        "kind", "source_kind", "source", "replicas", "requested_by", "acting_role", "door", "reason", "broke_glass", "step",
        "sentence", "gate_used", "strategy", "probe", "judgement", "away_seconds", "served_digest", "log_lines",
        "log_collected_at", "created_at", "awaits_approval", "approve_by", "approved_at", "started_at", "switched_at",
        "finished_at", "version",
    )  # fmt: skip
    artifact, configuration = deployment.artifact, deployment.configuration
    return {
        **{name: getattr(deployment, name) for name in same},
        "id": deployment.pk,
        "services": deployment.counts,
        "application": _named(deployment.application),
        "environment": _named(deployment.environment),
        "status": shown_status(deployment.status, is_current=is_live),
        "is_active": deployment.status in ACTIVE,
        "digest": artifact.digest if artifact else "",
        "commit": artifact.commit if artifact else "",
        "artifact": artifact.number if artifact else None,
        "configuration": configuration.version if configuration else None,
        "replaces": deployment.replaces_id,
        "returns_to": deployment.returns_to_id,
        "seconds": (deployment.finished_at - deployment.started_at).total_seconds()
        if deployment.started_at and deployment.finished_at
        else None,
    }


def _placement_facts(placement: Placement) -> dict[str, Any]:
    same = (
        "name", "url", "urls", "wanted", "health", "replicas", "domains", "access", "hold_reason", "held_at", "drift",
        "lost_writes", "observed_at",
    )  # fmt: skip
    current = placement.current
    return {
        **{name: getattr(placement, name) for name in same},
        "services": placement.all_counts,
        "limits": {service: LimitsShown(**limits) for service, limits in placement.limits.items()},
        "sleep": SleepShown(
            after=placement.sleeps_after,
            keeps_workers=placement.keeps_workers,
            asleep_since=placement.asleep_since,
            wake_seconds=placement.wake_seconds,
        ),
        "application": _named(placement.application),
        "environment": _named(placement.environment),
        "strategy": strategy_of(current.artifact.parsed_spec.volumes if current and current.artifact else ()),
        "version": current.version if current else "",
        "digest": current.artifact.digest if current and current.artifact else "",
        "current": placement.current_id,
        "previous_good": placement.previous_good_id,
    }
