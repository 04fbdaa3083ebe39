"""The schemas of releases, packages and rollouts, shared by routers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ninja import Schema
from pydantic import Field

from fairway.accounts.rules import Actor
from fairway.api.problems import BlockerShown, blockers_shown
from fairway.api.schemas import Named, ShownText
from fairway.insights import desk
from fairway.releases import queries
from fairway.releases.models import Approval, Package, Release, Rollout, RolloutPackage
from fairway.releases.queries import Difference, NewerSettings, Readiness
from fairway.releases.target_state import is_sealed, needs_in


class ReleaseShown(Schema):
    """`status` is derived from facts: draft, sealed, scheduled, in_progress, released, partly_served,
    no_longer_served, failed, fallen_back or cancelled."""

    id: int
    name: str
    version: str
    status: str
    description: str
    manager: str
    deputy: str | None
    targets: list[str]
    packages: list[str]
    fingerprint: str
    is_sealed: bool
    is_frozen: bool = Field(json_schema_extra={"deprecated": True}, description="The old name of `is_sealed`.")
    created_by: str
    created_at: datetime
    cancelled_by: str
    cancel_reason: str


class OnTargetShown(Schema):
    """`status`: absent, distributing, distributed, deploying, deployed (it is served now), replaced, falling_back."""

    environment: str
    status: str
    digest: str
    deployment: int | None
    before: int | None
    sentence: str
    distributed_at: datetime | None
    deployed_at: datetime | None


class PackageShown(Schema):
    """`resolution`: resolving, resolved or unresolvable (`sentence` says why). `needs` are names of packages."""

    id: int
    name: str
    application: str
    stage: str
    source_input: ShownText
    entered: ShownText = Field(json_schema_extra={"deprecated": True}, description="The old name of `source_input`.")
    version: str
    digest: str
    resolution: str
    sentence: str
    needs: list[str]
    targets: list[OnTargetShown]


class ReleaseDetail(ReleaseShown):
    """A release with its packages on its targets."""

    matrix: list[PackageShown]


class RolloutStepShown(Schema):
    """One package in a rollout; `level` from 1, `attempts` counts its distributions and deployments."""

    package: str
    level: int
    status: str
    sentence: str
    deployment: int | None
    fallback: int | None
    attempts: int


class RolloutShown(Schema):
    """`direction` is forward or back. `planned_at` and `start_by` are instants; `wall_time` and `zone` are as entered."""

    id: int
    release: int
    environment: str
    direction: str
    status: str
    parallel: int
    sentence: str
    reason: str
    requested_by: str
    acting_role: str
    wall_time: str
    zone: str
    planned_at: datetime | None
    start_by: datetime | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class RolloutDetail(RolloutShown):
    """A rollout with its packages, and what ran on the target before it began, by application."""

    packages: list[RolloutStepShown]
    before: dict[str, Any]


class ReadinessShown(Schema):
    """The blockers on one target; `at` is when the release is scheduled to start there (null: blockers now)."""

    environment: Named
    is_ready: bool
    at: datetime | None
    blockers: list[BlockerShown]


class VersionShown(Schema):
    version: str
    digest: str
    commit: str


class SettingShown(Schema):
    """The name of a setting, never its value."""

    name: str
    kind: str


class DifferenceShown(Schema):
    """What a release would change for one package on a target."""

    package: str
    now: VersionShown | None
    then: VersionShown | None
    settings: list[SettingShown]


class NewerSettingsShown(Schema):
    """Settings of a package on a target that were saved after its release was sealed."""

    package: str
    environment: str
    by: str
    at: datetime
    comment: str
    changes: list[SettingShown]


class ApprovalShown(Schema):
    environment: str
    person: str
    is_approved: bool
    counts: bool
    comment: str
    fingerprint: str
    at: datetime


def release_shown(actor: Actor, release: Release, status: str = "", packages: list[str] | None = None) -> ReleaseShown:
    return ReleaseShown(**_release(actor, release, status, packages))


def _release(actor: Actor, release: Release, status: str, packages: list[str] | None) -> dict[str, Any]:
    sealed = is_sealed(release)
    names = ("name", "version", "description", "fingerprint", "created_by", "created_at", "cancelled_by", "cancel_reason")
    return {
        **{name: getattr(release, name) for name in names},
        "id": release.pk,
        "status": status or queries.status_of(release).value,
        "manager": release.manager.username,
        "deputy": release.deputy.username if release.deputy else None,
        "targets": [each.slug for each in queries.visible_targets(release, actor)],
        "packages": [each.name for each in queries.visible_packages(release, actor)] if packages is None else packages,
        "is_sealed": sealed,
        "is_frozen": sealed,
    }


def release_detail(actor: Actor, release: Release) -> ReleaseDetail:
    rows, packages = queries.matrix(release, actor), queries.visible_packages(release, actor)
    needs, names = needs_in(packages), {each.pk: each.name for each in packages}
    shown = [
        package_shown(actor, package, sorted(names[number] for number in needs[package.pk]), rows[index])
        for index, package in enumerate(packages)
    ]
    return ReleaseDetail(**_release(actor, release, "", [each.name for each in packages]), matrix=shown)


def package_shown(
    actor: Actor, package: Package, needs: list[str] | None = None, cells: list[queries.Cell] | None = None
) -> PackageShown:
    if needs is None:
        needs = sorted(package.dependencies.filter(needs__deleted_at=None).values_list("needs__name", flat=True))
    if cells is None:
        cells = next((row for row in queries.matrix(package.release, actor) if row and row[0].package == package), [])
    return PackageShown(
        id=package.pk,
        name=package.name,
        application=package.application.slug,
        stage=package.stage,
        source_input=package.source_input,
        entered=package.source_input,
        version=package.version,
        digest=package.artifact.digest if package.artifact else "",
        resolution=package.resolution,
        sentence=package.sentence,
        needs=needs,
        targets=[_on_target(cell) for cell in cells],
    )


def _on_target(cell: queries.Cell) -> OnTargetShown:
    row = cell.row
    return OnTargetShown(
        environment=cell.environment.slug,
        status=cell.status,
        digest=row.digest if row else "",
        deployment=row.deployment_id if row else None,
        before=row.before_id if row else None,
        sentence=row.sentence if row else "",
        distributed_at=row.distributed_at if row else None,
        deployed_at=row.deployed_at if row else None,
    )


def rollout_shown(rollout: Rollout) -> RolloutShown:
    return RolloutShown(**_rollout(rollout))


def _rollout(rollout: Rollout) -> dict[str, Any]:
    names = (
        *("direction", "status", "parallel", "sentence", "reason", "requested_by", "acting_role", "wall_time", "zone"),
        *("planned_at", "start_by", "created_at", "started_at", "finished_at"),
    )
    found = {name: getattr(rollout, name) for name in names}
    return {**found, "id": rollout.pk, "release": rollout.release_id, "environment": rollout.environment.slug}


def rollout_detail(rollout: Rollout) -> RolloutDetail:
    steps = [_step(each) for each in desk.steps_of(rollout)]
    return RolloutDetail(**_rollout(rollout), packages=steps, before=rollout.before)


def _step(rollout_package: RolloutPackage) -> RolloutStepShown:
    return RolloutStepShown(
        package=rollout_package.package.name,
        level=rollout_package.level + 1,
        status=rollout_package.status,
        sentence=rollout_package.sentence,
        deployment=rollout_package.deployment_id,
        fallback=rollout_package.fallback_id,
        attempts=rollout_package.attempts,
    )


def readiness_shown(readiness: Readiness) -> ReadinessShown:
    reasons = [BlockerShown(**each) for each in blockers_shown(readiness.blockers)]
    where = Named(slug=readiness.environment.slug, name=readiness.environment.name)
    return ReadinessShown(environment=where, is_ready=readiness.is_ready, at=readiness.at, blockers=reasons)


def difference_shown(difference: Difference) -> DifferenceShown:
    settings = [SettingShown(name=each.name, kind=each.kind) for each in difference.settings]
    return DifferenceShown(
        package=difference.package.name, now=_version(difference.now), then=_version(difference.then), settings=settings
    )


def newer_settings_shown(newer_settings: NewerSettings) -> NewerSettingsShown:
    changes = [SettingShown(name=each.name, kind=each.kind) for each in newer_settings.changes]
    names = {"package": newer_settings.package.name, "environment": newer_settings.environment.slug}
    return NewerSettingsShown(
        **names, by=newer_settings.by, at=newer_settings.at, comment=newer_settings.comment, changes=changes
    )


def _version(one: Any) -> VersionShown | None:
    return VersionShown(version=one.version, digest=one.digest, commit=one.commit) if one is not None else None


def approval_shown(approval: Approval, *, counts: bool = True) -> ApprovalShown:
    """An approval or rejection; `counts` is false if its giver may no longer approve there."""
    return ApprovalShown(
        environment=approval.environment.slug,
        person=approval.person,
        is_approved=approval.is_approved,
        counts=counts,
        comment=approval.comment,
        fingerprint=approval.fingerprint,
        at=approval.created_at,
    )
