"""What npm's files of a source point at, checked to lie inside it. Pure reading."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from fairway.drivers.builders.inside import Source, is_path, line_of
from fairway.shared.failures import Refused

_GROUPS = (
    *("dependencies", "devDependencies", "optionalDependencies", "peerDependencies", "bundleDependencies"),
    *("overrides", "resolutions"),
)
LOCKS = ("package-lock.json", "npm-shrinkwrap.json")
# Settings of npm that say where things are kept or which programs run: those are Fairway's.
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
_PATHS = ("cafile", "certfile", "keyfile", "key", "cert")


def check_node(source: Source) -> None:
    """Refuse whatever leaves the source in the files npm reads. Raises `Refused`."""
    for name in ("package.json", *LOCKS, ".npmrc"):
        place = source.folder / name
        if place.is_symlink() and not source.holds(place):
            source.refuse(name, "is a link that leads out of the source; put the file itself there", file=name, line=1)
    _check_package(source)
    for name in LOCKS:
        _check_lock(source, name)
    _check_settings(source)


def _json(source: Source, name: str) -> tuple[str, Mapping[str, Any]]:
    text = source.text(name) or "{}"
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused(f"{name} cannot be read: {str(error)[:200]}.") from error
    return text, content if isinstance(content, dict) else {}


def _check_package(source: Source) -> None:
    text, package = _json(source, "package.json")
    for value in (value for group in _GROUPS for value in _texts(package.get(group)) if is_path(value)):
        source.check(value, file="package.json", line=line_of(text, value))
    workspaces = package.get("workspaces")
    for value in _texts(workspaces.get("packages") if isinstance(workspaces, dict) else workspaces):
        source.check(value.lstrip("!"), file="package.json", line=line_of(text, value))


def _check_lock(source: Source, name: str) -> None:
    text, lock = _json(source, name)
    packages = lock.get("packages")
    for place, entry in packages.items() if isinstance(packages, dict) else ():
        source.check(place or ".", file=name, line=line_of(text, f'"{place}"'))
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
    """The entries of an old lock file, which lie inside each other."""
    pending = [content]
    while pending:
        found = pending.pop()
        if isinstance(found, dict):
            for entry in found.values():
                yield entry
                pending.append(entry.get("dependencies") if isinstance(entry, dict) else None)


def _texts(content: Any) -> Iterator[str]:
    """Every text in a value, however deep."""
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
