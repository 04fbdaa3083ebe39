"""Detects Python and Node.js applications, and starts them as a Procfile says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from fairway.drivers.builders.contract import Spec
from fairway.drivers.builders.detection.node import detect_node, node_base
from fairway.drivers.builders.detection.others import PROGRAMS as OTHER_PROGRAMS
from fairway.drivers.builders.detection.others import command_of, detect_others, offered, unblocked
from fairway.drivers.builders.detection.platform_files import started_by
from fairway.drivers.builders.detection.procfile import Procfile, parse_procfile
from fairway.drivers.builders.detection.python import detect_python, python_base
from fairway.drivers.builders.detection.python_project import PythonProject
from fairway.drivers.builders.detection.recipe import Recipe, Undetectable, version_of
from fairway.drivers.builders.detection.source_folder import SourceFolder
from fairway.drivers.builders.detection.start_words import Start, code_folder, for_here
from fairway.drivers.builders.detection.static import detect_static
from fairway.shared.names import Invalid

_PYTHON = (
    "python",
    "gunicorn",
    "uvicorn",
    "hypercorn",
    "daphne",
    "waitress",
    "flask",
    "streamlit",
    "panel",
    "gradio",
    "bokeh",
    *("bottle", "celery", "chainlit", "django-admin", "marimo", "mesop", "sanic", "shiny", "voila"),
)
_NODE = ("node", "npm", "npx", "yarn", "pnpm", "bun")


def detect_languages(source: SourceFolder) -> Iterator[Recipe]:
    """The application that a Procfile starts, then all other applications found in the folder."""
    wrong: list[Undetectable | Invalid] = []
    for reader in (_procfile, detect_python, detect_node):
        try:
            yield from reader(source)
        except (Undetectable, Invalid) as error:  # a broken manifest of one language must not hide other languages
            wrong.append(error)
    if wrong:
        raise wrong[0]


def language_base(source: SourceFolder, kind: str) -> Spec:
    """What holds for any command of this kind in the folder: dependencies, language version, and version of the
    application."""
    recipe = None
    if kind == "python":
        recipe = python_base(PythonProject(source))
    elif kind == "node":
        recipe = node_base(source)
    return recipe.spec if recipe else Spec(kind=kind, version=version_of(source))


def _procfile(source: SourceFolder) -> Iterator[Recipe]:
    if source.has("Procfile"):
        file, what = "Procfile", "the web line"
        procfile = parse_procfile(source.text(file))
    elif (started := started_by(source)) is not None:
        file, what = started[0], "the start command"
        procfile = Procfile(started[1], started[2])
    else:
        return
    start = for_here(source, procfile.command)
    inner = SourceFolder(source.place / start.folder, top=source.top) if start.folder else source
    try:
        recipe = _below(inner, start.words)
    except Undetectable:
        if file == "Procfile":
            raise
        return  # another platform's file may start something that only that platform has
    release = for_here(source, procfile.release) if procfile.release else Start(())
    if start.folder:
        recipe = recipe.changed(root=start.folder).noting(f"The application in {start.folder}", f"{file} goes there")
    elif (folder := code_folder(start.words)) and not recipe.spec.install.get("from"):
        recipe = _with_list_of(source, folder, recipe)
    spec = replace(
        recipe.spec,
        command=command_of(recipe.spec, start.words),
        environment={**recipe.spec.environment, **procfile.environment},
        release=(release.words if release.folder == start.folder else None) or recipe.spec.release,
        services=_services(source, recipe.spec, procfile, start.folder),
    )
    recipe = offered(replace(recipe, spec=spec, offer="").noting(f"Started by {what}", file))
    if procfile.release:
        recipe = recipe.noting("Runs once before each new version starts: the release line", "Procfile")
    if spec.services:
        recipe = recipe.noting(f"Runs beside it: {', '.join(spec.services)}", file)
    if procfile.others:
        recipe = recipe.remarking(f"Not started: {', '.join(procfile.others)}", "such a program ends when its work is done")
    if elsewhere := [name for name in procfile.services if name not in spec.services]:
        recipe = recipe.remarking(f"Not started: {', '.join(elsewhere)}", "it starts in another folder than the web line")
    yield recipe


def _services(source: SourceFolder, spec: Spec, procfile: Procfile, folder: str) -> dict[str, dict[str, Any]]:
    """The process types that start in the folder of the web line: only the dependencies of that folder are installed."""
    found: dict[str, dict[str, Any]] = {}
    for name, differs in procfile.services.items():
        start = for_here(source, tuple(differs["command"]))
        if start.folder == folder:
            found[name] = {**differs, "command": list(command_of(spec, start.words) or start.words)}
    return found


def _with_list_of(source: SourceFolder, folder: str, recipe: Recipe) -> Recipe:
    """The recipe with the packages listed in the folder of the code. Used if the top folder lists none."""
    list_of = f"{folder}/requirements.txt"
    if recipe.spec.kind != "python" or not source.has(list_of):
        return recipe
    return recipe.with_install(**{"from": list_of}).noting(
        f"Dependencies from {list_of}", "the command runs code of that folder"
    )


def _below(source: SourceFolder, command: tuple[str, ...]) -> Recipe:
    """The recipe for the language of a start command: with a framework if one is found, otherwise with the dependencies
    alone."""
    words = [word.rpartition("/")[2] for word in command]
    other = next(detect_others(source), None)
    if other is not None and any(word in OTHER_PROGRAMS or word.startswith("heroku-php") for word in words):
        return unblocked(other)
    python = next(detect_python(source), None) or python_base(PythonProject(source))
    node = next((recipe for recipe in detect_node(source) if recipe.spec.kind == "node"), None) or node_base(source)
    if node is None or any(word.startswith(_PYTHON) for word in words):
        if python is None and any(word.startswith(_PYTHON) for word in words):
            python = Recipe(Spec(kind="python")).noting("Python without dependencies", "only the Procfile speaks of Python")
        found = python or node
    else:
        found = node if any(word in _NODE for word in words) else python or node
    if found is None and other is not None:
        return unblocked(other)
    if found is None:
        static = next(detect_static(source), None)
        advice = (
            "add requirements.txt, pyproject.toml or package.json"
            if static is None
            else "take the line out to serve the files"
        )
        raise Undetectable(f"Procfile: there is no language below it that Fairway starts; {advice}.", "Procfile")
    return found
