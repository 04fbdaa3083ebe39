"""Reads what a source declares for other platforms: start, build and release commands, published folder, health path,
variables.

Only keys that mean the same here are used. A Procfile, ``fairway.yaml`` and a person's changes overrule them. What cannot be
used and matters becomes a remark. Sources: the reference pages of Railway, Nixpacks, Render, Fly.io, Heroku (app.json),
Vercel, Netlify, App Engine and Cloud Foundry's Staticfile.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fairway.drivers.builders.command_line import AND, join_command, programs_of, split_command
from fairway.drivers.builders.contract import Finding, Spec
from fairway.drivers.builders.detection.recipe import Recipe
from fairway.drivers.builders.detection.source_folder import SourceFolder
from fairway.drivers.builders.detection.start_words import INSTALLS
from fairway.shared.names import Invalid, parse_relative_path, parse_variable
from fairway.shared.yaml_with_lines import Item, root_of

_NODE = frozenset({"npm", "npx", "pnpm", "yarn", "bun", "node", "vite", "next", "tsc", "turbo"})
_PYTHON = re.compile(r"python[\d.]*|flask|django-admin|mkdocs|sphinx-build|pelican|reflex|alembic")
_OURS = frozenset({"PORT", "HOST"})
_STARTED = ("python", "node", "program")


@dataclass(frozen=True)
class Declared:
    """What one file declares. Each field is "" or empty if the file does not declare it."""

    file: str
    start: str = ""
    build: str = ""
    release: str = ""
    publish: str = ""
    health: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def declared_for_platforms(source: SourceFolder) -> tuple[Declared, ...]:
    """What each such file in the top folder declares. A file that cannot be read declares nothing and gives a remark."""

    def read() -> tuple[Declared, ...]:
        found = []
        for file, reader in READERS:
            if source.has(file):
                try:
                    declared = reader(source, file)
                except (ValueError, Invalid, AttributeError, TypeError):
                    declared = Declared(file, remarks=("Not used: it cannot be read",))
                found.append(declared)
        return tuple(found)

    return source.once("platform files", read)


def started_by(source: SourceFolder) -> tuple[str, tuple[str, ...], dict[str, str]] | None:
    """(file, words, variables) of the first start command that can be used; None if no file has one."""
    for declared in declared_for_platforms(source):
        if declared.start:
            try:
                variables, words = split_command(declared.start, field=declared.file)
            except Invalid:
                continue
            return declared.file, words, variables
    return None


def with_platform_files(source: SourceFolder, recipes: Sequence[Recipe]) -> list[Recipe]:
    """The recipes with what the files of other platforms declare, and with a site that only they name."""
    files = declared_for_platforms(source)
    found = [_with_declared(source, recipe, files) for recipe in recipes]
    remarks = tuple(
        Finding(text, declared.file) for declared in files for text in (*declared.remarks, *_unused_commands(declared))
    )
    published = next(
        (declared for declared in files if declared.publish and source.has(f"{declared.publish}/index.html")), None
    )
    if published and not any(recipe.spec.kind == "static" for recipe in recipes):
        spec = Spec(kind="static", framework="Static site", health_path="/", install={"publish": published.publish})
        found.append(Recipe(spec).noting(f"Serves the folder {published.publish}", published.file))
    return [replace(first, remarks=(*first.remarks, *remarks)) for first in found[:1]] + found[1:]


def _with_declared(source: SourceFolder, recipe: Recipe, files: Sequence[Declared]) -> Recipe:
    if recipe.spec.root not in ("", "."):
        return recipe
    for declared in reversed(files):  # the first file overrules the others, so it is applied last
        if declared.health and recipe.spec.kind in _STARTED:
            recipe = recipe.changed(health_path=declared.health).noting(f"Health at {declared.health}", declared.file)
        is_another = recipe.spec.kind == "static" and recipe.spec.install.get("publish") != declared.publish
        if declared.publish and is_another and (recipe.spec.build or source.has(f"{declared.publish}/index.html")):
            recipe = recipe.with_install(publish=declared.publish).noting(
                f"Serves the folder {declared.publish}", declared.file
            )
        if recipe.spec.kind in _STARTED:
            recipe = _with_variables(recipe, declared)
        recipe = _with_commands(recipe, declared)
    return recipe


def _with_variables(recipe: Recipe, declared: Declared) -> Recipe:
    given = {name: text for name, text in declared.environment.items() if name not in recipe.spec.environment}
    if not given:
        return recipe
    recipe = recipe.changed(environment={**recipe.spec.environment, **given})
    return recipe.noting(f"Variables: {', '.join(given)}", declared.file)


def _with_commands(recipe: Recipe, declared: Declared) -> Recipe:
    build = _without_installs(declared.build)
    if build and _fits(recipe.spec, build):
        recipe = recipe.changed(build=build).noting("Built as it says", declared.file)
    elif build and recipe.spec.kind in _STARTED and not recipe.problem:
        what = f"“{join_command(build)[:80]}” is not run: it is for another language than the {recipe.spec.kind} application"
        recipe = recipe.remarking(f"{what}; run it yourself and commit what it makes", declared.file)
    release = _without_installs(declared.release)
    if release and recipe.spec.kind in _STARTED and recipe.spec.release is None:
        recipe = recipe.changed(release=release).noting("Runs once before each new version starts", declared.file)
    return recipe


def _without_installs(line: str) -> tuple[str, ...]:
    """A build command without the programs that install dependencies, which Fairway does itself. Empty if nothing is
    left, or if it runs a script, which may install anything."""
    try:
        variables, words = split_command(line) if line else ({}, ())
        programs = programs_of(words) if words else ()
    except Invalid:
        return ()
    kept = [program for program in programs if not INSTALLS.fullmatch(" ".join(program.argv))]
    if any(program.argv[0].endswith(".sh") or program.argv[0] in ("sh", "bash") for program in kept):
        return ()
    found: list[str] = []
    for program in kept:
        assigned = {**(variables if program is programs[0] else {}), **program.variables}
        found += [AND] if found else []
        found += [*(f"{name}={text}" for name, text in assigned.items()), *program.argv]
    return tuple(found)


def _unused_commands(declared: Declared) -> list[str]:
    """Remarks about commands that a file declares and that are not run."""
    found = []
    if declared.start:
        try:
            split_command(declared.start)
        except Invalid as error:
            found.append(f"Its start command is not used: it {error.sentence}")
    if re.search(r"\.sh\b", declared.build):
        found.append(f"“{declared.build[:60]}” is not run: put what it does after installing into “build” of fairway.yaml")
    return found


def _fits(spec: Spec, build: Sequence[str]) -> bool:
    """Whether the build command belongs to the recipe's language."""
    words = {program.argv[0] for program in programs_of(build)}
    if spec.kind == "node" or (spec.kind == "static" and spec.build):
        return bool(words & _NODE)
    return spec.kind == "python" and any(_PYTHON.fullmatch(word) for word in words)


