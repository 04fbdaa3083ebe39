"""What a Python folder declares: where its dependencies are written, what they are, and which Python it asks for."""

from __future__ import annotations

import re
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from fairway.drivers.builders.detection.python_entries import Entries
from fairway.drivers.builders.detection.recipe import Undetectable, version_file
from fairway.drivers.builders.detection.source_folder import SourceFolder

LOCK_LARGEST = 8 * 1024 * 1024
REQUIREMENT_FILES = ("requirements.txt", "requirements/production.txt", "requirements/prod.txt", "requirements/base.txt")


class PythonProject:
    """The declarations of a Python folder: where its dependencies are written and what they are."""

    def __init__(self, folder: SourceFolder) -> None:
        self.folder = folder
        try:
            self.pyproject: dict[str, Any] = folder.toml("pyproject.toml")
        except ValueError as error:
            raise Undetectable(f"pyproject.toml cannot be read: {error}. Correct it.") from error
        self.project: dict[str, Any] = self.pyproject.get("project") or {}
        self.poetry: dict[str, Any] = (self.pyproject.get("tool") or {}).get("poetry") or {}
        self.requirements = folder.first(*REQUIREMENT_FILES)
        self.entries = Entries(folder)

    @property
    def installer(self) -> str:
        """The file the dependencies come from; "" when none says."""
        if self.project and self.folder.has("uv.lock"):
            return "uv.lock"
        if self.folder.has("poetry.lock") and (self.poetry or self.project):
            return "poetry.lock"
        if self.requirements:
            return self.requirements
        return "pyproject.toml" if self.project.get("dependencies") or self.project.get("name") else ""

    @property
    def names(self) -> frozenset[str]:
        """Canonical names of what it depends on; for a lock file, everything locked."""
        return frozenset(self._declared() | self._locked())

    def _declared(self) -> set[str]:
        lines = [*(self.project.get("dependencies") or ()), *self.folder.text(self.requirements or "").splitlines()]
        names = {name for line in lines for name in _names_of(str(line))}
        return names | {str(canonicalize_name(name)) for name in self.poetry.get("dependencies") or () if name != "python"}

    def _locked(self) -> set[str]:
        if self.installer not in ("uv.lock", "poetry.lock"):
            return set()
        try:
            packages = self.folder.toml(self.installer, largest=LOCK_LARGEST).get("package") or ()
        except ValueError as error:
            raise Undetectable(f"{self.installer} cannot be read: {error}. Lock the dependencies again.") from error
        return {str(canonicalize_name(str(package.get("name", "")))) for package in packages}

    @property
    def python(self) -> str:
        """The Python asked for, as uv understands it (``>=3.11``, ``3.11``); "" when nothing says."""
        pinned = self.folder.text(".python-version", largest=1024).split()
        if pinned and re.fullmatch(r"\d+(\.\d+){0,2}", pinned[0]):
            return pinned[0]
        asked = self.project.get("requires-python")
        if isinstance(asked, str):
            return asked
        runtime = re.fullmatch(r"python-(\d+\.\d+)(?:\.\d+)?", self.folder.text("runtime.txt", largest=1024).strip())
        return runtime[1] if runtime else ""

    @property
    def version(self) -> str:
        declared = self.project.get("version") or self.poetry.get("version")
        return declared if isinstance(declared, str) else version_file(self.folder)


def _names_of(line: str) -> set[str]:
    line = line.split(" #")[0].strip().rstrip("\\").strip()
    line = re.sub(r"\s--hash=\S+", "", line).strip()
    if not line or line.startswith(("#", "-")):
        return set()
    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        return set()
    name = str(canonicalize_name(requirement.name))
    extra = {"uvicorn"} if name == "fastapi" and requirement.extras & {"standard", "all"} else set()
    return {name} | extra
