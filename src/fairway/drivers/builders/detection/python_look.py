"""A Python folder as the readers of frameworks see it, and what they all add to a recipe."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from fairway.drivers.builders.contract import Spec
from fairway.drivers.builders.detection.python_entries import AppObject
from fairway.drivers.builders.detection.python_imports import listed_in, unlisted
from fairway.drivers.builders.detection.python_project import PythonProject
from fairway.drivers.builders.detection.recipe import Recipe, health_route
from fairway.drivers.builders.detection.source_folder import SourceFolder

# Files whose list of dependencies may be computed, so that what is read may be incomplete.
COMPUTED = ("setup.py", "setup.cfg", "environment.yml", "environment.yaml")


@dataclass(frozen=True)
class Entry:
    """One way to start the application, and the file that it starts."""

    recipe: Recipe
    file: str


class Look:
    """One Python folder: its project, its files, and what it lists. Raises `Undetectable` for declarations that cannot be
    read."""

    def __init__(self, folder: SourceFolder) -> None:
        self.folder = folder
        self.project = PythonProject(folder)
        self.entries = self.project.entries

    @cached_property
    def names(self) -> frozenset[str]:
        """The canonical names of the packages that the project depends on."""
        names = self.project.names
        return names | listed_in(self.folder, self.installer) if self.installer.endswith((".txt", ".in")) else names

    @cached_property
    def installer(self) -> str:
        """The file from which the dependencies are installed; "" if there is none."""
        return self.project.installer

    @property
    def where(self) -> str:
        """The file that lists its dependencies, or would list them, for a sentence."""
        return self.installer or "requirements.txt"

    @cached_property
    def base(self) -> Recipe | None:
        """What holds for any command in this folder: dependencies, Python, version. None if nothing in it is Python."""
        if not self.installer and not self.folder.python_files:
            return None
        return self.project.base(Recipe(Spec(kind="python", version=self.project.version)))

    def lists(self, *packages: str) -> bool:
        """Whether the project lists one of the packages."""
        return not self.names.isdisjoint(packages)

    def run(self, file: str, *command: str) -> tuple[str, ...]:
        """The command that runs a file, with the folder on the module path from which the file imports."""
        folder = self.entries.modules.needs_on_path(file)
        return under(folder, command) if folder else command

    def with_health(self, recipe: Recipe, file: str) -> Recipe:
        """The recipe with the health path that the code around a file declares, if it declares one."""
        return with_health(recipe, health_route(self.entries.source_around(file)))

    def complete(self, recipe: Recipe, file: str, folder: str = "", *, needs: tuple[str, ...] = ()) -> Recipe:
        """The recipe with everything that starting `file` needs: the packages in `needs`, and what its code imports.

        Well-known packages that the project does not list are added, with a finding or a remark about it.
        """
        # A package with a version is always added, because the newest version of a listed package may be too new.
        for package in needs:
            if "<" in package or package not in self.names:
                recipe = _adding(recipe, package).noting(f"{package} is added", f"{self.where} does not list it")
        if self.installer in COMPUTED and not self.names:
            return recipe
        have = self.names | {package.partition("<")[0] for package in recipe.spec.install.get("add", ())}
        add, unknown = unlisted(self.entries, file, folder, have)
        for package in add:
            recipe = _adding(recipe, package)
        if add and self.installer:
            recipe = recipe.remarking(f"{_listed(add)} added: list what the code imports in {self.installer}", file)
        elif add:
            recipe = recipe.noting(f"{_listed(add)} added, because the code imports it", file)
        if unknown:
            what = f"It imports {', '.join(unknown[:8])}, and {self.where} has nothing of that name: list what provides it"
            recipe = recipe.remarking(what, file)
        return recipe


def look_at(folder: SourceFolder) -> Look:
    """The `Look` at a folder, made once per folder."""
    return folder.once("python", lambda: Look(folder))


def with_health(recipe: Recipe, path: str | None) -> Recipe:
    """The recipe with a health path, if there is one."""
    return recipe.changed(health_path=path).noting(f"Health at {path}", "a route of that name") if path else recipe


def fixed(recipe: Recipe, port: int, file: str) -> Recipe:
    """The recipe for a program with a fixed port in its code. In a bundle, which shares its machine, `moved_port`
    replaces the port."""
    what = f"It listens on port {port}, and gets another one where several applications share a machine"
    return recipe.changed(port=port).with_install(listens=port).noting(what, file)


def is_main(file: str) -> bool:
    """Whether a file has a name that people give to the file that starts everything."""
    return PurePosixPath(file).stem.lower() in _MAIN


def under(folder: str, command: tuple[str, ...]) -> tuple[str, ...]:
    """The command with a folder on the module path, for programs that have no option for it."""
    return (f"PYTHONPATH={folder}", *command) if folder else command


def path_option(found: AppObject, option: str) -> tuple[str, ...]:
    """The option that puts the application's folder on the module path, unless it is the top folder."""
    return (option, found.folder) if found.folder else ()


def _adding(recipe: Recipe, package: str) -> Recipe:
    added = recipe.spec.install.get("add", ())
    return recipe if package in added else recipe.with_install(add=[*added, package])


def _listed(packages: tuple[str, ...]) -> str:
    return f"{', '.join(packages)} {'is' if len(packages) == 1 else 'are'}"


_MAIN = frozenset(
    {"main", "app", "application", "manage", "wsgi", "asgi", "server", "run", "home", "index", "streamlit_app", "__init__"}
)
