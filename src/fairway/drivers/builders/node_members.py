"""What the builder looks up in a Node.js source: the packages that must be built first, and the file that a build wrote."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fairway.drivers.builders.detection.source_folder import SourceFolder
from fairway.drivers.builders.detection.workspace import members
from fairway.drivers.builders.node_inputs import DEPENDENCIES, package_of
from fairway.drivers.runtimes.contract import Progress

_ENDINGS = ("", ".js", ".mjs", ".cjs", ".json", "/index.js", "/index.mjs", "/package.json")
_CALLERS = frozenset({"npm", "yarn", "pnpm", "bun", "npx"})
_MOST = 20_000  # files that are searched at most


def built_before(top: SourceFolder, package: str) -> tuple[str, ...]:
    """The packages of the workspace that `package` depends on and that have a build script, each after the packages it
    depends on itself."""
    if package == ".":
        return ()
    packages = {name: package_of(folder) for name, folder in members(top).items()}
    paths = {str(content.get("name")): name for name, content in packages.items() if content.get("name")}
    order: list[str] = []
    seen: set[str] = set()

    def visit(name: str) -> None:
        if name in seen:
            return
        seen.add(name)
        for wanted in _wanted(packages.get(name, {})):
            if wanted in paths:
                visit(paths[wanted])
        scripts = packages.get(name, {}).get("scripts")
        if name != package and isinstance(scripts, dict) and scripts.get("build"):
            order.append(name)

    visit(package)
    return tuple(order)


def starts_with_development(folder: SourceFolder, command: tuple[str, ...]) -> bool:
    """Whether the start command, or a script it may call, names a development package. Development packages then stay
    installed."""
    package = package_of(folder)
    development = package.get("devDependencies")
    words = {word.rpartition("/")[2] for word in command}
    if _CALLERS & words:
        scripts = package.get("scripts")
        words |= {word for text in (scripts.values() if isinstance(scripts, dict) else ()) for word in str(text).split()}
    return bool(words & set(development if isinstance(development, dict) else ()))


def compiled_place(folder: Path, command: tuple[str, ...], progress: Progress) -> tuple[str, ...]:
    """The start command, with another file if the build did not write the expected one but one of the same name in
    another folder."""
    at = next((at for at, word in enumerate(command) if at and command[at - 1] == "node" and not word.startswith("-")), None)
    if at is None or "{" in command[at] or any((folder / f"{command[at]}{ending}").is_file() for ending in _ENDINGS):
        return command
    wanted = Path(command[at]).name
    names = {wanted, f"{wanted}.js"} if not Path(wanted).suffix else {wanted}
    found = [path for path in _files(folder) if Path(path).name in names]
    best = min(
        found,
        key=lambda path: (path.partition("/")[0] != command[at].partition("/")[0], path.count("/"), path),
        default="",
    )
    if not best:
        progress.line(f"The build wrote no {command[at]}, which the start command names.", stream="stderr")
        return command
    progress.line(f"Started is {best}: the build wrote it there instead of {command[at]}.")
    return (*command[:at], best, *command[at + 1 :])


def _files(folder: Path) -> list[str]:
    found, pending, seen = [], [folder], 0
    while pending and seen < _MOST:
        for entry in sorted(pending.pop().iterdir()):
            seen += 1
            if entry.is_dir() and not entry.is_symlink() and entry.name not in ("node_modules", ".git"):
                pending.append(entry)
            elif entry.is_file():
                found.append(entry.relative_to(folder).as_posix())
    return found


def _wanted(package: Mapping[str, Any]) -> list[str]:
    tables = [package.get(group) for group in DEPENDENCIES]
    return [name for table in tables if isinstance(table, dict) for name in table]