# -- the files


def _railway(source: SourceFolder, file: str) -> Declared:
    data = source.toml(file) if file.endswith(".toml") else source.json(file)
    build, deploy = _table(data, "build"), _table(data, "deploy")
    return Declared(
        file,
        start=_line(deploy.get("startCommand")),
        build=_line(build.get("buildCommand")),
        release=_line(deploy.get("preDeployCommand")),
        health=_path(deploy.get("healthcheckPath")),
    )


def _nixpacks(source: SourceFolder, file: str) -> Declared:
    data = source.toml(file)
    commands = _table(_table(data, "phases"), "build").get("cmds")
    return Declared(
        file,
        start=_line(_table(data, "start").get("cmd")),
        build=_line(commands) if "..." not in (commands or ()) else "",
        environment=_variables(_table(data, "variables")),
    )


def _railpack(source: SourceFolder, file: str) -> Declared:
    return Declared(file, start=_line(_table(source.json(file), "deploy").get("startCommand")))


def _render(source: SourceFolder, file: str) -> Declared:
    services = root_of(source.text(file), file).get("services")
    for service in services.sequence() if services else ():
        runtime = _word(service, "runtime") or _word(service, "env")
        is_here = _word(service, "rootDir") in ("", ".", "./")
        if _word(service, "type") in ("web", "static") and runtime not in ("docker", "image") and is_here:
            listed = service.get("envVars")
            pairs = [(_word(pair, "key"), pair.get("value")) for pair in (listed.sequence() if listed else ())]
            return Declared(
                file,
                start=_word(service, "startCommand"),
                build=_word(service, "buildCommand"),
                release=_word(service, "preDeployCommand"),
                publish=_folder(_word(service, "staticPublishPath")),
                health=_path(_word(service, "healthCheckPath")),
                environment=_variables(
                    {name: value.text() for name, value in pairs if value is not None and value.is_text()}
                ),
            )
    return Declared(file)


