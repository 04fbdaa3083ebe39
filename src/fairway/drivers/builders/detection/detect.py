"""Finds out what a folder holds and every way to run it. It only reads files and executes nothing.

Readers look at the folder one after another, in the order of `READERS`. A reader that finds nothing, or a file it cannot
use, does not stop the next one: the error becomes a remark, and the advice if nothing else is found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from fairway.drivers.builders.contract import Candidate, Detection, Finding
from fairway.drivers.builders.detection.compose import FILES as COMPOSE_FILES
from fairway.drivers.builders.detection.compose_services import built_services, image_services
from fairway.drivers.builders.detection.dockerfile import main_dockerfile, other_dockerfiles
from fairway.drivers.builders.detection.languages import detect_languages, language_base
from fairway.drivers.builders.detection.nested import detect_nested
from fairway.drivers.builders.detection.notebooks import detect_notebooks
from fairway.drivers.builders.detection.others import detect_others, servers_first
from fairway.drivers.builders.detection.platform_files import with_platform_files
from fairway.drivers.builders.detection.python_functions import handler_of
from fairway.drivers.builders.detection.python_look import look_at
from fairway.drivers.builders.detection.python_scripts import LISTENS, SCRIPTS
from fairway.drivers.builders.detection.python_sites import detect_python_sites
from fairway.drivers.builders.detection.python_syntax import called
from fairway.drivers.builders.detection.recipe import Recipe, Undetectable
from fairway.drivers.builders.detection.settings_file import FILES, Settings, read_settings
from fairway.drivers.builders.detection.sites import detect_sites
from fairway.drivers.builders.detection.source_folder import SourceFolder
from fairway.drivers.builders.detection.static import detect_static
from fairway.shared.names import Invalid, parse_relative_path

NOTHING = (
    "Nothing here says how to run it. Say how to start it, or add one of: a Dockerfile; a Procfile with “web: …”; "
    "requirements.txt or pyproject.toml beside a Python application; a package.json with a start script; or an index.html."
)
READERS: tuple[Callable[[SourceFolder], Iterator[Recipe]], ...] = (
    main_dockerfile,
    built_services,
    detect_languages,
    detect_python_sites,
    detect_sites,
    detect_others,
    detect_static,
    image_services,
    detect_nested,
    other_dockerfiles,
    detect_notebooks,
)


@dataclass
class _Results:
    """What the readers have found so far."""

    recipes: list[Recipe] = field(default_factory=list)
    wrong: list[Finding] = field(default_factory=list)

    def run(self, reader: Callable[[SourceFolder], Iterator[Recipe]], source: SourceFolder) -> None:
        try:
            self.recipes.extend(reader(source))
        except Undetectable as error:
            self.wrong.append(Finding(error.sentence, error.file))
        except Invalid as error:
            self.wrong.append(Finding(f"{error.field}: {error.sentence}", error.field.partition(",")[0]))


def detect(folder: Path, *, root: str = ".") -> Detection:
    """All ways to run `folder` (or `root` inside it), the best first. Never raises for what the folder contains.

    Raises `Invalid` if `root` leaves the folder or does not exist.
    """
    source = folder_at(folder, root)
    try:
        settings = read_settings(source)
    except Invalid as error:
        return Detection(advice=f"{error.field}: {error.sentence}")
    if settings.root and root in ("", "."):
        inner = detect(folder, root=settings.root)
        found = tuple(replace(candidate, spec=settings.over(candidate.spec)) for candidate in inner.candidates)
        return replace(inner, candidates=found)
    results = _Results()
    for reader in READERS:
        results.run(reader, source)
    recipes = with_platform_files(source, servers_first(sorted(results.recipes, key=_is_documentation)))
    candidates = [_candidate(recipe, root) for recipe in recipes]
    if settings.says_something:
        candidates = [replace(candidate, spec=settings.over(candidate.spec)) for candidate in settings.preferred(candidates)]
    if settings.kind and all(candidate.problem for candidate in candidates):
        told = _Results(wrong=results.wrong)
        told.run(lambda source: _as_told(source, settings), source)
        candidates = [*(_candidate(recipe, root) for recipe in told.recipes), *candidates]
    remarks = tuple(
        dict.fromkeys([*results.wrong, *(remark for recipe in recipes if recipe.problem for remark in recipe.remarks)])
    )
    return Detection(tuple(_distinct(candidates)), _advice(source, results, candidates), remarks)


def _as_told(source: SourceFolder, settings: Settings) -> Iterator[Recipe]:
    """What ``fairway.yaml`` alone describes, with the dependencies that the files of its language list."""
    yield Recipe(settings.over(language_base(source, settings.kind))).noting("As it is told", FILES[0])


def folder_at(folder: Path, root: str) -> SourceFolder:
    """The folder `root` of a source. Raises `Invalid` if it leaves the source or does not exist."""
    if root not in ("", "."):
        parse_relative_path(root, field="root")
    source = SourceFolder(folder / root, top=folder)
    if not source.place.is_dir() or not source.place.is_relative_to(folder.resolve()):
        raise Invalid("root", "“{root}” is not a folder of this source; choose one that is.", root=root)
    return source


def _candidate(recipe: Recipe, root: str) -> Candidate:
    spec = recipe.spec if root in ("", ".") else replace(recipe.spec, root=_joined(root, recipe.spec.root))
    return Candidate(spec, recipe.findings, recipe.problem, recipe.offer, recipe.remarks)


def _is_documentation(recipe: Recipe) -> bool:
    """Whether a recipe publishes ``docs``: such pages are mostly about the application, which may lie in another folder."""
    return recipe.spec.kind == "static" and recipe.spec.install.get("publish") == "docs"


def _joined(root: str, inner: str) -> str:
    return root if inner == "." else inner if root in ("", ".") else f"{root.rstrip('/')}/{inner}"


def _distinct(candidates: list[Candidate]) -> list[Candidate]:
    """The candidates without duplicates: of those that run the same thing in the same way, the first, with the remarks of
    all. One that a compose file describes takes the first one's place, because the file also says what belongs to it."""
    found: dict[str, Candidate] = {}
    for candidate in candidates:
        spec = candidate.spec
        key = f"{spec.kind} {spec.root} {spec.command} {spec.install} {candidate.problem}"
        first = found.setdefault(key, candidate)
        kept = candidate if _is_composed(candidate) and not _is_composed(first) else first
        found[key] = replace(kept, remarks=tuple(dict.fromkeys([*first.remarks, *candidate.remarks])))
    return list(found.values())


