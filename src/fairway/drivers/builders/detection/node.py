"""Detects Node.js applications: how a ``package.json`` is installed, built and started; and sites that Node.js only
builds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fairway.drivers.builders.contract import Spec
from fairway.drivers.builders.detection.node_managers import LOCKS, TITLES
from fairway.drivers.builders.detection.node_project import NodeProject
from fairway.drivers.builders.detection.node_servers import framework_of, server_of
from fairway.drivers.builders.detection.node_sites import site_of
from fairway.drivers.builders.detection.recipe import Recipe, version_file
from fairway.drivers.builders.detection.sites import hugo_file
from fairway.drivers.builders.detection.source_folder import SourceFolder

# If one of these files lies beside a package.json that only builds, the package.json builds something for it. For languages
# other than Python, `others.servers_first` decides this, because a manifest alone may belong to a library or a tool.
PYTHON_APPLICATIONS = (
    *("manage.py", "requirements.txt", "pyproject.toml", "Pipfile", "setup.py", "requirements.in", "environment.yml"),
)

BUILDS = ("build", "heroku-postbuild", "gcp-build")  # the last two are names that platforms use on their servers


def detect_node(folder: SourceFolder) -> Iterator[Recipe]:
    """The recipes for a folder with a ``package.json``: its server, or the site that it builds; none if it has neither."""
    project = NodeProject.read(folder)
    if project is None:
        return
    recipe = _base(project)
    server = server_of(project, recipe)
    if server is not None and not _only_orchestrates(project, server):
        yield server
    if server is not None or _is_for_others(project):
        return
    site = site_of(project, recipe)
    if site is not None:
        yield site


def node_base(folder: SourceFolder) -> Recipe | None:
    """What holds for any command in this folder: package manager, lock file, build script, Node.js, version."""
    project = NodeProject.read(folder)
    return _base(project) if project else None


def _base(project: NodeProject) -> Recipe:
    manager = project.manager
    asked, file = project.node()
    install: dict[str, Any] = {"from": manager.lock or "package.json", "node": asked, "manager": manager.text}
    version = project.package.get("version")
    framework = framework_of(project)
    build = next((name for name in BUILDS if name in project.scripts), "")
    spec = Spec(
        kind="node",
        framework=framework,
        port=3000,
        version=version if isinstance(version, str) else version_file(project.folder),
        install={key: value for key, value in install.items() if value},
        build=manager.run(build) if build else None,
    )
    recipe = _noting_lock(project, Recipe(spec).noting(framework, "package.json"))
    if project.place:
        recipe = recipe.noting("A package of a workspace, installed from its lock file", f"{project.place}/package.json")
    return recipe.noting(f"Node.js {asked}", file) if asked else recipe


def _noting_lock(project: NodeProject, recipe: Recipe) -> Recipe:
    manager = project.manager
    others = [lock for name, locks in LOCKS.items() if name != manager.name for lock in locks if project.above.has(lock)]
    if others:
        recipe = recipe.remarking(f"Installed with {manager.title}: {others[0]} is not read; delete it", others[0])
    if manager.lock:
        return recipe.noting(f"Exact dependencies, installed with {TITLES[manager.name]}", manager.lock)
    lock = LOCKS[manager.name][0]
    return recipe.noting(f"Dependencies without a lock file: commit {lock}", manager.because)


def _only_orchestrates(project: NodeProject, server: Recipe) -> bool:
    """Whether the start script at the top of a workspace only starts the scripts of its packages."""
    command = server.spec.command or ()
    passes_on = any(word in ("--filter", "-w", "--workspace", "workspace", "--prefix", "-C", "--cwd") for word in command)
    return project.orchestrates and (passes_on or command[:1] in (("turbo",), ("nx",), ("lerna",)))


def _is_for_others(project: NodeProject) -> bool:
    """Whether the build is for something else: a Python application, Hugo, or the packages of a workspace, which are
    applications of their own."""
    if project.folder.has_any(*PYTHON_APPLICATIONS) or hugo_file(project.folder):
        return True
    build = project.scripts.get("build", "")
    tools = ("turbo", "nx ", "lerna", "--filter", " -r ", "--recursive", "--workspace", "workspaces foreach", "-ws")
    return project.orchestrates and (not build or any(word in f" {build} " for word in tools))
