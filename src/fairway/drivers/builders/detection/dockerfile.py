"""Dockerfiles: the file ``Dockerfile``, and files with other names."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fairway.drivers.builders.contract import Spec
from fairway.drivers.builders.detection.recipe import Recipe, version_of
from fairway.drivers.builders.detection.source_folder import SourceFolder

MAIN = "Dockerfile"
_EXPOSE = re.compile(r"^[ \t]*EXPOSE\s+(\d+)(?:/tcp)?\b", re.I | re.M)
_OTHERS = ("Dockerfile.*", "*.Dockerfile", "*.dockerfile", "Containerfile", "docker/Dockerfile*", ".docker/Dockerfile*")


def main_dockerfile(source: SourceFolder) -> Iterator[Recipe]:
    """The recipe for the file ``Dockerfile``."""
    if source.has(MAIN):
        yield dockerfile_recipe(source, MAIN).noting("Built from its Dockerfile", MAIN)


def other_dockerfiles(source: SourceFolder) -> Iterator[Recipe]:
    """The recipes for Dockerfiles with other names, e.g. ``Dockerfile.prod``."""
    for file in source.matching(*_OTHERS):
        if not file.endswith((".dockerignore", ".md")):
            yield dockerfile_recipe(source, file).noting(f"Built from {file}", file)


def dockerfile_recipe(source: SourceFolder, file: str) -> Recipe:
    """The recipe for one Dockerfile, with the port it exposes."""
    spec = Spec(kind="dockerfile", framework="Dockerfile", version=version_of(source), install={"dockerfile": file})
    return exposed(source, file, Recipe(spec))


def exposed(source: SourceFolder, dockerfile: str, recipe: Recipe) -> Recipe:
    """The recipe with the port in ``EXPOSE``. Without one the default port is assumed, and a finding says so."""
    ports = _EXPOSE.findall(source.text(dockerfile))
    if ports and 1 <= int(ports[-1]) <= 65535:
        return recipe.changed(port=int(ports[-1])).noting(f"Listens on port {ports[-1]}", f"EXPOSE in {dockerfile}")
    return recipe.noting(f"Port {recipe.spec.port} is assumed", f"{dockerfile} has no EXPOSE; PORT is set to it")
