"""Checks that what a source's files for Python package managers point at lies inside the source. These functions only
read."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from fairway.drivers.builders.inside import Source, is_path, line_of
from fairway.drivers.builders.python_conda import CONDA_FILES, conda_requirements
from fairway.drivers.builders.python_pipfile import locked_requirements, pipfile_requirements
from fairway.shared.failures import Refused

_INCLUDES = (
    "-r",
    "--requirement",
    "--requirements",
    "-c",
    "--constraint",
    "--constraints",
    "--override",
    "--build-constraint",
)
_FOLDERS = ("-e", "--editable", "-f", "--find-links")
_INDEXES = ("-i", "--index-url", "--extra-index-url", "--index", "--default-index", "--pypi-url")
_FILES = ("--cert", "--client-cert", "--config-settings", "--env-file")
_AT = re.compile(r"^[\w.\-]+\s*(?:\[[^\]]*\])?\s*@\s*(?P<where>[^;]+?)\s*(?:;.*)?$", re.S)
# Settings of uv that say where files are kept or which programs run. Fairway sets these.
_OURS = (
    "cache-dir",
    "python-install-mirror",
    "python-downloads",
    "python-preference",
    "system",
    "target",
    "prefix",
    "break-system-packages",
)
_PATHS = (
    "find-links",
    "index-url",
    "extra-index-url",
    "default-index",
    "path",
    "directory",
    "editable",
    "virtual",
    "url",
    "registry",
    "file",
)


def check_python(source: Source, start: str = "") -> frozenset[str]:
    """Check all files that uv reads; returns the names of the requirement files that were followed. Raises `Refused` if
    something in them leaves the source.

    `start` is the requirement file that will be installed. Requirement files with the usual names are checked, too.
    """
    for name in ("pyproject.toml", "uv.toml", "uv.lock", "poetry.lock", "pdm.lock"):
        _check_toml(source, name)
    for name, read in _CONVERTED.items():
        _check_converted(source, name, read)
    _check_setup_cfg(source)
    near = [path for name in _USUAL for path in source.folder.glob(name)]
    waiting = [path.relative_to(source.folder).as_posix() for path in near]
    if start and start not in _READ_OTHERWISE:
        waiting.append(start)
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += _check_requirements(source, name)
    return frozenset(seen)


def _check_converted(source: Source, file: str, read: Callable[[str], Iterable[str]]) -> None:
    """Check a file of another package manager by the requirement lines into which it is converted for uv."""
    text = source.text(file)
    if text is None:
        if (source.folder / file).is_symlink():
            source.refuse(file, "is a link that leads out of the source; put the file itself there", file=file, line=1)
        return
    for line in read(text):
        plain = line.split(" --hash=")[0]
        for name, value in _options(plain):
            if name in (*_FOLDERS, *_INCLUDES) or (name in _INDEXES and is_path(value)):
                source.check(value, file=file, line=line_of(text, value))
        if not plain.startswith("-"):
            at = _AT.match(plain)
            where = (at["where"] if at else plain).partition(" ;")[0]
            _check_requirement(source, plain, file=file, line=line_of(text, where.strip()))


def _check_setup_cfg(source: Source) -> None:
    """Check the files whose text becomes part of the package's description."""
    for number, line in enumerate((source.text("setup.cfg") or "").splitlines(), 1):
        if named := re.match(r"[^#;]*=\s*file:\s*(?P<names>.+)", line):
            for name in named["names"].split(","):
                source.check(name, file="setup.cfg", line=number)


def _check_requirements(source: Source, file: str) -> list[str]:
    """Check one requirement file; returns the files it includes, as paths relative to the source folder."""
    path = source.folder / file
    if path.is_symlink() and not source.holds(path):
        source.refuse(file, "is a link that leads out of the source; put the file itself there", file=file, line=1)
    included = []
    for number, line in _logical_lines(source.text(file) or ""):
        for name, value in _options(line):
            if name in _INCLUDES:
                included.append(_include(source, value, file=file, line=number))
            elif name in (*_FOLDERS, *_FILES) or (name in _INDEXES and is_path(value)):
                source.check(value, file=file, line=number)
        if not line.startswith("-"):
            _check_requirement(source, line, file=file, line=number)
    return included


