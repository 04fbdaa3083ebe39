"""Detects Jupyter notebooks, which Voila serves as pages. Used if nothing else in the folder answers visitors."""

from __future__ import annotations

from collections.abc import Iterator

from fairway.drivers.builders.contract import Spec
from fairway.drivers.builders.detection.python import python_base
from fairway.drivers.builders.detection.python_dashboards import judging_notebooks
from fairway.drivers.builders.detection.python_project import PythonProject
from fairway.drivers.builders.detection.recipe import Recipe
from fairway.drivers.builders.detection.source_folder import SourceFolder

SERVES = ("python", "-m", "voila", "--no-browser", "--port={port}", "--Voila.ip={host}")


def detect_notebooks(source: SourceFolder) -> Iterator[Recipe]:
    """The notebooks of the folder itself: a single one as the first page, several as a list."""
    found = source.matching("*.ipynb")
    if not found:
        return
    recipe = python_base(PythonProject(source)) or Recipe(Spec(kind="python"))
    added = [str(package) for package in recipe.spec.install.get("add") or ()]
    recipe = recipe.with_install(add=[*added, *(name for name in ("voila", "ipykernel") if name not in added)])
    words = (*SERVES, found[0] if len(found) == 1 else ".")
    recipe = recipe.changed(framework="Voila", command=words, port=8866, health_path=None)
    recipe = judging_notebooks(source, recipe, found)
    yield recipe.noting("Notebooks, shown as pages by Voila (installed in addition)", found[0])
