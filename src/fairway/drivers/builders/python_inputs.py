"""What decides a Python environment, read from lock files and requirement files. Pure reading, no installing."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from fairway.shared.failures import Refused
from fairway.shared.source_text import read_source

_LOCAL = re.compile(r"^\s*(?:-e\b|--editable\b|\.{1,2}(?:/|$|\[)|/|file:)|@\s*(?:file:|\.)", re.M)
_EDITABLE = re.compile(r"^\s*(?:-e|--editable)[ =]+(?=[./])", re.M)
_CHANGING = ("version", "description", "readme", "authors", "maintainers", "urls", "classifiers", "keywords", "license")


@dataclass(frozen=True)
class Inputs:
    """The dependencies of one application. `key` holds what decides them; with `needs_source` the source does too.

    `file` is where they are written; `lock` says that uv reads its own lock file; `requirements` and `constraints` are
    texts for ``uv pip install``; `is_package` says that the project itself is installed too.
    """

    key: Any
    file: str = ""
    lock: bool = False
    requirements: str = ""
    constraints: str = ""
    added: tuple[str, ...] = ()
    is_package: bool = False
    needs_source: bool = False


def read_inputs(folder: Path, install: Mapping[str, Any], included: Collection[str] = ()) -> Inputs:
    """Read the dependencies of the application in `folder`; `included` are the requirement files that belong to them.
    Raises `Refused` for files that cannot be read."""
    file = str(install.get("from") or "")
    added = tuple(str(name) for name in install.get("add") or ())
    if not file:
        return Inputs(key=["none", added], added=added)
    if not (folder / file).is_file():
        raise Refused(f"The application has no {file}; add it, or detect the application again.")
    if file == "uv.lock":
        return _from_uv_lock(folder, added)
    if file == "poetry.lock":
        return _from_poetry_lock(folder, added)
    if file == "pyproject.toml":
        return _from_pyproject(folder, added)
    return _from_requirements(folder, file, added, included)


def _toml(place: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_source(place)) if place.is_file() else {}
    except (ValueError, OSError) as error:
        raise Refused(f"{place.name} cannot be read: {error}. Correct it.") from error


def _steady(pyproject: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of pyproject.toml that decide dependencies."""
    project = {key: value for key, value in (pyproject.get("project") or {}).items() if key not in _CHANGING}
    tool = (pyproject.get("tool") or {}).get("uv")
    return {"project": project, "groups": pyproject.get("dependency-groups"), "uv": tool}


def _is_package(pyproject: Mapping[str, Any]) -> bool:
    stated = ((pyproject.get("tool") or {}).get("uv") or {}).get("package")
    return bool(stated) if stated is not None else "build-system" in pyproject


def _from_uv_lock(folder: Path, added: tuple[str, ...]) -> Inputs:
    lock, pyproject = _toml(folder / "uv.lock"), _toml(folder / "pyproject.toml")
    needs_source = False
    for package in lock.get("package") or ():
        source = package.get("source") or {}
        if "virtual" in source or "editable" in source:
            package.pop("version", None)
        needs_source = needs_source or "directory" in source or "path" in source
    members = bool((lock.get("manifest") or {}).get("members"))
    return Inputs(
        key=["uv.lock", lock, _steady(pyproject), added],
        file="uv.lock",
        lock=True,
        added=added,
        is_package=_is_package(pyproject) or members,
        needs_source=needs_source,
    )


def _from_pyproject(folder: Path, added: tuple[str, ...]) -> Inputs:
    pyproject = _toml(folder / "pyproject.toml")
    lines = [str(line) for line in (pyproject.get("project") or {}).get("dependencies") or ()]
    requirements = "\n".join(lines)
    return Inputs(
        key=["pyproject.toml", _steady(pyproject), added],
        file="pyproject.toml",
        requirements=requirements,
        added=added,
        is_package=_is_package(pyproject),
        needs_source=bool(_LOCAL.search(requirements)),
    )


def _from_poetry_lock(folder: Path, added: tuple[str, ...]) -> Inputs:
    """Poetry's lock file as constraints: uv does not read it, but the versions in it are what was tested."""
    lock, pyproject = _toml(folder / "poetry.lock"), _toml(folder / "pyproject.toml")
    versions: dict[str, set[str]] = {}
    for package in lock.get("package") or ():
        versions.setdefault(str(package.get("name")), set()).add(str(package.get("version")))
    pins = sorted(f"{name}=={found.pop()}" for name, found in versions.items() if len(found) == 1)
    requirements = "\n".join(_poetry_requirements(pyproject))
    return Inputs(
        key=["poetry.lock", pins, requirements, added],
        file="poetry.lock",
        requirements=requirements,
        constraints="\n".join(pins),
        added=added,
    )


def _poetry_requirements(pyproject: Mapping[str, Any]) -> list[str]:
    declared = [str(line) for line in (pyproject.get("project") or {}).get("dependencies") or ()]
    poetry = ((pyproject.get("tool") or {}).get("poetry") or {}).get("dependencies") or {}
    for name, wish in poetry.items():
        table = wish if isinstance(wish, dict) else {}
        if canonicalize_name(name) == "python" or table.get("optional"):
            continue
        if {"path", "git", "url"} & set(table):
            raise Refused(f"“{name}” comes from a path or URL in pyproject.toml; add a requirements.txt (poetry export).")
        extras = ",".join(str(extra) for extra in table.get("extras") or ())
        declared.append(f"{name}[{extras}]" if extras else str(name))
    return declared


def _from_requirements(folder: Path, file: str, added: tuple[str, ...], included: Collection[str]) -> Inputs:
    try:
        text = read_source(folder / file)
    except OSError as error:
        raise Refused(f"{file} cannot be read: {error}.") from error
    if "\N{REPLACEMENT CHARACTER}" in text:
        raise Refused(f"{file} cannot be read as text. Save it as UTF-8.")
    near = sorted(
        {*folder.glob("*requirements*.txt"), *folder.glob("requirements/*.txt"), *folder.glob("*constraints*.txt")}
        | {folder / name for name in included}
    )
    others = {place.relative_to(folder).as_posix(): read_source(place) for place in near if place.is_file()}
    return Inputs(
        key=["requirements", text, others, added],
        file=file,
        requirements=_EDITABLE.sub("", text),
        added=added,
        needs_source=any(_LOCAL.search(content) for content in (text, *others.values())),
    )


def manage_file(install: Mapping[str, Any]) -> str:
    """Django's ``manage.py``: the option ``collectstatic`` names it where it does not lie at the top."""
    named = install.get("collectstatic")
    return named if isinstance(named, str) else "manage.py"
