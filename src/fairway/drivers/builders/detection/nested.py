"""Detects applications in subfolders: those of a monorepo, or one that does not lie in the top folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from fairway.drivers.builders.detection.dockerfile import main_dockerfile
from fairway.drivers.builders.detection.languages import detect_languages
from fairway.drivers.builders.detection.others import detect_others, servers_first
from fairway.drivers.builders.detection.python_sites import detect_python_sites
from fairway.drivers.builders.detection.recipe import Recipe, Undetectable
from fairway.drivers.builders.detection.sites import detect_sites
from fairway.drivers.builders.detection.source_folder import MANIFESTS, SourceFolder
from fairway.drivers.builders.detection.static import detect_static
from fairway.shared.names import Invalid

MOST = 12  # folders; more choices on a page would not help anybody


def detect_nested(source: SourceFolder) -> Iterator[Recipe]:
    """The applications in subfolders that have their own manifests, servers before sites."""
    found = [recipe for name in _places(source)[:MOST] for recipe in _first(source, name)]
    yield from sorted(found, key=lambda recipe: (bool(recipe.problem), recipe.spec.kind == "static"))


def _places(source: SourceFolder) -> list[str]:
    """Folders with a manifest or page, those near the top first, without folders inside another one of them."""
    candidates = source.folders_with(*MANIFESTS, "Dockerfile", "Procfile", "index.html", "*.csproj")
    chosen: list[str] = []
    for name in sorted(candidates, key=lambda name: (name.count("/"), name)):
        inside = any(PurePosixPath(name).is_relative_to(folder) for folder in chosen)
        if not inside:
            chosen.append(name)
    return chosen


def _first(source: SourceFolder, name: str) -> list[Recipe]:
    inner = SourceFolder(source.place / name, top=source.top)
    if not inner.place.is_relative_to(source.place):
        return []
    found: list[Recipe] = []
    for reader in (main_dockerfile, detect_languages, detect_python_sites, detect_sites, detect_others, detect_static):
        try:
            found += [replace(recipe, spec=replace(recipe.spec, root=name)) for recipe in reader(inner)][:1]
        except (Undetectable, Invalid):  # reported when somebody chooses that folder
            continue
    kinds: dict[str, Recipe] = {}
    for recipe in servers_first(found):
        kinds.setdefault("dockerfile" if recipe.spec.kind == "dockerfile" else "own", recipe)
    return list(kinds.values())
