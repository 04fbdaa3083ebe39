"""How releases, packages and rollouts look in the API."""

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
    """`status` follows facts: draft, sealed, scheduled, in_progress, released, partly_served,
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
    """`status`: absent, distributing, distributed, deploying, deployed (it is served right now), replaced, falling_back."""

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
    """With its packages on its targets."""

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
    """`direction` is forward or back. `planned_at` and `start_by` are instants; `wall_time` in `zone` is what was meant."""

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
    """With each of its packages, and what ran on the target before it began, by application."""

    packages: list[RolloutStepShown]
    before: dict[str, Any]


class ReadinessShown(Schema):
    """What stands in the way on one target; `at` is when it is planned to start there (null: asked for now)."""

    environment: Named
    is_ready: bool
    at: datetime | None
    blockers: list[BlockerShown]


class VersionShown(Schema):
    version: str
    digest: str
    commit: str


class SettingShown(Schema):
    """Names only; never a value."""

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


def release_shown(actor: Actor, one: Release, status: str = "", packages: list[str] | None = None) -> ReleaseShown:
    return ReleaseShown(**_release(actor, one, status, packages))


def _release(actor: Actor, one: Release, status: str, packages: list[str] | None) -> dict[str, Any]:
    sealed = is_sealed(one)
    names = ("name", "version", "description", "fingerprint", "created_by", "created_at", "cancelled_by", "cancel_reason")
    return {
        **{name: getattr(one, name) for name in names},
        "id": one.pk,
        "status": status or queries.status_of(one).value,
        "manager": one.manager.username,
        "deputy": one.deputy.username if one.deputy else None,
        "targets": [each.slug for each in queries.targets_seen(one, actor)],
        "packages": [each.name for each in queries.packages_seen(one, actor)] if packages is None else packages,
        "is_sealed": sealed,
        "is_frozen": sealed,
    }


def release_detail(actor: Actor, one: Release) -> ReleaseDetail:
    rows, packages = queries.matrix(one, actor), queries.packages_seen(one, actor)
    needs, names = needs_in(packages), {each.pk: each.name for each in packages}
    shown = [
        package_shown(actor, package, sorted(names[number] for number in needs[package.pk]), rows[index])
        for index, package in enumerate(packages)
    ]
    return ReleaseDetail(**_release(actor, one, "", [each.name for each in packages]), matrix=shown)


def package_shown(
    actor: Actor, one: Package, needs: list[str] | None = None, cells: list[queries.Cell] | None = None
) -> PackageShown:
    if needs is None:
        needs = sorted(one.dependencies.filter(needs__deleted_at=None).values_list("needs__name", flat=True))
    if cells is None:
        cells = next((row for row in queries.matrix(one.release, actor) if row and row[0].package == one), [])
    return PackageShown(
        id=one.pk,
        name=one.name,
        application=one.application.slug,
        stage=one.stage,
        source_input=one.source_input,
        entered=one.source_input,
        version=one.version,
        digest=one.artifact.digest if one.artifact else "",
        resolution=one.resolution,
        sentence=one.sentence,
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


def rollout_shown(one: Rollout) -> RolloutShown:
    return RolloutShown(**_rollout(one))


def _rollout(one: Rollout) -> dict[str, Any]:
    names = (
        *("direction", "status", "parallel", "sentence", "reason", "requested_by", "acting_role", "wall_time", "zone"),
        *("planned_at", "start_by", "created_at", "started_at", "finished_at"),
    )
    found = {name: getattr(one, name) for name in names}
    return {**found, "id": one.pk, "release": one.release_id, "environment": one.environment.slug}


def rollout_detail(one: Rollout) -> RolloutDetail:
    steps = [_step(each) for each in desk.steps_of(one)]
    return RolloutDetail(**_rollout(one), packages=steps, before=one.before)


def _step(one: RolloutPackage) -> RolloutStepShown:
    return RolloutStepShown(
        package=one.package.name,
        level=one.level + 1,
        status=one.status,
        sentence=one.sentence,
        deployment=one.deployment_id,
        fallback=one.fallback_id,
        attempts=one.attempts,
    )


def readiness_shown(one: Readiness) -> ReadinessShown:
    reasons = [BlockerShown(**each) for each in blockers_shown(one.blockers)]
    where = Named(slug=one.environment.slug, name=one.environment.name)
    return ReadinessShown(environment=where, is_ready=one.is_ready, at=one.at, blockers=reasons)


def difference_shown(one: Difference) -> DifferenceShown:
    settings = [SettingShown(name=each.name, kind=each.kind) for each in one.settings]
    return DifferenceShown(package=one.package.name, now=_version(one.now), then=_version(one.then), settings=settings)


def newer_settings_shown(one: NewerSettings) -> NewerSettingsShown:
    changes = [SettingShown(name=each.name, kind=each.kind) for each in one.changes]
    names = {"package": one.package.name, "environment": one.environment.slug}
    return NewerSettingsShown(**names, by=one.by, at=one.at, comment=one.comment, changes=changes)


def _version(one: Any) -> VersionShown | None:
    return VersionShown(version=one.version, digest=one.digest, commit=one.commit) if one is not None else None


def approval_shown(one: Approval, *, counts: bool = True) -> ApprovalShown:
    """`counts` is false for a yes whose giver may no longer approve there."""
    return ApprovalShown(
        environment=one.environment.slug,
        person=one.person,
        is_approved=one.is_approved,
        counts=counts,
        comment=one.comment,
        fingerprint=one.fingerprint,
        at=one.created_at,
    )
