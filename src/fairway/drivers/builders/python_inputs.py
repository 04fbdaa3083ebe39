"""Reads from lock files and requirement files what a Python environment is made from. It installs nothing."""

from __future__ import annotations

import posixpath
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fairway.drivers.builders.python_conda import CONDA_FILES, conda_requirements
from fairway.drivers.builders.python_partners import partners
from fairway.drivers.builders.python_pipfile import locked_requirements, pipfile_requirements
from fairway.drivers.builders.python_poetry import pins_of, poetry_requirements
from fairway.drivers.builders.python_tables import table
from fairway.shared.failures import Refused
from fairway.shared.source_text import read_source

_LOCAL = re.compile(r"^[ \t]*(?:-e\b|--editable\b|\.{1,2}(?:/|$|\[|\s)|/|file:)|@\s*(?:file:|\.)", re.M)
_EDITABLE = re.compile(r"^[ \t]*(?:-e|--editable)[ =]*(?=[./])", re.M)
_EDITABLE_FILE = re.compile(r"^[ \t]*(?:-e|--editable)[ =]*file:(?:(?://)?(?=\.)|(?=[\w-]))", re.M)
_FROM_REPOSITORY = re.compile(r"^[ \t]*(?:-e|--editable)[ =]*(?P<where>(?:git|hg|svn|bzr)\+\S+)", re.M)
_EGG = re.compile(r"[#&]egg=(?P<name>[\w.-]+(?:\[[\w,.-]+\])?)")
_CHANGING = ("version", "description", "readme", "authors", "maintainers", "urls", "classifiers", "keywords", "license")
# pip takes the best version that any index has, uv takes the first index that has the package. A requirement file with
# another index was written for pip, so uv is told to do the same.
_OTHER_INDEX = re.compile(r"^[ \t]*(?:--extra-index-url|-i\b|--index-url|-f\b|--find-links)", re.M)
_PRERELEASES = re.compile(r"^[ \t]*--pre\b.*$", re.M)
# Options of pip that uv does not know and that do not change what is installed.
_FOR_PIP = re.compile(
    r"^[ \t]*--(?:trusted-host|use-feature|use-pep517|use-deprecated|prefer-binary|process-dependency-links)\b.*$", re.M
)


@dataclass(frozen=True)
class Inputs:
    """The dependencies of one application. `key` holds what they depend on; with `needs_source` they depend on the whole
    source, too.

    `file` is the file that names them. `lock` says that uv reads its own lock file. `requirements` and `constraints` are
    texts for ``uv pip install``. `reads_file` says that uv also reads `file` itself, through its build backend. `options`
    are options of uv. `is_package` says that the project itself is installed, too; `scripts` are the programs that this
    creates. `left_out` names packages that no Python index has; `of_their_time` are constraints for packages that pinned
    ones need without saying so (see `python_partners`).
    """

    key: Any
    file: str = ""
    lock: bool = False
    requirements: str = ""
    constraints: str = ""
    added: tuple[str, ...] = ()
    is_package: bool = False
    needs_source: bool = False
    reads_file: bool = False
    options: tuple[str, ...] = ()
    scripts: frozenset[str] = field(default_factory=frozenset)
    left_out: tuple[str, ...] = ()
    of_their_time: tuple[str, ...] = ()


def read_inputs(folder: Path, install: Mapping[str, Any], included: Collection[str] = ()) -> Inputs:
    """Read the dependencies of the application in `folder`. `included` are the requirement files that belong to them.
    Raises `Refused` for files that are missing or cannot be read."""
    file = str(install.get("from") or "")
    added = tuple(str(name) for name in install.get("add") or ())
    extras = tuple(str(name) for name in install.get("extras") or ())
    groups = tuple(str(name) for name in install.get("groups") or ())
    if file and not (folder / file).is_file():
        raise Refused(f"The application has no {file}; add it, or detect the application again.")
    match file:
        case "":
            found = Inputs(key=["none"])
        case "uv.lock":
            found = _from_uv_lock(folder, extras, groups)
        case "poetry.lock" | "pdm.lock":
            found = _from_lock(folder, file, extras, groups)
        case "pyproject.toml":
            found = _from_pyproject(folder, extras, groups)
        case "Pipfile" | "Pipfile.lock":
            found = _from_pipfile(folder, file)
        case "setup.py" | "setup.cfg":
            found = Inputs(key=[file], reads_file=True, needs_source=True, is_package=True)
        case _ if file in CONDA_FILES:
            found = _from_conda(folder, file)
        case _:
            found = _from_requirements(folder, file, included)
    if (needed := partners(found.requirements)) and not found.constraints:
        found = replace(found, constraints="\n".join(needed), of_their_time=needed)
    return replace(found, key=[found.key, added, extras, groups, *found.of_their_time], file=file, added=added)


