"""Builds Node.js applications: dependencies are a layer, then the build command runs, then development packages are removed.

A package of a workspace is installed in the folder with the workspace's lock file and started in its own folder.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from fairway.drivers.builders.build_env import BuildEnvironment, failure_of
from fairway.drivers.builders.command_line import join_command
from fairway.drivers.builders.contract import Spec
from fairway.drivers.builders.detection.node_managers import LOCKS
from fairway.drivers.builders.detection.node_project import NodeProject
from fairway.drivers.builders.detection.source_folder import SourceFolder
from fairway.drivers.builders.detection.workspace import workspace_of
from fairway.drivers.builders.exclusions import of_node
from fairway.drivers.builders.inside import Source
from fairway.drivers.builders.inside_node import check_node
from fairway.drivers.builders.layers import copy_source, key_of, link_tree
from fairway.drivers.builders.node_inputs import Inputs, node_inputs
from fairway.drivers.builders.node_install import QUIET, Installer, build_variables
from fairway.drivers.builders.node_members import built_before, compiled_place, starts_with_development
from fairway.drivers.builders.node_toolchain import Toolchain, toolchain_for
from fairway.drivers.builders.surroundings import build_environment
from fairway.drivers.builders.tools import Tools
from fairway.drivers.runtimes.contract import NullProgress
from fairway.shared.failures import Refused

MODULES = "node_modules"
MOVED_PORT = "moved_port.js"
MOVED_COPY = ".moved_port.cjs"  # ``.cjs``, so that it is a CommonJS module whatever the package's other modules are


class NodeBuild:
    """One build of a Node.js application."""

    def __init__(self, build_env: BuildEnvironment) -> None:
        self.build_env = build_env
        found = workspace_of(build_env.source, build_env.request.checkout.folder)
        self.top = found.top if found else build_env.source
        self.package = found.package if found else "."

    @property
    def name(self) -> str:
        """The package manager, which is recorded as the builder of the artifact."""
        return self.tools.name

    @cached_property
    def tools(self) -> Toolchain:
        """The Node.js and the package manager of this build. Raises `NeedsPerson` if one can be neither found nor
        fetched."""
        install = self.build_env.spec.install
        tools = Tools(self.build_env.cache, self.build_env.progress)
        return toolchain_for(str(install.get("node") or ""), str(install.get("manager") or ""), tools)

    def toolchain(self) -> str:
        """The versions of Node.js and the package manager. Raises `NeedsPerson` if one can be neither found nor fetched."""
        return self.tools.text

    def build(self) -> dict[str, Any]:
        """Fill the bundle and return its manifest. Raises `Refused` if there is no start command or a step fails."""
        spec, app = self.build_env.spec, self.build_env.app
        if not spec.command:
            raise Refused("There is no command to start it; give one, e.g. “node server.js”.")
        self._prepare(app)
        self._run_build(app)
        if spec.build:
            self._prune(app)
        command = compiled_place(app / self.package, spec.command, self.build_env.progress)
        folders = ["app"] if self.package == "." else [f"app/{self.package}", "app"]
        return {
            "kind": "node",
            "command": list(command),
            "environment": {"NODE_ENV": "production", **self._moved_port(app / self.package)},
            "path": [
                *(f"{folder}/{MODULES}/.bin" for folder in folders),
                *self.tools.bring_along(self.build_env.output, command),
            ],
            **({"start_in": self.package} if self.package != "." else {}),
        }

    def _moved_port(self, folder: Path) -> dict[str, str]:
        """The variables that make a program with a fixed port in its code listen on PORT; see ``moved_port.js``."""
        port = self.build_env.spec.install.get("listens")
        if type(port) is not int:
            return {}
        shutil.copyfile(Path(__file__).with_name(MOVED_PORT), folder / MOVED_COPY)
        return {"NODE_OPTIONS": f"--require ./{MOVED_COPY}", "FAIRWAY_MOVED_PORT": str(port)}

    def build_site(self, folder: Path) -> Path:
        """Install and build a site in `folder`, of which only the result is served; returns the folder of the package."""
        self._prepare(folder)
        self._run_build(folder)
        return folder / self.package

    def install_in(self, folder: Path) -> None:
        """Copy the source to `folder` and install its dependencies there."""
        self._prepare(folder)

    def _prepare(self, folder: Path) -> None:
        check_node(Source(self.top))
        copy_source(self.top, folder, reason=of_node, progress=self.build_env.progress)
        self._install(folder)

    # -- installing

    def _install(self, folder: Path) -> None:
        inputs = node_inputs(SourceFolder(folder))
        if inputs.is_empty:
            return
        parts = ("node", 3, self.build_env.request.name, self.toolchain(), inputs.key, self._needs_development(folder))
        key = key_of(*parts, self.build_env.request.checkout.checksum if inputs.needs_source else "")
        is_owned = self.build_env.walls.are_owned
        layer = self.build_env.layers.ensure(
            key, lambda draft: self._make_layer(folder, draft, inputs), self.build_env.progress, is_owned=is_owned
        )
        is_changed = bool(self.build_env.spec.build) and not is_owned
        for modules in _modules(layer):
            inner = modules.relative_to(layer)
            if (folder / inner.parent).is_dir():  # skip packages that exist only in the layer
                link_tree(modules, folder / inner, copy=is_changed)
                for record in (".package-lock.json", ".modules.yaml", ".yarn-state.yml", ".yarn-integrity"):
                    _replace_by_copy(folder / inner / record)
        for lock in LOCKS[self.tools.name]:  # the installer wrote it anew if it did not fit
            if (layer / lock).is_file():
                shutil.copyfile(layer / lock, folder / lock)
        if inputs.has_scripts:
            _copy_written_files(layer, folder)

    def _make_layer(self, folder: Path, layer: Path, inputs: Inputs) -> None:
        if inputs.needs_source:
            # No progress: what is left out was logged when the source was copied.
            copy_source(folder, layer, reason=of_node, progress=NullProgress())
        for name in inputs.files:
            if not (layer / name).exists():
                (layer / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(folder / name, layer / name)
        self._install_in(layer, development=self._needs_development(folder))
        self.build_env.walls.take_back(layer)

    def _install_in(self, layer: Path, *, development: bool) -> None:
        for lock in LOCKS[self.tools.name]:
            if (layer / lock).is_file() and not (layer / lock).read_bytes().strip():
                (layer / lock).unlink()  # an empty lock file says nothing, and package managers fail on it
        words = self._installer.install(layer, development=development)
        while True:
            finished = self._attempt(words, layer, writes=[layer], env={"NODE_ENV": "development"})
            if not finished.code:
                return
            other = self._installer.loosened(words, "\n".join(finished.tail))
            if other is None:
                raise failure_of(finished, " ".join(_shown(words)))
            words, why = other
            self.build_env.progress.line(f"Installing once more, less strictly: {why}.", stream="stderr")
            shutil.rmtree(layer / MODULES, ignore_errors=True)

    def _needs_development(self, path: Path) -> bool:
        """Whether development packages are installed: a build needs them, or the start command is one of them."""
        builds = self.build_env.spec.build or built_before(SourceFolder(path), self.package)
        return bool(builds) or self._starts_with_development(path)

    def _starts_with_development(self, folder: Path) -> bool:
        return starts_with_development(SourceFolder(folder / self.package), self.build_env.spec.command or ())

    # -- building

    def _run_build(self, top: Path) -> None:
        spec, folder = self.build_env.spec, top / self.package
        project = NodeProject.read(SourceFolder(folder))
        variables = build_variables(self.build_env.request.limits.memory_bytes, project.packages if project else {})
        for name in built_before(SourceFolder(top), self.package):
            command = (self.tools.name, "run", "build")
            self.build_env.progress.line(f"{name} is built first: the application depends on it.")
            self._follow(command, top / name, top, variables, spec)
        if spec.build:
            self._follow(spec.build, folder, top, variables, spec)

    def _follow(self, words: Sequence[str], cwd: Path, top: Path, variables: dict[str, str], spec: Spec) -> None:
        binaries = [str(folder / MODULES / ".bin") for folder in dict.fromkeys((cwd, top))]
        environment = {**self._environment(*binaries), **variables}
        self.build_env.follow(words, cwd=cwd, env=environment, variables=spec.environment, reads=self.tools.folders)

    def _prune(self, app: Path) -> None:
        words = self._installer.prune()
        # Next.js reads it when it starts, and needs the package TypeScript for that.
        config = SourceFolder(app / self.package).has("next.config.ts")
        if words is None or self.package != "." or config or self._starts_with_development(app):
            return
        if not (app / MODULES).is_dir():
            return
        finished = self._attempt(words, app, env={"NODE_ENV": "production"})
        if finished.code and (other := self._installer.loosened(words, "\n".join(finished.tail))):
            finished = self._attempt(other[0], app, env={"NODE_ENV": "production"})
        if finished.code:
            self.build_env.progress.line(
                "Development packages could not be taken out again; they stay.",
                stream="stderr",
            )

    # -- running

    @property
    def _installer(self) -> Installer:
        return Installer(self.tools.name, self.tools.manager_version, self.build_env.walls.cache("npm"))

    def _environment(self, *first: str) -> dict[str, str]:
        path = build_environment(self.build_env.staging / "home")["PATH"]
        headers = {"NPM_CONFIG_NODEDIR": str(self.tools.headers)} if self.tools.headers else {}
        return {**self._installer.environment, **headers, "PATH": ":".join([*first, *self.tools.path, path])}

    def _attempt(self, words: tuple[str, ...], cwd: Path, *, env: dict[str, str], writes: Sequence[Path] = ()) -> Any:
        self.build_env.progress.line(f"$ {join_command(_shown(words))}")
        outside = [path for path in writes if not path.is_relative_to(self.build_env.staging)]
        environment = {**self._environment(), **env}
        return self.build_env.attempt(words, cwd=cwd, env=environment, writes=outside, reads=self.tools.folders)


def _shown(words: Sequence[str]) -> list[str]:
    """The words of a command for the log, without options that matter only to Fairway."""
    return [word for word in words if word not in QUIET]


def _modules(layer: Path) -> list[Path]:
    """The ``node_modules`` folders in a layer, without those inside others."""
    found = []
    pending = [layer]
    while pending:
        for entry in sorted(pending.pop().iterdir()):
            if entry.is_symlink() or not entry.is_dir():
                continue
            if entry.name == MODULES:
                found.append(entry)
            else:
                pending.append(entry)
    return found


def _copy_written_files(layer: Path, folder: Path) -> None:
    """Copy files that install scripts wrote outside of ``node_modules``."""
    for entry in layer.rglob("*"):
        inner = entry.relative_to(layer)
        if MODULES in inner.parts or entry.is_symlink() or not entry.is_file() or (folder / inner).exists():
            continue
        (folder / inner).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(entry, folder / inner)
        (folder / inner).chmod(0o644 | (entry.stat().st_mode & 0o111))


def _replace_by_copy(path: Path) -> None:
    """Replace a hard link by a copy, because package managers rewrite this file in place."""
    if path.is_file():
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
