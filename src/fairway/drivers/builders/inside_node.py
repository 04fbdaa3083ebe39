"""Checks that what the files of Node.js package managers point at lies inside the source. These functions only read.

Programs and plugins that a source brings for its package manager (``yarnPath``, a pnpm file) are code of the source and run
behind the walls; those outside of the source are refused. Fairway alone decides where caches and stores lie.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from fairway.drivers.builders.detection.source_folder import SourceFolder
from fairway.drivers.builders.detection.workspace import members, pnpm_settings
from fairway.drivers.builders.inside import Source, is_path, line_of
from fairway.shared.failures import Refused
from fairway.shared.names import Invalid
from fairway.shared.yaml_with_lines import Item, root_of

_GROUPS = (
    *("dependencies", "devDependencies", "optionalDependencies", "peerDependencies", "bundleDependencies"),
    *("overrides", "resolutions"),
)
LOCKS = ("package-lock.json", "npm-shrinkwrap.json")
# Settings of npm and pnpm that say where files are kept or which programs run. Fairway sets these.
_OURS = frozenset(
    {
        "cache",
        "prefix",
        "local-prefix",
        "userconfig",
        "globalconfig",
        "global",
        "location",
        "script-shell",
        "shell",
        "node-options",
    }
    | {"git", "editor", "viewer", "browser", "tmp", "logs-dir", "init-module", "umask", "unsafe-perm", "node-gyp", "python"}
)
_OURS |= {"store-dir", "cache-dir", "state-dir", "global-dir", "global-bin-dir", "modules-dir", "virtual-store-dir"}
_OURS |= {"package-import-method", "userconfig", "pnpmfile-global", "script-shell"}
# Settings of Yarn (.yarnrc.yml): where it keeps files, and which files it reads and runs.
_YARN_OURS = frozenset({"cacheFolder", "globalFolder", "installStatePath", "virtualFolder", "deferredVersionFolder"})
_YARN_PATHS = frozenset({"yarnPath", "plugins", "httpsCaFilePath", "httpsCertFilePath", "httpsKeyFilePath", "caFilePath"})
_BUN_PATHS = ("cafile", "dir", "globalDir", "globalBinDir")
_SETTINGS = (".npmrc", ".yarnrc", ".yarnrc.yml", "pnpm-workspace.yaml", "bunfig.toml")
_OTHER_LOCKS = ("pnpm-lock.yaml", "yarn.lock", "bun.lock")
_LOCKED_PATH = re.compile(
    r"(?:file|link|portal|directory|tarball):\s*['\"]?(?P<path>[^\s'\",}#]+)|@file:(?P<other>[^\s'\"#:]+)"
)
_PATHS = ("cafile", "certfile", "keyfile", "key", "cert")


def check_node(source: Source) -> None:
    """Check all files that npm, pnpm, Yarn and Bun read. Raises `Refused` if something in them leaves the source."""
    inner = [f"{name}/package.json" for name in members(SourceFolder(source.folder))]
    files = ("package.json", *LOCKS, *_OTHER_LOCKS, *_SETTINGS, *inner)
    for name in files:
        path = source.folder / name
        if path.is_symlink() and not source.holds(path):
            source.refuse(name, "is a link that leads out of the source; put the file itself there", file=name, line=1)
    for name in ("package.json", *inner):
        _check_package(source, name)
    for name in LOCKS:
        _check_lock(source, name)
    for name in _OTHER_LOCKS:
        _check_lines(source, name)
    _check_settings(source)
    _check_pnpm(source)
    _check_yarn(source)
    _check_bun(source)


def _json(source: Source, name: str) -> tuple[str, Mapping[str, Any]]:
    text = source.text(name) or "{}"
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused(f"{name} cannot be read: {str(error)[:200]}.") from error
    return text, content if isinstance(content, dict) else {}


def _check_package(source: Source, name: str) -> None:
    text, package = _json(source, name)
    for value in (value for group in _GROUPS for value in _texts(package.get(group)) if is_path(_bare(value))):
        source.check(_bare(value), file=name, line=line_of(text, value))
    workspaces = package.get("workspaces")
    for value in _texts(workspaces.get("packages") if isinstance(workspaces, dict) else workspaces):
        source.check(value.lstrip("!"), file=name, line=line_of(text, value))
    pnpm = package.get("pnpm")
    for group in ("overrides", "patchedDependencies"):
        for value in _texts(pnpm.get(group) if isinstance(pnpm, dict) else None):
            if is_path(value):
                source.check(value, file=name, line=line_of(text, value))


def _bare(value: str) -> str:
    """The version of a dependency without the prefix that says that the workspace has the package (``workspace:*``)."""
    return value.removeprefix("workspace:") if value.startswith("workspace:") else value


def _check_lock(source: Source, name: str) -> None:
    text, lock = _json(source, name)
    packages = lock.get("packages")
    for path, entry in packages.items() if isinstance(packages, dict) else ():
        source.check(path or ".", file=name, line=line_of(text, f'"{path}"'))
        _check_entry(source, entry, text, name)
    for entry in _entries(lock.get("dependencies")):
        _check_entry(source, entry, text, name)


def _check_entry(source: Source, entry: Any, text: str, name: str) -> None:
    if not isinstance(entry, dict):
        return
    resolved, version = entry.get("resolved"), entry.get("version")
    if isinstance(resolved, str) and (entry.get("link") or is_path(resolved)):
        source.check(resolved, file=name, line=line_of(text, resolved))
    if isinstance(version, str) and is_path(version):
        source.check(version, file=name, line=line_of(text, version))
    for value in (value for group in _GROUPS for value in _texts(entry.get(group)) if is_path(value)):
        source.check(value, file=name, line=line_of(text, value))


def _entries(content: Any) -> Iterator[Any]:
    """The entries of a lock file of version 1, in which entries are nested."""
    pending = [content]
    while pending:
        found = pending.pop()
        if isinstance(found, dict):
            for entry in found.values():
                yield entry
                pending.append(entry.get("dependencies") if isinstance(entry, dict) else None)


def _texts(content: Any) -> Iterator[str]:
    """All texts in a value, at any depth."""
    pending = [content]
    while pending:
        found = pending.pop()
        if isinstance(found, str):
            yield found
        elif isinstance(found, dict):
            pending += list(found.values())
        elif isinstance(found, list):
            pending += found


def _check_settings(source: Source) -> None:
    for number, line in enumerate((source.text(".npmrc") or "").splitlines(), 1):
        name, equals, value = line.partition("=")
        key = re.sub(r"\[\]$", "", name.strip().strip("\"'")).lower().replace("_", "-")
        if not equals or key.startswith(("#", ";")):
            continue
        value, last = value.strip().strip("\"'"), key.rpartition(":")[2]
        if key in _OURS:
            source.refuse(line, "is Fairway's to decide; remove it", file=".npmrc", line=number)
        if (last in _PATHS and "BEGIN" not in value) or is_path(value):
            source.check(value, file=".npmrc", line=number)


def _check_lines(source: Source, name: str) -> None:
    """Check lock files that are neither JSON nor TOML: every local path in them, line by line."""
    for number, line in enumerate((source.text(name) or "").splitlines(), 1):
        for found in _LOCKED_PATH.finditer(line):
            value = found["path"] or found["other"]
            if is_path(value) or (found["path"] and not re.match(r"[a-z+]+:", value)):
                source.check(value, file=name, line=number)


def _check_pnpm(source: Source) -> None:
    settings = pnpm_settings(SourceFolder(source.folder))
    for key, item in settings.items():
        if re.sub(r"([A-Z])", r"-\1", key).lower() in _OURS:
            source.refuse(key, "is Fairway's to decide; remove it", file="pnpm-workspace.yaml", line=item.line)
        for value in _scalars(item):
            if key == "packages" or is_path(value.text()):
                source.check(value.text().lstrip("!"), file="pnpm-workspace.yaml", line=value.line)


def _check_yarn(source: Source) -> None:
    text = source.text(".yarnrc.yml") or ""
    try:
        entries = root_of(text, ".yarnrc.yml").entries if text.strip() else []
    except Invalid as error:
        raise Refused(f"{error.field}: {error.sentence}") from None
    for entry in entries:
        if entry.key in _YARN_OURS:
            source.refuse(entry.key, "is Fairway's to decide; remove it", file=".yarnrc.yml", line=entry.value.line)
        for value in _scalars(entry.value):
            if (entry.key in _YARN_PATHS and "://" not in value.text()) or is_path(value.text()):
                source.check(value.text(), file=".yarnrc.yml", line=value.line)
    for number, line in enumerate((source.text(".yarnrc") or "").splitlines(), 1):
        words = line.split(None, 1)
        if len(words) == 2 and words[0].strip('"-') in (
            "yarn-path",
            "cache-folder",
            "cafile",
            "global-folder",
            "modules-folder",
        ):
            source.check(words[1].strip("\"' "), file=".yarnrc", line=number)


def _scalars(item: Item) -> Iterator[Item]:
    """All texts below a value of a YAML file."""
    pending = [item]
    while pending:
        found = pending.pop()
        if found.is_text():
            yield found
        elif found.is_sequence():
            pending += found.sequence()
        elif not found.is_null():
            pending += [entry.value for entry in found.entries]


def _check_bun(source: Source) -> None:
    text = source.text("bunfig.toml") or ""
    try:
        install = tomllib.loads(text).get("install")
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise Refused(f"bunfig.toml cannot be read: {str(error)[:200]}.") from error
    tables = [install, install.get("cache") if isinstance(install, dict) else None]
    for table in (candidate for candidate in tables if isinstance(candidate, dict)):
        for key in _BUN_PATHS:
            for value in _texts(table.get(key)):
                source.check(value, file="bunfig.toml", line=line_of(text, value))
