"""How events describe releases, packages and rollouts: subjects, and facts for before and after."""

from __future__ import annotations

from typing import Any

from fairway.activity.rules import On
from fairway.environments.models import Environment
from fairway.releases.models import Package, Release, Rollout


def on_release(release: Release, environment: Environment | None = None) -> On:
    return On("release", release.pk, str(release), environment=environment.slug if environment else "")


def on_package(package: Package, environment: Environment | None = None) -> On:
    where = f" → {environment.name}" if environment else ""
    label = f"{package.release} · {package.name}{where}"
    return On("package", package.pk, label, package.application.slug, environment.slug if environment else "")


def on_rollout(rollout: Rollout) -> On:
    label = f"{rollout.release} → {rollout.environment.name}"
    return On("rollout", rollout.pk, label, environment=rollout.environment.slug)


def release_facts(release: Release) -> dict[str, Any]:
    return {
        "name": release.name,
        "version": release.version,
        "description": release.description,
        "manager": release.manager.username,
        "deputy": release.deputy.username if release.deputy else None,
        "targets": sorted(release.targets.values_list("slug", flat=True)),
    }


def package_facts(package: Package) -> dict[str, Any]:
    return {
        "name": package.name,
        "application": package.application.slug,
        "stage": package.stage,
        "source_input": package.source_input,
        "version": package.version,
        "digest": package.artifact.digest if package.artifact else "",
    }


def rollout_facts(rollout: Rollout) -> dict[str, Any]:
    return {
        "release": str(rollout.release),
        "direction": rollout.direction,
        "status": rollout.status,
        "parallel": rollout.parallel,
        "planned": f"{rollout.wall_time} {rollout.zone}".strip(),
        "planned_at": rollout.planned_at.isoformat() if rollout.planned_at else None,
        "start_by": rollout.start_by.isoformat() if rollout.start_by else None,
    }