def _text(path: Path) -> str:
    try:
        text = read_source(path) if path.is_file() else ""
    except OSError as error:
        raise Refused(f"{path.name} cannot be read: {error}.") from error
    if "\N{REPLACEMENT CHARACTER}" in text:
        raise Refused(f"{path.name} cannot be read as text. Save it as UTF-8.")
    return text


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_text(path))
    except (ValueError, RecursionError) as error:
        raise Refused(f"{path.name} cannot be read: {error}. Correct it.") from error


def _steady(pyproject: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of pyproject.toml that dependencies depend on."""
    project = {key: value for key, value in (pyproject.get("project") or {}).items() if key not in _CHANGING}
    tool = (pyproject.get("tool") or {}).get("uv")
    return {"project": project, "groups": pyproject.get("dependency-groups"), "uv": tool}


def _is_package(pyproject: Mapping[str, Any], folder: Path) -> bool:
    stated = table(pyproject, "tool", "uv").get("package")
    if stated is not None:
        return bool(stated)
    poetry = table(pyproject, "tool", "poetry")
    if poetry.get("package-mode") is False or table(pyproject, "tool", "pdm").get("distribution") is False:
        return False
    if "build-system" not in pyproject:
        return False
    return not poetry or _holds_package(
        folder, poetry, str(poetry.get("name") or table(pyproject, "project").get("name") or "")
    )


def _holds_package(folder: Path, poetry: Mapping[str, Any], name: str) -> bool:
    """Whether Poetry would find modules to install. Most applications that it manages are no packages."""
    module = re.sub(r"[-.]+", "_", name)
    usual = (f"{module}/__init__.py", f"src/{module}/__init__.py", f"{module}.py", f"src/{module}.py")
    return bool(poetry.get("packages")) or any((folder / path).is_file() for path in usual)


def _scripts(pyproject: Mapping[str, Any]) -> frozenset[str]:
    """The programs that installing the project creates."""
    return frozenset({*table(pyproject, "project", "scripts"), *table(pyproject, "tool", "poetry", "scripts")})


def _from_uv_lock(folder: Path, extras: Collection[str], groups: Collection[str]) -> Inputs:
    lock, pyproject = _toml(folder / "uv.lock"), _toml(folder / "pyproject.toml")
    needs_source = False
    for package in lock.get("package") or ():
        source = package.get("source") or {}
        if "virtual" in source or "editable" in source:
            package.pop("version", None)
        needs_source = needs_source or "directory" in source or "path" in source
    members = bool((lock.get("manifest") or {}).get("members"))
    chosen = [*(f"--extra={name}" for name in extras), *(f"--group={name}" for name in groups)]
    return Inputs(
        key=["uv.lock", lock, _steady(pyproject)],
        lock=True,
        is_package=_is_package(pyproject, folder) or members,
        needs_source=needs_source,
        options=tuple(chosen),
        scripts=_scripts(pyproject),
    )


def _from_pyproject(folder: Path, extras: Collection[str], groups: Collection[str]) -> Inputs:
    pyproject = _toml(folder / "pyproject.toml")
    lines = [*_project_lines(pyproject, extras, groups), *poetry_requirements(pyproject, extras, groups)]
    requirements = "\n".join(lines)
    is_dynamic = "dependencies" in (table(pyproject, "project").get("dynamic") or ())
    return Inputs(
        key=["pyproject.toml", _steady(pyproject), requirements],
        requirements=requirements,
        is_package=_is_package(pyproject, folder) or is_dynamic,
        needs_source=is_dynamic or bool(_LOCAL.search(requirements)),
        reads_file=is_dynamic,
        options=_index_options(requirements),
        scripts=_scripts(pyproject),
    )


def _project_lines(pyproject: Mapping[str, Any], extras: Collection[str], groups: Collection[str]) -> list[str]:
    """The dependencies of ``[project]``, of its `extras`, and of the `groups`, which may include other groups."""
    project = table(pyproject, "project")
    lines = [str(line) for line in project.get("dependencies") or ()]
    for name in extras:
        lines += [str(line) for line in table(project, "optional-dependencies").get(name) or ()]
    waiting, seen = list(groups), set(groups)
    while waiting:
        for line in table(pyproject, "dependency-groups").get(waiting.pop()) or ():
            included = str(line.get("include-group")) if isinstance(line, dict) else ""
            if included and included not in seen:
                waiting.append(included)
                seen.add(included)
            lines += [line] if isinstance(line, str) else []
    return lines


def _from_lock(folder: Path, file: str, extras: Collection[str], groups: Collection[str]) -> Inputs:
    """Use the lock file of Poetry or PDM as constraints: uv does not read it, but its versions are the tested ones."""
    found = _from_pyproject(folder, extras, groups)
    pins = pins_of(_toml(folder / file))
    return replace(found, key=[file, pins, found.requirements], constraints="\n".join(pins))


def _from_pipfile(folder: Path, file: str) -> Inputs:
    lines = (
        locked_requirements(_text(folder / file)) if file == "Pipfile.lock" else pipfile_requirements(_text(folder / file))
    )
    if lines is None:
        raise Refused("Pipfile.lock pins nothing; run “pipenv lock”, or delete the file.")
    text = _installable("\n".join(lines))
    return Inputs(
        key=[file, text],
        requirements=text,
        needs_source=bool(_LOCAL.search(text)),
        options=_index_options(text),
    )


def _from_conda(folder: Path, file: str) -> Inputs:
    lines, left_out = conda_requirements(_text(folder / file), file)
    text = _installable("\n".join(lines))
    return Inputs(key=[file, text], requirements=text, needs_source=bool(_LOCAL.search(text)), left_out=tuple(left_out))


def _from_requirements(folder: Path, file: str, included: Collection[str]) -> Inputs:
    text = _text(folder / file)
    near = sorted(
        {*folder.glob("*requirements*.txt"), *folder.glob("requirements/*.txt"), *folder.glob("*constraints*.txt")}
        | {folder / name for name in included}
    )
    others = {path.relative_to(folder).as_posix(): read_source(path) for path in near if path.is_file()}
    everything = "\n".join((text, *others.values()))
    if any(_FROM_REPOSITORY.search(others.get(name, "")) for name in included):
        # Written out, because uv refuses an editable repository and would read included files unchanged.
        text = _written_out(folder, file, {file})
    prereleases = ("--prerelease=allow",) if _PRERELEASES.search(everything) else ()
    return Inputs(
        key=["requirements", text, others],
        requirements=_installable(text),
        needs_source=bool(_LOCAL.search(everything)),
        options=(*prereleases, *_index_options(everything)),
    )


def _written_out(folder: Path, file: str, seen: set[str]) -> str:
    """A requirement file in which each include is replaced by the content of the included file."""
    lines = []
    for line in _text(folder / file).splitlines():
        include = re.match(r"\s*(?:-r|--requirement)[ =]*(?P<name>[^\s#]+)", line)
        name = posixpath.normpath(posixpath.join(posixpath.dirname(file), include["name"])) if include else ""
        if name and name not in seen:
            seen.add(name)
            lines.append(_written_out(folder, name, seen))
        elif not include:
            lines.append(line)
    return "\n".join(lines)


def _installable(text: str) -> str:
    """Requirements written for pip, changed for uv. Nothing stays editable, because an editable install links to a folder
    that is gone at run time."""
    text = _EDITABLE_FILE.sub("./", text)
    text = _EDITABLE.sub("", text)
    text = _FROM_REPOSITORY.sub(_named, text)
    return _FOR_PIP.sub("", _PRERELEASES.sub("", text))


def _named(match: re.Match[str]) -> str:
    """Change ``git+https://…#egg=name`` into ``name @ git+https://…``."""
    where = match["where"]
    egg = _EGG.search(where)
    rest = re.sub(r"#&?$", "", re.sub(r"#&", "#", _EGG.sub("#" if egg and egg[0][0] == "#" else "", where)))
    return f"{egg['name']} @ {rest}" if egg else where


def _index_options(text: str) -> tuple[str, ...]:
    return ("--index-strategy=unsafe-best-match",) if _OTHER_INDEX.search(text) else ()


def manage_file(install: Mapping[str, Any]) -> str:
    """The path of Django's ``manage.py``. The option ``collectstatic`` holds it if it is not in the top folder."""
    named = install.get("collectstatic")
    return named if isinstance(named, str) else "manage.py"
