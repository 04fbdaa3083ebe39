"""Exports a release as ``release.yaml``, in the form that `manifest.parse_release` reads."""

from __future__ import annotations

from typing import Any

import yaml

from fairway.applications.models import Artifact
from fairway.releases.models import Package, Release
from fairway.releases.target_state import needs_in, packages_of
from fairway.shared.names import slug_from
from fairway.shared.urls import without_secrets


def release_file(release: Release) -> str:
    """The text of ``release.yaml``: the release's fields, its people, its packages and their dependencies."""
    packages = list(packages_of(release))
    names = {package.pk: package.name for package in packages}
    needs = needs_in(packages)
    content: dict[str, Any] = {
        "release": release.name,
        "version": release.version,
        "description": release.description,
        "manager": release.manager.username,
        "deputy": release.deputy.username if release.deputy else None,
        "targets": list(release.targets.filter(deleted_at=None).values_list("slug", flat=True)),
        "packages": {one.name: _package(one, sorted(names[number] for number in needs[one.pk])) for one in packages},
    }
    kept = {key: value for key, value in content.items() if value not in (None, "", [], {})}
    return yaml.safe_dump(kept, sort_keys=False, allow_unicode=True, width=120)


def _package(package: Package, needs: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"source": exported_source(package), "stage": package.stage}
    if package.application.slug != slug_from(package.name):
        found["application"] = package.application.slug
    return {**found, "needs": needs} if needs else found


def exported_source(package: Package) -> str:
    """The package's source as the manifest names it, so that it is read as the same source. An existing version is named
    by its version, or by its digest if that is ambiguous. An upload has no URL, so it is named by the version it became."""
    artifact = package.artifact
    if artifact is None or (package.source_kind and "upload" not in package.source):
        return without_secrets(package.source_input)
    slug = package.application.slug
    named = Artifact.objects.filter(application=package.application_id, version=artifact.version).order_by("-number").first()
    return f"{slug} {artifact.version}" if named == artifact else f"{slug} {artifact.digest}"
