"""Finds which Python a folder asks for, and which file asks for it.

The first file that names a version decides, in the order of `READERS`: files made for this purpose come before the versions
that a package allows, and files written by people before those written by tools.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from fairway.drivers.builders.detection.source_folder import SourceFolder
from fairway.drivers.builders.python_conda import CONDA_FILES, conda_packages
from fairway.drivers.builders.version_ranges import pep440
from fairway.shared.failures import Refused

_EXACT = re.compile(
    r"(?:(?:c?python|py)[-@ ]?)?v?(?P<version>\d+(?:\.\d+){0,2})(?:t|-dev|\.[x*]|(?:a|b|rc)\d+)?(?:-.*)?", re.I
)
_OTHERS = re.compile(
    r"(pypy|graalpy|graalpython|jython|ironpython|micropython|stackless|miniconda|anaconda|miniforge)", re.I
)
_ANY = ("*", "any", "latest", "system", "default", "lts", "cpython", "python")
LOCK_HEAD = 4096  # characters; uv writes the Python it asks for at the top


@dataclass(frozen=True)
class Asked:
    """The Python asked for: ``3.12`` (its newest patch), ``>=3.11,<4``, or "" if nothing asks for one. `file` asks for it.

    `problem` is a sentence if what it asks for is no Python that Fairway supports. `ignored` is a sentence about a file
    whose text names no version.
    """

    text: str = ""
    file: str = ""
    problem: str = ""
    ignored: str = ""


def asked_python(folder: SourceFolder) -> Asked:
    """What the files of the folder ask for. Never raises, whatever they contain."""
    ignored = ""
    for file, wishes in ((file, read(folder)) for file, read in READERS.items()):
        asked = _first(wishes, file)
        ignored = ignored or asked.ignored
        if asked.text or asked.problem:
            return Asked(asked.text, file, asked.problem, ignored)
    return Asked(ignored=ignored)


def python_words(wish: str) -> str | None:
    """The version as other functions expect it (``3.12``, ``>=3.11``, "" for any); None if it is no version of CPython 3."""
    wish = wish.strip().strip("\"'")
    if wish.lower() in _ANY:
        return ""
    if exact := _EXACT.fullmatch(wish):
        return exact["version"] if exact["version"].partition(".")[0] == "3" else None
    try:
        found = pep440(wish)
    except ValueError:
        return None
    return found if not found or _allows_three(found) else None


def _allows_three(specifier: str) -> bool:
    try:
        known = SpecifierSet(specifier)
    except InvalidSpecifier:
        return False
    return any(known.contains(f"3.{minor}.{patch}") for minor in range(100) for patch in (0, 99))


def _first(wishes: list[str], file: str) -> Asked:
    """The first of several versions that is a CPython. A file that lists several accepts any of them."""
    words = [wish.strip() for wish in wishes if wish.strip()]
    understood = [known for known in map(python_words, words) if known is not None]
    if understood or not words:
        return Asked(understood[0] if understood else "", file)
    shown = words[0][:60]
    if _OTHERS.match(shown):
        return Asked(problem=f"{file} asks for “{shown}”; Fairway runs CPython 3: write a version such as 3.12 there.")
    if not re.search(r"\d", shown):
        return Asked(ignored=f"{file} says “{shown}”, which is no version of Python")
    return Asked(problem=f"{file} asks for Python “{shown}”, which is no version of Python 3; write e.g. 3.12 or >=3.11.")


def _lines(folder: SourceFolder, name: str) -> list[str]:
    text = folder.text(name, largest=4096)
    return [line for line in (re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines()) if line]


def _tool_versions(folder: SourceFolder) -> list[str]:
    found = (line.split() for line in _lines(folder, ".tool-versions"))
    return next((words[1:] for words in found if words[0] == "python"), [])


def _toml(folder: SourceFolder, name: str) -> dict[str, Any]:
    try:
        return folder.toml(name)
    except ValueError:  # the code that reads the file's dependencies reports the error
        return {}


def _texts(value: Any) -> list[str]:
    """The versions in a value, which is a text, a list of texts, or a table with a version."""
    if isinstance(value, dict):
        value = value.get("version")
    return [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]


def _table(data: dict[str, Any], *names: str) -> dict[str, Any]:
    for name in names:
        inner = data.get(name)
        data = inner if isinstance(inner, dict) else {}
    return data


def _mise(name: str) -> Callable[[SourceFolder], list[str]]:
    return lambda folder: _texts(_table(_toml(folder, name), "tools").get("python"))


def _pipfile(folder: SourceFolder) -> list[str]:
    requires = _table(_toml(folder, "Pipfile"), "requires")
    return _texts(requires.get("python_full_version") or requires.get("python_version"))


def _pyproject(folder: SourceFolder) -> list[str]:
    data = _toml(folder, "pyproject.toml")
    poetry = _table(data, "tool", "poetry", "dependencies").get("python")
    return _texts(_table(data, "project").get("requires-python")) or _texts(poetry)


def _uv_lock(folder: SourceFolder) -> list[str]:
    head = folder.text("uv.lock", largest=64 * 1024 * 1024)[:LOCK_HEAD]
    return re.findall(r'(?m)^requires-python = "([^"]*)"', head)[:1]


def _written(name: str, pattern: str) -> Callable[[SourceFolder], list[str]]:
    return lambda folder: re.findall(pattern, folder.text(name))[:1]


def _conda(name: str) -> Callable[[SourceFolder], list[str]]:
    def read(folder: SourceFolder) -> list[str]:
        try:
            packages = conda_packages(folder.text(name), name)
        except Refused:
            return []
        wishes = [wish for package, wish in packages if package == "python" and wish]
        return [wish.lstrip("=").partition("=")[0] if wish.startswith("=") else wish for wish in wishes]

    return read


def _all() -> Iterator[tuple[str, Callable[[SourceFolder], list[str]]]]:
    yield ".python-version", lambda folder: _lines(folder, ".python-version")
    yield "runtime.txt", lambda folder: _lines(folder, "runtime.txt")[:1]
    yield ".tool-versions", _tool_versions
    yield from ((name, _mise(name)) for name in ("mise.toml", ".mise.toml", ".config/mise.toml"))
    yield "Pipfile", _pipfile
    yield "pyproject.toml", _pyproject
    yield "uv.lock", _uv_lock
    yield "setup.cfg", _written("setup.cfg", r"(?m)^[ \t]*python_requires\s*=\s*(.+?)\s*$")
    yield "setup.py", _written("setup.py", r"python_requires\s*=\s*[\"']([^\"']+)[\"']")
    yield from ((name, _conda(name)) for name in CONDA_FILES)


READERS: dict[str, Callable[[SourceFolder], list[str]]] = dict(_all())
