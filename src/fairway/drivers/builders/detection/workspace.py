"""Workspaces of npm, Yarn, pnpm, Bun and Lerna: packages that are installed together from one lock file. Pure reading."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fairway.drivers.builders.detection.source_folder import SourceFolder
from fairway.shared.names import Invalid
from fairway.shared.yaml_with_lines import Item, root_of


@dataclass(frozen=True)
class Workspace:
    """The folder that holds the lock file, and the path from it to one of its packages."""

    top: Path
    package: str


def workspace_of(place: Path, source: Path) -> Workspace | None:
    """The workspace that the package in `place` belongs to, looked for up to `source`, which holds everything."""
    place, source = place.resolve(), source.resolve()
    if not place.is_relative_to(source):
        return None
    for above in place.parents:
        if not above.is_relative_to(source):
            return None
        name = place.relative_to(above).as_posix()
        if belongs(name, member_patterns(SourceFolder(above))):
            return Workspace(above, name)
    return None


def member_patterns(folder: SourceFolder) -> tuple[str, ...]:
    """The patterns that say which folders below this one are packages of its workspace; empty when it is none."""
    try:
        package = folder.json("package.json")
        lerna = folder.json("lerna.json")
    except ValueError:
        return ()
    own = package.get("workspaces")
    found = [
        own.get("packages") if isinstance(own, dict) else own,
        _texts(pnpm_settings(folder).get("packages")),
        lerna.get("packages"),
    ]
    return tuple(text for texts in found if isinstance(texts, list) for text in texts if isinstance(text, str))


def pnpm_settings(folder: SourceFolder) -> dict[str, Item]:
    """What ``pnpm-workspace.yaml`` says, by key; empty when it is missing or cannot be read (pnpm will say why)."""
    text = folder.text("pnpm-workspace.yaml")
    if not text.strip():
        return {}
    try:
        return {entry.key: entry.value for entry in root_of(text, "pnpm-workspace.yaml").entries}
    except Invalid:
        return {}


def belongs(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether a folder is one of those that the patterns mean; ``!`` takes some out again."""
    wanted = [one.removeprefix("./").rstrip("/") for one in patterns if not one.startswith("!")]
    refused = [one[1:].removeprefix("./").rstrip("/") for one in patterns if one.startswith("!")]
    return any(_matches(name, one) for one in wanted) and not any(_matches(name, one) for one in refused)


def members(folder: SourceFolder) -> dict[str, SourceFolder]:
    """The packages of the workspace at this folder, by their path."""
    patterns = member_patterns(folder)
    if not patterns:
        return {}
    names = [name for name in folder.folders_with("package.json") if belongs(name, patterns)]
    return {name: SourceFolder(folder.place / name) for name in names}


def _texts(item: Item | None) -> list[str]:
    if item is None or not item.is_sequence():
        return []
    return [part.text() for part in item.sequence() if part.is_text()]


def _matches(name: str, pattern: str) -> bool:
    parts = [
        ".*" if part == "**" else re.escape(part).replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
        for part in PurePosixPath(pattern).parts
    ]
    return re.fullmatch("/".join(parts).replace("/.*", "(?:/.*)?"), name) is not None
