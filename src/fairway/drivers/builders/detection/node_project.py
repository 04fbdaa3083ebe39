"""A Node.js project as detection reads it: package.json, the workspace that it belongs to, and the Node.js version that
it asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fairway.drivers.builders.detection.node_managers import Manager, manager_of
from fairway.drivers.builders.detection.recipe import Undetectable
from fairway.drivers.builders.detection.source_folder import SourceFolder
from fairway.drivers.builders.detection.workspace import member_patterns, workspace_of
from fairway.drivers.builders.node_versions import parse_range

CONFIGS = (".js", ".mjs", ".cjs", ".ts", ".mts", ".cts")
_COMMENTS = re.compile(r"(?<![\w'\"*/.])/\*.*?\*/|(?<![:'\"])//[^\n]*", re.S)  # must not match globs such as “src/**/*.js”


@dataclass(frozen=True)
class NodeProject:
    """One folder with a ``package.json``. `above` is the folder of the workspace that it belongs to, or the folder
    itself."""

    folder: SourceFolder
    package: Mapping[str, Any]
    above: SourceFolder
    place: str = ""  # the path from the workspace to the package; "" without a workspace

    @classmethod
    def read(cls, folder: SourceFolder) -> NodeProject | None:
        """The project in a folder; None if there is none. Raises `Undetectable` if its package.json cannot be read."""
        if not folder.has("package.json"):
            return None
        try:
            package = folder.json("package.json")
        except ValueError as error:
            raise Undetectable(f"package.json cannot be read: {error}. Correct it.") from error
        found = workspace_of(folder.place, folder.top)
        if found is None:
            return cls(folder, package, folder)
        return cls(folder, package, SourceFolder(found.top, top=folder.top), found.package)

    @cached_property
    def manager(self) -> Manager:
        """The package manager of the project or, in a workspace, of the workspace."""
        package: Mapping[str, Any] = self.package
        if self.place:
            try:
                package = self.above.json("package.json")
            except ValueError:
                package = {}
        return manager_of(self.above, package)

    @cached_property
    def scripts(self) -> dict[str, str]:
        """The scripts of package.json that are not empty."""
        return {name: text.strip() for name, text in self.table("scripts").items() if isinstance(text, str) and text.strip()}

    @cached_property
    def packages(self) -> dict[str, str]:
        """All packages that it depends on, with the versions it asks for."""
        groups = ("peerDependencies", "optionalDependencies", "devDependencies", "dependencies")
        return {name: str(wanted) for group in groups for name, wanted in self.table(group).items()}

    @cached_property
    def runtime_packages(self) -> frozenset[str]:
        """The names of the packages that it needs when it runs."""
        return frozenset(self.table("dependencies"))

    @property
    def orchestrates(self) -> bool:
        """Whether it is the top of a workspace, in which the packages are the applications."""
        tools = ("turbo.json", "nx.json", "lerna.json")
        return bool(member_patterns(self.folder)) or (self.folder.first(*tools) is not None and not self.place)

    def table(self, key: str) -> dict[str, Any]:
        """An object in package.json; empty if there is none under this key."""
        value = self.package.get(key)
        return value if isinstance(value, dict) else {}

    def uses(self, *names: str) -> bool:
        """Whether it depends on one of these packages; ``@scope/*`` stands for any package of a scope."""
        return any(
            name in self.packages
            or (name.endswith("/*") and any(package.startswith(name[:-1]) for package in self.packages))
            for name in names
        )

    def major(self, name: str) -> int:
        """The major version of a package that it asks for; 0 if that is not known."""
        found = re.search(r"\d+", self.packages.get(name, ""))
        return int(found[0]) if found else 0

    def config(self, stem: str) -> str:
        """The text of a configuration file (``next.config``) without comments; "" if there is none."""
        name = self.folder.first(*(f"{stem}{ending}" for ending in CONFIGS))
        return _COMMENTS.sub("", self.folder.text(name)) if name else ""

    def config_file(self, stem: str) -> str:
        """The name of a configuration file; package.json if there is none."""
        return self.folder.first(*(f"{stem}{ending}" for ending in CONFIGS)) or "package.json"

    def node(self) -> tuple[str, str]:
        """(the Node.js it asks for, the file that asks for it); two empty texts if no file does."""
        for folder in (self.folder, self.above) if self.place else (self.folder,):
            for text, file in _asked(folder):
                if parse_range(text) is not None:
                    return text, file
        return "", ""


def _asked(folder: SourceFolder) -> list[tuple[str, str]]:
    """What version files and package.json ask for. Files made for this purpose come first."""
    found = [(_first_line(folder.text(name)), name) for name in (".nvmrc", ".node-version")]
    for line in folder.text(".tool-versions").splitlines():
        words = line.split()
        if len(words) > 1 and words[0] in ("nodejs", "node"):
            found.append((words[1], ".tool-versions"))
    try:
        package = folder.json("package.json")
        mise = (folder.toml("mise.toml") or folder.toml(".mise.toml")).get("tools")
    except ValueError:
        package, mise = {}, None
    if isinstance(mise, dict) and isinstance(mise.get("node"), str):
        found.append((mise["node"], "mise.toml"))
    for key in ("volta", "engines"):
        table = package.get(key)
        if isinstance(table, dict) and isinstance(table.get("node"), str):
            found.append((table["node"], "package.json"))
    return [(text, name) for text, name in found if text]


def _first_line(text: str) -> str:
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return next((line for line in lines if line), "")
