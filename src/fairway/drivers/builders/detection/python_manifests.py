"""Finds the file that says what a Python folder depends on, and the names in it."""

from __future__ import annotations

import ast
import configparser
import re
from collections.abc import Callable, Iterable

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from fairway.drivers.builders.detection.source_folder import SourceFolder
from fairway.drivers.builders.python_conda import CONDA_FILES, conda_requirements
from fairway.drivers.builders.python_pipfile import locked_requirements, pipfile_requirements

LOCK_LARGEST = 8 * 1024 * 1024
# Usual names of requirement files. Those for production come before those with a part of the dependencies.
REQUIREMENT_FILES = (
    *("requirements.txt", "requirements/production.txt", "requirements/prod.txt", "requirements/base.txt"),
    *("requirements-prod.txt", "requirements-production.txt", "requirements.prod.txt", "requirements.production.txt"),
    *("requirements_prod.txt", "requirements_production.txt", "requirements/requirements.txt", "requirements/main.txt"),
    *("requirements/common.txt", "requirements/web.txt", "requirements/deploy.txt", "requirements-base.txt", "reqs.txt"),
    *("requirement.txt", "Requirements.txt", "pip-requirements.txt", "requirements.lock", "deps.txt", "dependencies.txt"),
)
INPUT_FILES = ("requirements.in", "requirements/production.in", "requirements/prod.in", "requirements/base.in")
_NOT_FOR_RUNNING = re.compile(r"dev|test|doc|lint|ci\b|local|build|type|bench|example|constraint", re.I)


def requirements_file(folder: SourceFolder) -> str | None:
    """The requirement file for running the application; None if there is none."""
    usual = folder.first(*REQUIREMENT_FILES)
    if usual:
        return usual
    others = (*folder.matching("*requirement*.txt", "*reqs*.txt", "requirements/*.txt"), *folder.matching(*INPUT_FILES))
    return next((name for name in others if not _NOT_FOR_RUNNING.search(name)), None)


def has_setup(folder: SourceFolder) -> str:
    """The file that makes the folder a package of setuptools without a ``[project]`` table; "" if there is none."""
    if re.search(r"\bsetup\s*\(", folder.text("setup.py")):
        return "setup.py"
    return "setup.cfg" if re.search(r"(?m)^\[(?:metadata|options)\]", folder.text("setup.cfg")) else ""


def lines_of(folder: SourceFolder, file: str) -> Iterable[str]:
    """The requirement lines in a file, as far as they can be read without running anything. Raises `Refused`."""
    readers: dict[str, Callable[[str], Iterable[str]]] = {
        "Pipfile": pipfile_requirements,
        "Pipfile.lock": lambda text: locked_requirements(text) or (),
        "setup.py": lambda text: (*_setup_py(text), *_setup_cfg(folder.text("setup.cfg"))),
        "setup.cfg": _setup_cfg,
        **{name: lambda text: conda_requirements(text, file)[0] for name in CONDA_FILES},
    }
    text = folder.text(file, largest=LOCK_LARGEST)
    return readers[file](text) if file in readers else _included(folder, file, text)


def names_in(line: str) -> set[str]:
    """The canonical name of the package in a requirement line, and the server that one of its extras installs."""
    line = line.split(" #")[0].strip().rstrip("\\").strip()
    line = re.sub(r"\s--hash=\S+", "", line).strip()
    egg = re.search(r"#egg=([\w.-]+)", line)
    if egg:
        return {str(canonicalize_name(egg[1]))}
    if not line or line.startswith(("#", "-")):
        return set()
    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        return set()
    name = str(canonicalize_name(requirement.name))
    extra = {"uvicorn"} if name in ("fastapi", "litestar") and requirement.extras & {"standard", "all"} else set()
    return {name} | extra


def _included(folder: SourceFolder, file: str, text: str) -> list[str]:
    """The lines of a requirement file and of those it includes."""
    lines, waiting, seen = [], [(file, text)], {file}
    while waiting:
        name, content = waiting.pop()
        for line in content.splitlines():
            lines.append(line)
            include = re.match(r"\s*(?:-r|--requirement)[=\s]*(\S+)", line)
            inside = _beside(name, include[1]) if include else ""
            if inside and inside not in seen and folder.has(inside):
                seen.add(inside)
                waiting.append((inside, folder.text(inside)))
    return lines


def _beside(file: str, other: str) -> str:
    parts: list[str] = []
    for part in (*file.split("/")[:-1], *other.split("/")):
        if part == ".." and parts:
            parts.pop()
        elif part not in (".", ""):
            parts.append(part)
    return "/".join(parts)


def _setup_py(text: str) -> list[str]:
    """The texts in the value of ``install_requires``, also if a variable holds them."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    wanted = [
        keyword.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "install_requires"
    ]
    names = {node.id for value in wanted for node in ast.walk(value) if isinstance(node, ast.Name)}
    wanted += [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id in names for target in node.targets)
    ]
    constants = (node for value in wanted for node in ast.walk(value) if isinstance(node, ast.Constant))
    return [node.value for node in constants if isinstance(node.value, str)]


def _setup_cfg(text: str) -> list[str]:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return []
    return parser.get("options", "install_requires", fallback="").splitlines()
