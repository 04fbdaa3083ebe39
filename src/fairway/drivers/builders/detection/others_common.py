"""What the readers of other languages share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from fairway.drivers.builders.contract import Spec
from fairway.drivers.builders.detection.recipe import Recipe, health_route, version_of
from fairway.drivers.builders.detection.source_folder import SourceFolder

READS_PORT = re.compile(r"\bPORT\b|_PORT\b")


def program(
    source: SourceFolder,
    toolchain: str,
    framework: str,
    because: str,
    *,
    build: Sequence[str] | None = None,
    command: Sequence[str] | None = None,
    **fields: Any,
) -> Recipe:
    """The recipe for a program. `because` is the file by which it was recognized."""
    install = {"toolchain": toolchain, "because": because, **fields.pop("install", {})}
    spec = Spec(
        kind="program",
        framework=framework,
        build=tuple(build) if build else None,
        command=tuple(command) if command else None,
        version=fields.pop("version", "") or version_of(source),
        install=install,
        **fields,
    )
    return Recipe(spec).noting(framework, because)


def listening(recipe: Recipe, text: str, file: str, pattern: str, advice: str) -> Recipe:
    """The recipe with the health path that a source text declares, and with the port if the text names one and does not
    read PORT. `pattern` matches the port; `advice` says how to read PORT."""
    health = health_route(text)
    if health:
        recipe = recipe.changed(health_path=health).noting(f"Health at {health}", file)
    fixed = re.search(pattern, text)
    if fixed and not READS_PORT.search(text) and 1 <= int(fixed[1]) <= 65535:
        return recipe.changed(port=int(fixed[1])).remarking(f"Listens on port {fixed[1]} only: {advice}", file)
    return recipe
