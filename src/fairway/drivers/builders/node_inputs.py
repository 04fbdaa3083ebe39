"""Reads what the dependencies of a Node.js project are installed from: the files that an installer reads, or the whole
source."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fairway.drivers.builders.detection.node_managers import LOCKS
from fairway.drivers.builders.detection.source_folder import SourceFolder
from fairway.drivers.builders.detection.workspace import member_patterns, members
from fairway.drivers.builders.image_steady import is_steady, steady
from fairway.shared.failures import Refused
from fairway.shared.source_text import read_source

OWN_SCRIPTS = ("preinstall", "install", "postinstall", "preprepare", "prepare", "postprepare", "prepublish")
DEPENDENCIES = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")
_DECIDES = (*DEPENDENCIES, "name", "overrides", "resolutions", "workspaces", "pnpm", "packageManager", "catalog", "catalogs")
_SETTINGS = (".npmrc", ".yarnrc", ".yarnrc.yml", "pnpm-workspace.yaml", "bunfig.toml", "lerna.json")
_FOLDERS = (".yarn", "patches", ".pnpm-patches")
_FILES = (".pnpmfile.cjs", "pnpmfile.cjs", ".pnpmfile.mjs", "yarn.config.cjs")
_LOCAL = ("file:", "link:", "portal:", "patch:", "exec:", ".", "/")
_GENERATES = ("prisma", "@prisma/client", "patch-package")  # their install scripts read the source
LOCK_FILES = tuple(name for names in LOCKS.values() for name in names)


@dataclass(frozen=True)
class Inputs:
    """The files that suffice to install, and their content without the project's own version (`key`). With `needs_source`
    they do not suffice. `has_scripts` says that installing may also write files of the project."""

    files: tuple[str, ...]
    key: Any
    needs_source: bool = False
    has_scripts: bool = False
    is_empty: bool = False


def node_inputs(folder: SourceFolder) -> Inputs:
    """The inputs of the project, or of the whole workspace, in `folder`. Raises `Refused` for a manifest that cannot be
    read."""
    packages = {"": package_of(folder)}
    packages |= {f"{name}/": package_of(member) for name, member in members(folder).items()}
    files = [name for name in (*LOCK_FILES, *_SETTINGS) if folder.has(name)]
    key = {
        **{name: _content(folder, name) for name in files},
        **{f"{path}package.json": {name: package.get(name) for name in _DECIDES} for path, package in packages.items()},
    }
    scripts = any(name in _table(package, "scripts") for package in packages.values() for name in OWN_SCRIPTS)
    scripts = scripts or any(
        name in _table(package, group) for package in packages.values() for group in DEPENDENCIES for name in _GENERATES
    )
    needs = scripts or _has_local_parts(folder, packages)
    is_empty = not any(package.get(group) for package in packages.values() for group in (*DEPENDENCIES[:3], "workspaces"))
    manifests = (f"{path}package.json" for path in packages)
    return Inputs(tuple(sorted({*files, *manifests})), key, needs, scripts, is_empty and not member_patterns(folder))


def package_of(folder: SourceFolder) -> dict[str, Any]:
    """The content of package.json in a folder. Raises `Refused` if it is missing or cannot be read."""
    if not folder.has("package.json"):
        raise Refused("There is no package.json in the application's folder; add one or choose another root folder.")
    try:
        package = json.loads(read_source(folder.place / "package.json"))
    except (ValueError, RecursionError) as error:
        raise Refused(f"package.json cannot be read: {str(error)[:200]}.") from error
    if not isinstance(package, dict):
        raise Refused("package.json is not a JSON object.")
    return package


def _content(folder: SourceFolder, name: str) -> str:
    """The text of a file, without the version of the project itself, which changes with every release."""
    path = folder.place / name
    if name == "bun.lockb":
        return path.read_bytes().hex()
    text = read_source(path)
    return steady(name, text) if is_steady(name) else text


def _has_local_parts(folder: SourceFolder, packages: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether packages, patches or plugins lie in the source. Packages of the workspace do not count."""
    wanted = [
        str(version)
        for package in packages.values()
        for group in DEPENDENCIES
        for version in _table(package, group).values()
    ]
    is_local = any(version.startswith(_LOCAL) or "file:" in version for version in wanted)
    return is_local or any(folder.has_folder(name) for name in _FOLDERS) or folder.first(*_FILES) is not None


def _table(package: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = package.get(key)
    return value if isinstance(value, Mapping) else {}