def _include(source: Source, value: str, *, file: str, line: int) -> str:
    if re.match(r"[a-z][a-z0-9+.-]+://", value, re.I) and not value.lower().startswith("file:"):
        source.refuse(value, "is included from elsewhere; put the file into the source", file=file, line=line)
    source.check(value, file=file, line=line)
    inside = (source.folder / file).parent / re.sub(r"^file:(//)?", "", value)
    return inside.resolve().relative_to(source.folder.resolve()).as_posix()


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines without comments, each with its number. Lines that end with a backslash are joined, under the number of the
    first."""
    started, parts = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        started = started if parts else number
        parts += line
        if parts.endswith("\\"):
            parts = parts[:-1]
            continue
        clean = re.sub(r"(^|\s)#.*$", "", parts).strip()
        parts = ""
        if clean:
            yield started, clean


def _options(line: str) -> Iterator[tuple[str, str]]:
    """Every option of a line with its value: ``-r x``, ``-rx``, ``--requirement=x``, also several in one line."""
    try:
        words = shlex.split(line) if line.startswith("-") else [word for word in line.split() if word.startswith("--")]
    except ValueError:
        words = line.split()
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if equals and name.startswith("-"):
            yield name, value
        elif re.match(r"-[a-zA-Z].", word) and not word.startswith("--"):
            yield word[:2], word[2:].lstrip("=")
        elif word.startswith("-") and words and not words[0].startswith("-"):
            yield word, words.pop(0)


def _check_requirement(source: Source, text: str, *, file: str, line: int) -> None:
    """Check one requirement: ``name @ location``, or a path alone."""
    at = _AT.match(text)
    where = at["where"] if at else text.partition(";")[0].split(" --")[0].strip()
    if at or is_path(where) or re.search(r"[/\\]", where.partition("[")[0]):
        source.check(re.sub(r"(?<![\w/])\[[^\]]*\]$", "", where), file=file, line=line)


def _check_toml(source: Source, name: str) -> None:
    text = source.text(name)
    if text is None:
        if (source.folder / name).is_symlink():
            source.refuse(name, "is a link that leads out of the source; put the file itself there", file=name, line=1)
        return
    try:
        content = tomllib.loads(text)
    except ValueError as error:
        raise Refused(f"{name} cannot be read: {error}. Correct it.") from error
    for value in _places(name, content):
        source.check(value, file=name, line=line_of(text, value))
    for setting in _fairways_settings(name, content):
        source.refuse(setting, "is Fairway's to decide; remove it", file=name, line=line_of(text, setting))


def _fairways_settings(name: str, content: Mapping[str, Any]) -> Iterator[str]:
    settings = content if name == "uv.toml" else _table(content, "tool", "uv")
    for table in (settings, _table(settings, "pip")) if name in ("uv.toml", "pyproject.toml") else ():
        yield from (key for key in _OURS if key in table)


def _places(name: str, content: Mapping[str, Any]) -> Iterator[str]:
    """All values of a file that are paths or may be."""
    if name in ("uv.toml", "uv.lock", "poetry.lock", "pdm.lock"):
        yield from _values(content)
        return
    uv, poetry = _table(content, "tool", "uv"), _table(content, "tool", "poetry")
    yield from _values({key: value for key, value in uv.items() if key != "workspace"})
    yield from (str(member) for member in _table(uv, "workspace").get("members") or ())
    yield from _values(poetry.get("dependencies") or {})
    yield from _values(poetry.get("group") or {})
    yield from _values({"source": poetry.get("source"), "pdm": _table(content, "tool", "pdm").get("source")})
    yield from _values(_table(content, "tool", "setuptools", "dynamic"))
    project = _table(content, "project")
    groups = [project.get("dependencies"), _table(content, "build-system").get("requires")]
    groups += [*_table(project, "optional-dependencies").values(), *_table(content, "dependency-groups").values()]
    for line in (line for group in groups if isinstance(group, list) for line in group if isinstance(line, str)):
        if at := _AT.match(line):
            yield at["where"]
    yield from (str(path) for path in _table(content, "build-system").get("backend-path") or ())
    yield from _project_files(project)


def _project_files(project: Mapping[str, Any]) -> Iterator[str]:
    """The readme and licence files, whose text becomes part of the package's description."""
    for value in (project.get("readme"), project.get("license")):
        if isinstance(value, Mapping) and "file" in value:
            yield str(value["file"])
    if isinstance(readme := project.get("readme"), str):
        yield readme
    yield from (str(path) for path in project.get("license-files") or () if isinstance(path, str))


def _values(content: Any, key: str = "") -> Iterator[str]:
    """The texts under keys that hold paths, at any depth."""
    if isinstance(content, Mapping):
        for name, value in content.items():
            yield from _values(value, str(name))
    elif isinstance(content, list):
        for value in content:
            yield from _values(value, key)
    elif isinstance(content, str) and (key in _PATHS or key.endswith("-dir")):
        yield content


def _table(content: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    found: Any = content
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _conda(file: str) -> Callable[[str], Iterable[str]]:
    return lambda text: conda_requirements(text, file)[0]


_CONVERTED: dict[str, Callable[[str], Iterable[str]]] = {
    "Pipfile": pipfile_requirements,
    "Pipfile.lock": lambda text: locked_requirements(text) or (),
    **{name: _conda(name) for name in CONDA_FILES},
}
_READ_OTHERWISE = ("pyproject.toml", "uv.lock", "poetry.lock", "pdm.lock", "setup.py", "setup.cfg", *_CONVERTED)
_USUAL = ("*requirements*.txt", "requirements/*.txt", "*constraints*.txt", "*requirements*.in", "requirements/*.in")