def _fly(source: SourceFolder, file: str) -> Declared:
    data = source.toml(file)
    processes, checks = _table(data, "processes"), _table(data, "http_service").get("checks")
    first = checks[0] if isinstance(checks, list) and checks else {}
    return Declared(
        file,
        start=_line(processes.get("app") or processes.get("web")),
        release=_line(_table(data, "deploy").get("release_command")),
        health=_path(first.get("path")),
        environment=_variables(_table(data, "env")),
    )


def _heroku(source: SourceFolder, file: str) -> Declared:
    """``app.json``. React Native and Expo have a file of that name, too, with other keys."""
    data = source.json(file)
    env = {name: entry.get("value") if isinstance(entry, dict) else entry for name, entry in _table(data, "env").items()}
    after = _table(data, "scripts").get("postdeploy")
    remarks = (f"“{_line(after)[:60]}” is not run after the first deployment; run it yourself",) if after else ()
    return Declared(file, environment=_variables(env), remarks=remarks)


def _vercel(source: SourceFolder, file: str) -> Declared:
    data = source.json(file)
    builds = [build for build in data.get("builds") or () if "static" not in str(build.get("use"))]
    has_functions = bool(data.get("functions")) or len(builds) > 1 or any("*" in str(build.get("src")) for build in builds)
    remarks = ("Functions are not run: Fairway runs one server that answers every path",) if has_functions else ()
    return Declared(
        file, build=_line(data.get("buildCommand")), publish=_folder(data.get("outputDirectory")), remarks=remarks
    )


def _netlify(source: SourceFolder, file: str) -> Declared:
    build = _table(source.toml(file), "build")
    is_elsewhere = str(build.get("base") or ".").strip("/") not in ("", ".")
    remarks = ("Functions are not run: Fairway runs one server that answers every path",) if build.get("functions") else ()
    if is_elsewhere:
        return Declared(file, remarks=remarks)
    return Declared(file, build=_line(build.get("command")), publish=_folder(build.get("publish")), remarks=remarks)


def _app_engine(source: SourceFolder, file: str) -> Declared:
    top = root_of(source.text(file), file)
    if not _word(top, "runtime"):
        return Declared(file)
    listed = top.get("env_variables")
    given = {entry.key: entry.value.text() for entry in listed.entries if entry.value.is_text()} if listed else {}
    return Declared(file, start=_word(top, "entrypoint"), environment=_variables(given))


def _staticfile(source: SourceFolder, file: str) -> Declared:
    found = re.search(r"^root:\s*(\S+)", source.text(file), re.M)
    return Declared(file, publish=_folder(found[1] if found else ""))


READERS: tuple[tuple[str, Callable[[SourceFolder, str], Declared]], ...] = (
    ("railway.json", _railway),
    ("railway.toml", _railway),
    ("railpack.json", _railpack),
    ("nixpacks.toml", _nixpacks),
    ("render.yaml", _render),
    ("fly.toml", _fly),
    ("app.json", _heroku),
    ("app.yaml", _app_engine),
    ("vercel.json", _vercel),
    ("now.json", _vercel),
    ("netlify.toml", _netlify),
    ("Staticfile", _staticfile),
)


def _table(data: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _line(value: object) -> str:
    """A command, or a list of several, as one line."""
    if isinstance(value, list):
        return f" {AND} ".join(str(command).strip() for command in value if str(command).strip())
    return value.strip() if isinstance(value, str) else ""


def _word(item: Item, key: str) -> str:
    found = item.get(key)
    return found.text().strip() if found is not None and found.is_text() else ""


def _folder(value: object) -> str:
    text = str(value or "").strip().removeprefix("./").rstrip("/")
    if not text or text == ".":
        return ""
    try:
        return str(parse_relative_path(text, field="publish"))
    except Invalid:
        return ""


def _path(value: object) -> str:
    return value if isinstance(value, str) and re.fullmatch(r"/[!-~]{0,200}", value) else ""


def _variables(values: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for name, value in values.items():
        try:
            parse_variable(str(name), field="environment")
        except Invalid:
            continue
        if isinstance(value, str | int | float) and name not in _OURS and "${" not in str(value):
            found[str(name)] = str(value).lower() if isinstance(value, bool) else str(value)
    return found
