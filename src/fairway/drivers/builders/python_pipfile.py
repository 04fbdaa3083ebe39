"""Converts Pipenv's Pipfile and Pipfile.lock into requirements for uv. Pure functions."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from typing import Any

from fairway.drivers.builders.python_tables import is_usual_index, origin_of, requirement, table
from fairway.shared.failures import Refused


def pipfile_requirements(text: str) -> list[str]:
    """The requirement lines for the packages in a Pipfile, without development packages. Raises `Refused` if it cannot be
    read."""
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused(f"Pipfile cannot be read: {error}. Correct it.") from None
    sources = data.get("source")
    lines = _indexes(sources if isinstance(sources, list) else [])
    return lines + [_line(name, wish) for name, wish in table(data, "packages").items()]


def locked_requirements(text: str) -> list[str] | None:
    """The requirement lines for the packages that a Pipfile.lock pins, with hashes; None if it pins nothing because it
    was never locked. Raises `Refused` if it cannot be read."""
    try:
        data = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise Refused(f"Pipfile.lock cannot be read: {error}. Lock the dependencies again.") from None
    packages = data.get("default") if isinstance(data, dict) else None
    if not isinstance(packages, dict):
        return None
    sources = table(data, "_meta").get("sources")
    lines = _indexes(sources if isinstance(sources, list) else [])
    return lines + [_line(name, wish) for name, wish in sorted(packages.items())]


def _indexes(sources: list[Any]) -> list[str]:
    """Options for the indexes. The first index replaces PyPI if the file names no usual one; all others are used as well."""
    urls = [str(source["url"]) for source in sources if isinstance(source, dict) and source.get("url")]
    own = [url for url in urls if not is_usual_index(url)]
    if not own:
        return []
    only_own = len(own) == len(urls)
    first = f"--index-url {own[0]}" if only_own else f"--extra-index-url {own[0]}"
    return [first, *(f"--extra-index-url {url}" for url in own[1:])]


def _line(name: str, wish: Any) -> str:
    entry: Mapping[str, Any] = wish if isinstance(wish, dict) else {"version": str(wish)}
    version = str(entry.get("version") or "")
    marker = str(entry.get("markers") or "")
    own = [f"{key} {text}" for key, text in entry.items() if key in _MARKERS and isinstance(text, str)]
    line = requirement(
        name,
        extras=entry.get("extras"),
        versions="" if version.strip() == "*" else version,
        origin=origin_of(entry, name),
        marker=" and ".join(f"({part})" for part in (marker, *own) if part),
    )
    hashes = entry.get("hashes")
    return " ".join([line, *(f"--hash={text}" for text in (hashes if isinstance(hashes, list) else []))])


_MARKERS = (
    *("os_name", "sys_platform", "platform_machine", "platform_python_implementation", "platform_system"),
    *("python_version", "python_full_version", "implementation_name"),
)
