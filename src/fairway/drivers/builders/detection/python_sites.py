"""Static sites that a Python program builds: MkDocs, Sphinx, Pelican."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fairway.drivers.builders.contract import Spec
from fairway.drivers.builders.detection.python_imports import listed_in
from fairway.drivers.builders.detection.python_look import Look, look_at
from fairway.drivers.builders.detection.python_modules import folder_of
from fairway.drivers.builders.detection.recipe import Recipe
from fairway.drivers.builders.detection.source_folder import SourceFolder

_THEME = re.compile(
    r"^theme:\s*(?:[\"']?(?P<short>[\w-]+)[\"']?\s*$|\n(?:[ \t]+[^\n]*\n){0,20}?[ \t]+name:\s*[\"']?(?P<name>[\w-]+))", re.M
)
_SPHINX = re.compile(r"^(?:extensions|html_theme|project)\s*=", re.M)


def detect_python_sites(folder: SourceFolder) -> Iterator[Recipe]:
    """The sites of a folder, each with the command that builds it and the folder to publish."""
    look = look_at(folder)
    base = look.base or Recipe(Spec(kind="python"))
    yield from _mkdocs(look, base)
    yield from _sphinx(look, base)
    yield from _pelican(look, base)


def _mkdocs(look: Look, base: Recipe) -> Iterator[Recipe]:
    file = look.folder.first("mkdocs.yml", "mkdocs.yaml")
    if file:
        match = _THEME.search(look.folder.text(file))
        theme = (match["short"] or match["name"]) if match else ""
        needs = "mkdocs-material" if theme == "material" else "mkdocs"
        added = () if look.lists("mkdocs-material") else (needs,)
        yield _site(look, base, "MkDocs", file, ("mkdocs", "build", "-d", "site"), "site", added)


def _sphinx(look: Look, base: Recipe) -> Iterator[Recipe]:
    for file in ("docs/source/conf.py", "docs/conf.py", "source/conf.py", "conf.py", "doc/conf.py"):
        if _SPHINX.search(look.folder.text(file)) and (look.lists("sphinx") or look.folder.has(_beside(file, "index.rst"))):
            command = ("sphinx-build", "-b", "html", folder_of(file) or ".", "_site")
            yield _site(look, base, "Sphinx", file, command, "_site", ("sphinx",))
            return


def _pelican(look: Look, base: Recipe) -> Iterator[Recipe]:
    if look.folder.has("pelicanconf.py"):
        settings = look.folder.first("publishconf.py", "pelicanconf.py") or ""
        command = ("pelican", "content", "-o", "output", "-s", settings)
        yield _site(look, base, "Pelican", settings, command, "output", ("pelican", "markdown"))


def _beside(file: str, name: str) -> str:
    return f"{folder_of(file)}/{name}".lstrip("/")


def _site(
    look: Look, base: Recipe, framework: str, file: str, command: tuple[str, ...], publish: str, needs: tuple[str, ...]
) -> Recipe:
    """The recipe of a site. If the documentation has its own list of dependencies, that list is used."""
    install = {**base.spec.install, "publish": publish, "by": "python"}
    own = look.folder.first("docs/requirements.txt", "requirements-docs.txt", "doc/requirements.txt")
    listed = look.names
    if own and not look.lists(*needs):
        install["from"] = own
        listed = listed_in(look.folder, own)
    spec = Spec(
        kind="static", framework=framework, health_path="/", version=base.spec.version, build=command, install=install
    )
    recipe = Recipe(spec, base.findings).noting(framework, file)
    missing = [package for package in needs if package not in listed]
    for package in missing:
        recipe = recipe.noting(f"{package} is added", f"{own or look.where} does not list it")
    return recipe.with_install(add=missing) if missing else recipe
