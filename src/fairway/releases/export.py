"""A release exported as ``release.yaml``, as `manifest.parse_release` reads it again."""

from __future__ import annotations

from typing import Any

import yaml

from fairway.releases.models import Package, Release
from fairway.releases.target_state import needs_in, packages_of
from fairway.shared.urls import without_secrets


def release_file(release: Release) -> str:
    """The whole release: its words, its people, its packages with what they need."""
    packages = list(packages_of(release))
    names = {one.pk: one.name for one in packages}
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
    found: dict[str, Any] = {"source": without_secrets(package.source_input), "stage": package.stage}
    return {**found, "needs": needs} if needs else found
