"""What a Python folder declares: the file with its dependencies, what they are, and the Python it asks for."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from packaging.utils import canonicalize_name

from fairway.drivers.builders.detection.python_entries import Entries
from fairway.drivers.builders.detection.python_manifests import (
    INPUT_FILES,
    LOCK_LARGEST,
    has_setup,
    lines_of,
    names_in,
    requirements_file,
)
from fairway.drivers.builders.detection.python_version import Asked, asked_python
from fairway.drivers.builders.detection.recipe import Recipe, Undetectable, version_file
from fairway.drivers.builders.detection.source_folder import SourceFolder
from fairway.drivers.builders.python_conda import CONDA_FILES
from fairway.drivers.builders.python_pipfile import locked_requirements
from fairway.drivers.builders.python_poetry import poetry_requirements
from fairway.drivers.builders.python_tables import table
from fairway.shared.failures import Refused

TOML_LOCKS = ("uv.lock", "poetry.lock", "pdm.lock")
FOR_SERVING = ("web", "server", "serve", "prod", "production", "deploy", "deployment", "app", "api", "asgi", "wsgi")
NOT_FOR_RUNNING = ("dev", "test", "tests", "testing", "docs", "doc", "lint", "typing", "types", "ci", "build", "all")


class PythonProject:
    """The declarations of a Python folder: the file with its dependencies, and what they are. Raises `Undetectable` for
    files that cannot be read."""

    def __init__(self, folder: SourceFolder) -> None:
        self.folder = folder
        try:
            self.pyproject: dict[str, Any] = folder.toml("pyproject.toml")
        except ValueError as error:
            raise Undetectable(f"pyproject.toml cannot be read: {error}. Correct it.") from error
        self.project: dict[str, Any] = table(self.pyproject, "project")
        self.poetry: dict[str, Any] = table(self.pyproject, "tool", "poetry")
        self.requirements = requirements_file(folder)
        self.entries = Entries(folder)

    @cached_property
    def installer(self) -> str:
        """The file from which the dependencies are installed; "" if there is none. A lock file comes before a list, a
        requirements file before the manifest of a package, and conda's file, which is meant for another installer,
        last."""
        has = self.folder.has
        is_described = bool(self.project or self.poetry)
        choices = (
            ("uv.lock", bool(self.project) and has("uv.lock")),
            ("poetry.lock", is_described and has("poetry.lock")),
            ("pdm.lock", bool(self.project) and has("pdm.lock")),
            ("Pipfile.lock", has("Pipfile") and self._is_locked_by_pipenv),
            (self.requirements or "", bool(self.requirements)),
            ("Pipfile", has("Pipfile")),
            ("pyproject.toml", bool(self.project.get("dependencies") or self.project.get("name") or self.poetry)),
            (has_setup(self.folder), bool(has_setup(self.folder))),
            (self.folder.first(*INPUT_FILES) or "", True),
            (self.folder.first(*CONDA_FILES) or "", True),
        )
        return next((file for file, is_there in choices if is_there and file), "")

    @property
    def _is_locked_by_pipenv(self) -> bool:
        """Whether Pipfile.lock pins anything. One that pins nothing (``{}``) was not made by Pipenv."""
        try:
            return bool(locked_requirements(self.folder.text("Pipfile.lock", largest=LOCK_LARGEST)))
        except Refused as error:
            raise Undetectable(error.sentence, "Pipfile.lock") from error

    @property
    def names(self) -> frozenset[str]:
        """The canonical names of the packages it depends on; for a lock file, all locked ones."""
        return frozenset(self._declared | self._locked() | self._of_extras)

    @cached_property
    def _declared(self) -> set[str]:
        lines = [str(line) for line in self.project.get("dependencies") or ()]
        try:
            lines += lines_of(self.folder, self.requirements) if self.requirements else ()
            lines += lines_of(self.folder, self.installer) if self.installer not in ("pyproject.toml", *TOML_LOCKS) else ()
            lines += poetry_requirements(self.pyproject)
        except Refused as error:
            raise Undetectable(error.sentence, self.installer) from error
        return {name for line in lines for name in names_in(line)}

    def _locked(self) -> set[str]:
        if self.installer not in TOML_LOCKS:
            return set()
        try:
            packages = self.folder.toml(self.installer, largest=LOCK_LARGEST).get("package") or ()
        except ValueError as error:
            raise Undetectable(f"{self.installer} cannot be read: {error}. Lock the dependencies again.") from error
        return {str(canonicalize_name(str(package.get("name", "")))) for package in packages}

    @cached_property
    def _optional(self) -> dict[tuple[str, str], set[str]]:
        """By ("extras" or "groups", name): the packages that this adds. It covers everything that is installed only on
        request."""
        poetry = {name: [str(member) for member in members or ()] for name, members in table(self.poetry, "extras").items()}
        grouped = {name: list(table(wanted, "dependencies")) for name, wanted in table(self.poetry, "group").items()}
        found = {
            "extras": {**poetry, **table(self.project, "optional-dependencies")},
            "groups": {**grouped, **table(self.pyproject, "dependency-groups")},
        }
        return {
            (kind, name): {each for line in lines if isinstance(line, str) for each in names_in(line)}
            for kind, options in found.items()
            for name, lines in options.items()
            if isinstance(lines, list)
        }

    @cached_property
    def chosen(self) -> dict[str, list[str]]:
        """The ``extras`` and ``groups`` that the application needs to run: those with a package that the code imports and
        no other dependency provides, and those with a name for serving."""
        if self.installer not in ("pyproject.toml", *TOML_LOCKS):
            return {}
        imported = {
            str(canonicalize_name(name)) for file in self.folder.python_files for name in self.entries.imports_of(file)
        }
        missing = imported - self._declared
        found: dict[str, list[str]] = {}
        for (kind, name), members in self._optional.items():
            is_meant = name.lower() in FOR_SERVING or (members & missing and name.lower() not in NOT_FOR_RUNNING)
            if is_meant and members - self._declared:
                found.setdefault(kind, []).append(name)
        return found

    @property
    def _of_extras(self) -> set[str]:
        chosen = {(kind, name) for kind, names in self.chosen.items() for name in names}
        return {each for key in chosen for each in self._optional[key]}

    @cached_property
    def asked(self) -> Asked:
        """The Python asked for, and the file that asks for it."""
        return asked_python(self.folder)

    @property
    def python(self) -> str:
        """The Python asked for, in uv's form (``>=3.11``, ``3.11``); "" if no file asks for one."""
        return self.asked.text

    def base(self, recipe: Recipe) -> Recipe:
        """The recipe with what holds for any command here: dependencies, Python, and a problem if that Python is not
        supported."""
        options = {"from": self.installer, "python": self.python, **self.chosen}
        recipe = recipe.with_install(**{key: value for key, value in options.items() if value})
        if self.installer:
            recipe = recipe.noting("Python dependencies", self.installer)
        else:
            recipe = recipe.noting("Python without dependencies", "no requirements.txt or pyproject.toml lists any")
        for kind, names in self.chosen.items():
            recipe = recipe.noting(f"Installed as well: {', '.join(names)}", f"the {kind} of pyproject.toml that it needs")
        if self.asked.ignored:
            recipe = recipe.remarking(self.asked.ignored, self.asked.ignored.partition(" ")[0])
        if self.python:
            recipe = recipe.noting(f"Python {self.python}", self.asked.file)
        return recipe.blocked(self.asked.problem) if self.asked.problem else recipe

    @property
    def version(self) -> str:
        """The version of the application that its manifest or a ``VERSION`` file states; "" if none does."""
        declared = self.project.get("version") or self.poetry.get("version")
        return declared if isinstance(declared, str) else version_file(self.folder)
