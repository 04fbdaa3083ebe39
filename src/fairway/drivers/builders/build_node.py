"""Node.js through npm: dependencies as a layer, the build script, development packages taken out again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from fairway.drivers.builders.exclusions import of_node
from fairway.drivers.builders.inside import Source
from fairway.drivers.builders.inside_node import check_node
from fairway.drivers.builders.layers import copy_source, key_of, link_tree
from fairway.drivers.builders.running import Ceiling, run
from fairway.drivers.builders.surroundings import build_environment
from fairway.drivers.builders.workshop import Workshop
from fairway.drivers.runtimes.contract import Silent
from fairway.shared.failures import NeedsPerson, Refused
from fairway.shared.source_text import read_source

OWN_SCRIPTS = ("preinstall", "install", "postinstall", "prepare", "prepublish")
LOCKS = ("package-lock.json", "npm-shrinkwrap.json")
QUIET = ("--no-audit", "--no-fund", "--no-progress", "--no-update-notifier", "--prefer-offline")
MISSING = (
    "This application needs Node.js with npm, which is not on this machine; install it (on Debian: apt install nodejs npm)."
)


class NodeBuild:
    """One build of a Node.js application."""

    name = "npm"

    def __init__(self, workshop: Workshop) -> None:
        self.workshop = workshop
        self._versions = ""

    def toolchain(self) -> str:
        """Which node and npm. Raises `NeedsPerson` when one is missing."""
        if not self._versions:
            environment = build_environment(self.workshop.cache / "home")
            self._versions = " ".join(_version(program, environment, self.workshop.cache) for program in ("node", "npm"))
        return self._versions

    def build(self) -> dict[str, Any]:
        """Fill the bundle and return its manifest."""
        check_node(Source(self.workshop.source))
        self.workshop.copy_app(of_node)
        self._install(self.workshop.app)
        if self.workshop.spec.build:
            self._run_build(self.workshop.app)
            self._npm("prune", "--omit=dev", "--ignore-scripts", cwd=self.workshop.app, what="npm prune")
        spec = self.workshop.spec
        if not spec.command:
            raise Refused("There is no command to start it; give one, e.g. “node server.js”.")
        return {
            "kind": "node",
            "command": list(spec.command),
            "environment": {"NODE_ENV": "production"},
            "path": ["app/node_modules/.bin"],
        }

    def build_site(self, place: Path) -> Path:
        """Install and build in `place` for a site of which only the result is served; returns `place`."""
        check_node(Source(self.workshop.source))
        copy_source(self.workshop.source, place, reason=of_node, progress=self.workshop.progress)
        self._install(place)
        self._run_build(place)
        return place

    def _run_build(self, place: Path) -> None:
        spec = self.workshop.spec
        environment = {
            "PATH": f"{place / 'node_modules' / '.bin'}:{build_environment(self.workshop.staging / 'home')['PATH']}",
            "NPM_CONFIG_CACHE": str(self.workshop.walls.cache("npm")),
            "NODE_ENV": "production",
        }
        self.workshop.follow(spec.build or (), cwd=place, env=environment, variables=spec.environment)

    def _install(self, place: Path) -> None:
        package = _package(place)
        if not _needs_installing(package):
            return
        key = self._key(place, package)

        def make(layer: Path) -> None:
            if _needs_source(package):
                copy_source(place, layer, reason=of_node, progress=Silent())  # said when the source was copied
            for name in ("package.json", *LOCKS, ".npmrc"):
                if (place / name).is_file() and not (layer / name).exists():
                    shutil.copy2(place / name, layer / name)
            self._install_in(layer)
            self.workshop.walls.take_back(layer)

        layer = self.workshop.layers.ensure(key, make, self.workshop.progress)
        if (layer / "node_modules").is_dir():
            is_changed = bool(self.workshop.spec.build) and not self.workshop.walls.are_owned
            link_tree(layer / "node_modules", place / "node_modules", copy=is_changed)
            _own(place / "node_modules" / ".package-lock.json")

    def _key(self, place: Path, package: dict[str, Any]) -> str:
        wanted = {key: value for key, value in package.items() if "ependencies" in key or key in ("overrides", "workspaces")}
        lock = next((read_source(place / name) for name in LOCKS if (place / name).is_file()), "")
        settings = read_source(place / ".npmrc") if (place / ".npmrc").is_file() else ""
        source = self.workshop.request.checkout.checksum if _needs_source(package) else ""
        locked = _without_own_version(lock)
        return key_of(
            "node",
            self.workshop.request.name,
            self.toolchain(),
            wanted,
            locked,
            settings,
            source,
            bool(self.workshop.spec.build),
        )

    def _install_in(self, layer: Path) -> None:
        has_lock = any((layer / name).is_file() for name in LOCKS)
        omit = () if self.workshop.spec.build else ("--omit=dev",)
        verb = "ci" if has_lock else "install"
        self._npm(verb, *omit, cwd=layer, what=f"npm {verb}")

    def _npm(self, *words: str, cwd: Path, what: str) -> None:
        self.workshop.progress.line(f"$ npm {' '.join(word for word in words if word != '--')}")
        environment = {
            "NPM_CONFIG_CACHE": str(self.workshop.walls.cache("npm")),
            "NODE_ENV": "development" if words[0] in ("ci", "install") else "production",
        }
        writes = [] if cwd.is_relative_to(self.workshop.staging) else [cwd]
        self.workshop.tool(("npm", *QUIET, *words), cwd=cwd, what=what, env=environment, writes=writes)


def _version(program: str, environment: dict[str, str], cwd: Path) -> str:
    try:
        argv = (program, "--version")
        found = run(argv, cwd=cwd, env=environment, progress=Silent(), ceiling=Ceiling(30.0), keep_output=True)
    except NeedsPerson:
        raise NeedsPerson(MISSING) from None
    if found.code or not found.tail:
        raise NeedsPerson(MISSING, detail="\n".join(found.tail))
    return found.tail[-1].strip()


def _package(place: Path) -> dict[str, Any]:
    try:
        package = json.loads(read_source(place / "package.json"))
    except FileNotFoundError:
        raise Refused(
            "There is no package.json in the application's folder; add one or choose another root folder."
        ) from None
    except ValueError as error:
        raise Refused(f"package.json cannot be read: {error}.") from error
    if not isinstance(package, dict):
        raise Refused("package.json is not a JSON object.")
    return package


def _needs_installing(package: dict[str, Any]) -> bool:
    return any(package.get(key) for key in ("dependencies", "devDependencies", "optionalDependencies", "workspaces"))


def _needs_source(package: dict[str, Any]) -> bool:
    """Whether installing runs the project's own scripts or takes packages from its folders."""
    scripts = package.get("scripts") or {}
    wanted = [str(value) for key in ("dependencies", "devDependencies") for value in (package.get(key) or {}).values()]
    return (
        bool(package.get("workspaces")) or any(name in scripts for name in OWN_SCRIPTS) or any("file:" in v for v in wanted)
    )


def _without_own_version(lock: str) -> Any:
    """A lock file without the version of the application itself, which changes with every release."""
    try:
        data = json.loads(lock) if lock else {}
    except ValueError as error:
        raise Refused(f"package-lock.json cannot be read: {error}.") from error
    if not isinstance(data, dict):
        return data
    data.pop("version", None)
    own = (data.get("packages") or {}).get("")
    if isinstance(own, dict):
        own.pop("version", None)
    return data


def _own(place: Path) -> None:
    """Replace a linked file by a copy: npm rewrites this one in place."""
    if place.is_file():
        content = place.read_bytes()
        place.unlink()
        place.write_bytes(content)
