"""What the manifests of several package managers have in common: tables that describe one dependency. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

_USUAL = re.compile(r"https://(?:pypi\.(?:org|python\.org)|files\.pythonhosted\.org)(?:/simple)?/?", re.I)


def table(data: Any, *names: str) -> dict[str, Any]:
    """The table under these names; empty if there is none."""
    for name in names:
        data = data.get(name) if isinstance(data, Mapping) else None
    return dict(data) if isinstance(data, Mapping) else {}


def is_usual_index(url: str) -> bool:
    """Whether the URL is PyPI, where packages come from unless this machine is configured otherwise."""
    return bool(_USUAL.fullmatch(url.strip()))


def origin_of(entry: Mapping[str, Any], name: str) -> str:
    """Where a dependency comes from if not from an index: a folder, a URL or a repository; "" for an index."""
    path = entry.get("path") or entry.get("file")
    if isinstance(path, str) and path:
        return path if re.match(r"[a-z][a-z0-9+.-]+:", path, re.I) else _as_path(path)
    if isinstance(entry.get("url"), str):
        return str(entry["url"])
    repository = entry.get("git")
    if not isinstance(repository, str) or not repository:
        return ""
    ref = next((str(entry[key]) for key in ("rev", "ref", "tag", "branch") if entry.get(key)), "")
    inside = f"#subdirectory={entry['subdirectory']}" if entry.get("subdirectory") else ""
    return f"git+{_https(repository)}{f'@{ref}' if ref else ''}{inside}"


def requirement(name: str, *, extras: Any = (), versions: str = "", origin: str = "", marker: str = "") -> str:
    """One requirement line for uv."""
    wanted = f"[{','.join(map(str, extras))}]" if isinstance(extras, list | tuple) and extras else ""
    tail = f" ; {marker}" if marker else ""
    if origin.startswith(("./", "../")):
        return f"{origin}{wanted}{tail}"
    if origin:
        return f"{name}{wanted} @ {origin}{tail}"
    return f"{name}{wanted}{versions}{tail}"


def joined_markers(markers: Iterable[str]) -> str:
    """One marker that is true if all of these are true."""
    found = [marker for marker in markers if marker]
    return found[0] if len(found) == 1 else " and ".join(f"({marker})" for marker in found)


def _as_path(path: str) -> str:
    return path if path.startswith(("./", "../", "/", "~")) else f"./{path}"


def _https(repository: str) -> str:
    """The https URL for ``git@host:owner/name``, which would need an SSH key of this machine that a build does not have."""
    if "://" in repository:
        return repository
    short = re.fullmatch(r"git@(?P<host>[\w.-]+):(?P<path>.+)", repository)
    return f"https://{short['host']}/{short['path']}" if short else repository
