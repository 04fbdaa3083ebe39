"""Detects Python applications: the framework, the file and the command. Source is parsed, never imported."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fairway.drivers.builders.detection.python_dashboards import DASHBOARDS
from fairway.drivers.builders.detection.python_django import django
from fairway.drivers.builders.detection.python_frameworks import BARE, FRAMEWORKS
from fairway.drivers.builders.detection.python_functions import FUNCTIONS
from fairway.drivers.builders.detection.python_look import Entry, Look, is_main, look_at
from fairway.drivers.builders.detection.python_project import PythonProject
from fairway.drivers.builders.detection.python_scripts import script
from fairway.drivers.builders.detection.recipe import Recipe
from fairway.drivers.builders.detection.source_folder import SourceFolder

_READERS: tuple[Callable[[Look, Recipe], Iterator[Entry]], ...] = (django, *DASHBOARDS, *FRAMEWORKS, *FUNCTIONS)


def detect_python(folder: SourceFolder) -> Iterator[Recipe]:
    """The recipes for a Python folder, the best first. Raises `Undetectable` for declarations that cannot be read.

    If several frameworks are used, an application in a file with the name of a main file comes first.
    """
    look = look_at(folder)
    if look.base is None:
        return
    found = [entry for reader in _READERS for entry in reader(look, look.base)]
    found = found or [entry for reader in BARE for entry in reader(look, look.base)]
    found.sort(key=lambda entry: (bool(entry.recipe.problem), not is_main(entry.file)))
    yield from (entry.recipe for entry in found)
    taken = {entry.file for entry in found if not entry.recipe.problem}
    yield from (entry.recipe for entry in script(look, look.base, taken))


def python_base(project: PythonProject) -> Recipe | None:
    """What holds for any command in this folder: dependencies, Python, version. None if nothing in it is Python."""
    return look_at(project.folder).base
