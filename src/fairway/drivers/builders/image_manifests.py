"""Finds the files of a source that suffice to install its dependencies, so that these become a layer of their own."""

from __future__ import annotations

import posixpath
import re
import tomllib
from collections.abc import Mapping
from typing import Any, Final

from fairway.drivers.builders.contract import Spec
from fairway.drivers.builders.detection.source_folder import SourceFolder
from fairway.drivers.builders.dockerfiles import CONSTRAINTS, REQUIREMENTS, Manifests
from fairway.drivers.builders.node_inputs import node_inputs
from fairway.drivers.builders.node_members import built_before, starts_with_development
from fairway.drivers.builders.python_conda import CONDA_FILES
from fairway.drivers.builders.python_inputs import read_inputs

_INCLUDE = re.compile(r"(?:-r|-c|--requirement|--constraint)[=\s]\s*(\S+)|(?:-r|-c)(\S+)")
_CONVERTED: Final = (
    *("pyproject.toml", "poetry.lock", "pdm.lock", "Pipfile", "Pipfile.lock", "setup.py", "setup.cfg"),
    *CONDA_FILES,
)
_LOCAL = re.compile(r"(?:-e|--editable)\b|\.{0,2}/|\.$|file:|[^#]*@\s*file:")


def manifests_of(spec: Spec, folder: SourceFolder, package: str = "") -> Manifests:
    """The manifests for a generated image; without `files` if installing needs the whole source. `package` is the folder
    of the application inside the workspace at `folder`."""
    match spec.kind:
        case "python":
            return _python(spec, folder)
        case "static" if spec.install.get("by") == "python":
            return _python(spec, folder)
        case "node" | "static" if folder.has("package.json"):
            return _node(spec, folder, package)
        case _:
            return Manifests()


def _python(spec: Spec, folder: SourceFolder) -> Manifests:
    source = str(spec.install.get("from", ""))
    if source == "uv.lock":
        project = _toml(folder)
        names = tuple(name for name in ("pyproject.toml", source) if folder.has(name))
        return Manifests(() if _needs_source(project) else names, "build-system" in project and not _is_virtual(project))
    if source in _CONVERTED:
        return _converted(spec, folder)
    return Manifests(_requirement_files(source, folder)) if source else Manifests()


def _converted(spec: Spec, folder: SourceFolder) -> Manifests:
    """The manifests for files that uv does not read itself, converted for it as in a bundle, so that both runtimes
    install the same."""
    inputs = read_inputs(folder.place, spec.install)
    texts = {REQUIREMENTS: inputs.requirements + "\n"} if inputs.requirements else {}
    if inputs.constraints:
        texts[CONSTRAINTS] = inputs.constraints + "\n"
    return Manifests(
        () if inputs.needs_source else tuple(texts),
        inputs.is_package,
        texts=texts,
        options=inputs.options,
        reads_file=inputs.reads_file,
    )


def _toml(folder: SourceFolder) -> Mapping[str, Any]:
    try:
        return folder.toml("pyproject.toml")
    except (ValueError, tomllib.TOMLDecodeError):
        return {}


def _is_virtual(project: Mapping[str, Any]) -> bool:
    tool = project.get("tool") or {}
    is_uv_package = (tool.get("uv") or {}).get("package", True)
    return not is_uv_package or (tool.get("poetry") or {}).get("package-mode") is False


def _needs_source(project: Mapping[str, Any]) -> bool:
    """Whether dependencies lie in the source itself: in a workspace or at local paths."""
    uv = (project.get("tool") or {}).get("uv") or {}
    is_local = any(
        isinstance(origin, Mapping) and ("path" in origin or "workspace" in origin)
        for origin in (uv.get("sources") or {}).values()
    )
    return is_local or "workspace" in uv


def _requirement_files(source: str, folder: SourceFolder) -> tuple[str, ...]:
    """The requirements file and all files it includes; empty if one of them names a local path or is missing."""
    found: list[str] = []
    waiting = [source]
    while waiting:
        name = posixpath.normpath(waiting.pop())
        if name in found:
            continue
        if not folder.has(name) or name.startswith("../"):
            return ()
        found.append(name)
        for line in (line.strip() for line in folder.text(name).splitlines()):
            if _LOCAL.match(line):
                return ()
            if include := _INCLUDE.match(line):
                waiting.append(posixpath.join(posixpath.dirname(name), include[1] or include[2]))
    return tuple(sorted(found))


def _node(spec: Spec, folder: SourceFolder, package: str) -> Manifests:
    inputs = node_inputs(folder)
    files = () if inputs.needs_source else inputs.files
    before = built_before(folder, package or ".")
    inner = SourceFolder(folder.place / package) if package else folder
    return Manifests(files, False, package, before, starts_with_development(inner, spec.command or ()))
