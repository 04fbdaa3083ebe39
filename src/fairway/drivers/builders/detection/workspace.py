"""Workspaces of npm, Yarn, pnpm, Bun and Lerna: packages that are installed together from one lock file. These functions
only read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fairway.drivers.builders.detection.source_folder import SourceFolder
from fairway.shared.names import Invalid
from fairway.shared.yaml_with_lines import Item, root_of


@dataclass(frozen=True)
class Workspace:
    """The folder with the lock file, and the path from it to one of its packages."""

    top: Path
    package: str


def workspace_of(folder: Path, source: Path) -> Workspace | None:
    """The workspace that the package in `folder` belongs to; None if there is none. It is searched for in the folders
    above, up to `source`, the folder of the whole source."""
    folder, source = folder.resolve(), source.resolve()
    if not folder.is_relative_to(source):
        return None
    for above in folder.parents:
        if not above.is_relative_to(source):
            return None
        name = folder.relative_to(above).as_posix()
        if belongs(name, member_patterns(SourceFolder(above))):
            return Workspace(above, name)
    return None


def member_patterns(folder: SourceFolder) -> tuple[str, ...]:
    """The patterns that say which folders below this one are packages of its workspace; empty if it is no workspace."""
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
    """The values in ``pnpm-workspace.yaml``, by key; empty if it is missing or cannot be read (pnpm will report the
    error)."""
    text = folder.text("pnpm-workspace.yaml")
    if not text.strip():
        return {}
    try:
        return {entry.key: entry.value for entry in root_of(text, "pnpm-workspace.yaml").entries}
    except Invalid:
        return {}


def belongs(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether the patterns include a folder. Patterns that begin with ``!`` exclude folders."""
    wanted = [pattern.removeprefix("./").rstrip("/") for pattern in patterns if not pattern.startswith("!")]
    refused = [pattern[1:].removeprefix("./").rstrip("/") for pattern in patterns if pattern.startswith("!")]
    return any(_matches(name, pattern) for pattern in wanted) and not any(_matches(name, pattern) for pattern in refused)


def members(folder: SourceFolder) -> dict[str, SourceFolder]:
    """The packages of the workspace in this folder, by their path."""
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