def _is_composed(candidate: Candidate) -> bool:
    return any(finding.because in COMPOSE_FILES for finding in candidate.findings)


_BOTS = {
    "Telegram": ("telegram", "telebot", "aiogram", "pyrogram", "telethon"),
    "Discord": ("discord", "nextcord", "disnake", "hikari"),
    "Slack": ("slack_bolt",),
}


def _bot(source: SourceFolder) -> str:
    """The service for which the Python files make a bot, by what they import; "" if there is none."""
    text = "\n".join(source.text(file) for file in source.python_files[:40])
    imported = set(re.findall(r"^[ \t]*(?:import|from)\s+(\w+)", text, re.M))
    return next((whose for whose, names in _BOTS.items() if not imported.isdisjoint(names)), "")


def _tool(source: SourceFolder) -> str:
    """The name of the first program that the project installs; "" if it installs none."""
    try:
        project = source.toml("pyproject.toml")
    except ValueError:
        return ""
    tables = (project.get("project"), (project.get("tool") or {}).get("poetry"))
    scripts = [table.get("scripts") for table in tables if isinstance(table, dict)]
    return next(
        (str(name) for table_of_scripts in scripts if isinstance(table_of_scripts, dict) for name in table_of_scripts), ""
    )


def _is_mcp_over_stdio(source: SourceFolder, file: str) -> bool:
    """Whether a file is a server of the Model Context Protocol that uses standard input and output."""
    found = look_at(source).entries.source(file)
    return bool(found.imports & {"mcp", "fastmcp"}) and any(called(call) == "run" for call in found.calls)


def _silent(source: SourceFolder) -> str:
    """A program without a web server: the one with the name of a main file, or the only one; "" if any file can listen on
    a port."""
    look = look_at(source)
    files = [file for file in source.python_files if "/" not in file and file != "setup.py"]
    if any(look.entries.imports_of(file) & LISTENS for file in source.python_files):
        return ""
    main = next((name for name in (f"{stem}.py" for stem in SCRIPTS) if name in files), "")
    return main or (files[0] if len(files) == 1 else "")


def _is_library(source: SourceFolder) -> bool:
    try:
        project = source.toml("pyproject.toml")
    except ValueError:
        return False
    return "build-system" in project and not (project.get("project") or {}).get("scripts")


def _advice(source: SourceFolder, results: _Results, candidates: list[Candidate]) -> str:
    """What to do if nothing can be run as it is: the problem of the best candidate, the first error of a reader, or what
    to add."""
    if any(not candidate.problem for candidate in candidates):
        return ""
    if candidates:
        return candidates[0].problem
    if results.wrong:
        return results.wrong[0].what
    if source.has("package.json"):
        return (
            "package.json starts nothing: add “start” under “scripts”, e.g. “node server.js”, or “build” for a static site."
        )
    if bot := _bot(source):
        return (
            f"This is a {bot} bot: it answers no visitors, and Fairway runs what answers over HTTP. Let it serve a page "
            "beside it, or take its webhook as that page."
        )
    if whose := handler_of(source):
        return (
            f"This is {whose}, which only its platform calls: Fairway runs one server that answers over HTTP. Put a web "
            "framework around it, e.g. Flask or FastAPI."
        )
    if tool := _tool(source):
        return (
            f"This is a program for the command line ({tool} in pyproject.toml), and answers no visitors: Fairway runs what "
            "answers over HTTP. If it has a command that serves pages, say it as the start command."
        )
    if source.has("pyproject.toml") and _is_library(source):
        return (
            "This is a Python library (pyproject.toml): it starts nothing. Say how to start it, or deploy an application "
            "that uses it."
        )
    if server := next((file for file in source.python_files if _is_mcp_over_stdio(source, file)), ""):
        return (
            f"{server} is an MCP server that speaks with the program which starts it: let it answer over HTTP instead, with "
            "FastMCP(host=“0.0.0.0”, port=int(os.environ[“PORT”])) and run(transport=“streamable-http”)."
        )
    if main := _silent(source):
        return (
            f"{main} answers no visitors: nothing here starts a web server, and Fairway runs what answers over HTTP. Let it "
            "serve a page beside what it does; if something else serves pages, say how to start it."
        )
    if source.python_files:
        return (
            "There is Python here, but no application that was recognised: say how to start it, let a script read PORT from "
            "the environment, or write a Procfile with “web: python …”."
        )
    return NOTHING if any(source.place.iterdir()) else f"The folder is empty. {NOTHING}"
