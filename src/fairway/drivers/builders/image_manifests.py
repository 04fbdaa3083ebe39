"""Which files of a source suffice to install its dependencies, so that they get a layer of their own."""

from __future__ import annotations

import posixpath
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from fairway.drivers.builders.contract import Spec
from fairway.drivers.builders.detection.source_folder import SourceFolder
from fairway.drivers.builders.dockerfiles import Manifests
from fairway.drivers.builders.node_inputs import node_inputs
from fairway.drivers.builders.node_members import built_before, starts_with_development

_INCLUDE = re.compile(r"(?:-r|-c|--requirement|--constraint)[=\s]\s*(\S+)|(?:-r|-c)(\S+)")
_LOCAL = re.compile(r"(?:-e|--editable)\b|\.{0,2}/|\.$|file:|[^#]*@\s*file:")


def manifests_of(spec: Spec, folder: SourceFolder, package: str = "") -> Manifests:
    """The manifests of a generated image; none where the install needs the whole source. `package` is the folder of the
    application inside the workspace at `folder`."""
    match spec.kind:
        case "python":
            return _python(str(spec.install.get("from", "")), folder)
        case "node" | "static" if folder.has("package.json"):
            return _node(spec, folder, package)
        case _:
            return Manifests()


def _python(source: str, folder: SourceFolder) -> Manifests:
    if source in ("uv.lock", "poetry.lock", "pyproject.toml"):
        project = _toml(folder)
        is_package = "build-system" in project and not _is_virtual(project)
        names = tuple(name for name in dict.fromkeys(("pyproject.toml", source)) if folder.has(name))
        return Manifests(() if _needs_source(project) else names, is_package)
    return Manifests(_requirement_files(source, folder)) if source else Manifests()


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
    """Dependencies that only the sources tell: dynamic ones, a workspace, local paths."""
    uv = (project.get("tool") or {}).get("uv") or {}
    is_local = any(
        isinstance(place, Mapping) and ("path" in place or "workspace" in place)
        for place in (uv.get("sources") or {}).values()
    )
    is_dynamic = "dependencies" in ((project.get("project") or {}).get("dynamic") or ())
    poetry = ((project.get("tool") or {}).get("poetry") or {}).get("dependencies") or {}
    has_path = any(isinstance(wanted, Mapping) and "path" in wanted for wanted in poetry.values())
    return is_local or is_dynamic or has_path or "workspace" in uv


def _requirement_files(source: str, folder: SourceFolder) -> tuple[str, ...]:
    """The requirements file and all it includes; empty when one of them points at a local path or is missing."""
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
