"""Finds the package manager of a Node.js project, and its version.

``packageManager`` in package.json decides first, then the lock file, then other files that only one package manager reads.
If no version is named, it follows from the format of the lock file, so that the lock file is read by a version like the one
that wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fairway.drivers.builders.detection.source_folder import SourceFolder
from fairway.drivers.builders.detection.workspace import pnpm_settings

LOCKS: Mapping[str, tuple[str, ...]] = {
    "npm": ("package-lock.json", "npm-shrinkwrap.json"),
    "pnpm": ("pnpm-lock.yaml",),
    "yarn": ("yarn.lock",),
    "bun": ("bun.lock", "bun.lockb"),
}
TITLES = {"npm": "npm", "pnpm": "pnpm", "yarn": "Yarn", "bun": "Bun"}
PNPM_BY_LOCK = {"9": "9", "6": "8", "5": "6"}
NEWEST = {"pnpm": "10", "yarn": "4", "bun": "1"}
YARN_CLASSIC = "1"
YARN_BY_LOCK = {"4": "2", "5": "2", "6": "3", "7": "4", "8": "4", "9": "4"}
_NAMED = re.compile(r"(?P<name>npm|pnpm|yarn|bun)@(?P<version>\d+(?:\.\d+){0,2}(?:-[\w.]+)?)")
_LARGEST_LOCK = 64 * 1024 * 1024


@dataclass(frozen=True)
class Manager:
    """A package manager: its name, version (``9``, ``9.15.0``; "" for the one that comes with Node.js), lock file, and
    the file that names it."""

    name: str = "npm"
    version: str = ""
    lock: str = ""
    because: str = "package.json"

    @property
    def title(self) -> str:
        """The name as its makers write it."""
        return TITLES[self.name]

    @property
    def text(self) -> str:
        """The form in a spec's options: ``pnpm@9``; "" for npm."""
        return "" if self.name == "npm" else f"{self.name}@{self.version}"

    def run(self, script: str) -> tuple[str, ...]:
        """The command that runs a script of package.json."""
        return (self.name, "run", script)

    def start(self) -> tuple[str, ...]:
        """The command that runs the start script."""
        return (self.name, "run", "start") if self.name == "bun" else (self.name, "start")


def manager_of(folder: SourceFolder, package: Mapping[str, Any]) -> Manager:
    """The package manager of the project (or the workspace) in this folder."""
    named = _NAMED.match(str(package.get("packageManager") or ""))
    if named:
        version = "" if named["name"] == "npm" else named["version"]
        return Manager(named["name"], version, folder.first(*LOCKS[named["name"]]) or "", "package.json")
    for name, locks in LOCKS.items():
        if lock := folder.first(*locks):
            return Manager(name, _version(name, folder, package, lock), lock, lock)
    name, because = _named_elsewhere(folder, package)
    return Manager(name, _version(name, folder, package, ""), "", because)


def parse_manager(text: str) -> tuple[str, str]:
    """Read (name, version) from the form in a spec's options. Raises ValueError."""
    if text in ("", "npm"):
        return "npm", ""
    found = _NAMED.fullmatch(text)
    if not found:
        raise ValueError(text)
    return found["name"], found["version"]


def _named_elsewhere(folder: SourceFolder, package: Mapping[str, Any]) -> tuple[str, str]:
    if folder.has("pnpm-workspace.yaml"):
        return "pnpm", "pnpm-workspace.yaml"
    if folder.has(".yarnrc.yml"):
        return "yarn", ".yarnrc.yml"
    if folder.has("bunfig.toml"):
        return "bun", "bunfig.toml"
    engines = package.get("engines")
    wanted = engines if isinstance(engines, dict) else {}
    name = next((name for name in ("pnpm", "yarn", "bun") if name in wanted and "npm" not in wanted), "")
    scripts = package.get("scripts")
    lines = "\n".join(str(text) for text in scripts.values()) if isinstance(scripts, dict) else ""
    called = re.search(r"(?:^|&&\s*)(bun|pnpm|yarn)x?\s", lines, re.M)
    is_npm = re.search(r"(?:^|&&\s*)(?:npm|npx)\s", lines, re.M)
    if not name and called and (called[1] == "bun" or not is_npm):
        name = called[1]
    return name or "npm", "package.json"


def _version(name: str, folder: SourceFolder, package: Mapping[str, Any], lock: str) -> str:
    match name:
        case "npm":
            return ""
        case "pnpm":
            return _pnpm(folder, package, lock)
        case "yarn":
            return _yarn(folder, lock)
        case _:
            return NEWEST[name]


def _pnpm(folder: SourceFolder, package: Mapping[str, Any], lock: str) -> str:
    found = re.search(r"^lockfileVersion:\s*['\"]?(\d+)", _head(folder, lock), re.M)
    version = PNPM_BY_LOCK.get(found[1], NEWEST["pnpm"]) if found else NEWEST["pnpm"]
    # pnpm 10 reads settings from pnpm-workspace.yaml. Older versions expect a workspace and fail without “packages”.
    settings = pnpm_settings(folder)
    return NEWEST["pnpm"] if version == "9" and settings and "packages" not in settings else version


def _yarn(folder: SourceFolder, lock: str) -> str:
    head = _head(folder, lock)
    found = re.search(r"^__metadata:\s*\n\s+version:\s*(\d+)", head, re.M)
    if found:
        return YARN_BY_LOCK.get(found[1], NEWEST["yarn"])
    is_classic = bool(head.strip()) or not folder.has(".yarnrc.yml")
    return YARN_CLASSIC if is_classic else NEWEST["yarn"]


def _head(folder: SourceFolder, lock: str) -> str:
    return folder.text(lock, largest=_LARGEST_LOCK)[:4096] if lock else ""
