"""Converts declarations and lock files of Poetry and PDM into requirements and constraints for uv, which reads neither.
Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from packaging.utils import canonicalize_name

from fairway.drivers.builders.python_tables import is_usual_index, joined_markers, origin_of, requirement, table
from fairway.drivers.builders.version_ranges import pep440
from fairway.shared.failures import Refused

_FALLING_BACK = ("supplemental", "explicit", "secondary")


def pins_of(lock: Mapping[str, Any]) -> list[str]:
    """The versions in a lock file, as constraints. Packages with several versions (one per platform) are left out."""
    versions: dict[str, set[str]] = {}
    for package in lock.get("package") or ():
        if isinstance(package, dict) and package.get("version"):
            versions.setdefault(str(package.get("name")), set()).add(str(package["version"]))
    return sorted(f"{name}=={found.pop()}" for name, found in versions.items() if len(found) == 1)


def poetry_requirements(
    pyproject: Mapping[str, Any], extras: Collection[str] = (), groups: Collection[str] = ()
) -> list[str]:
    """The requirement lines for ``[tool.poetry]``: its main group, the `groups`, and the optional packages of the
    `extras`. Raises `Refused` for version ranges that cannot be converted."""
    poetry = table(pyproject, "tool", "poetry")
    members = {canonicalize_name(str(name)) for extra in extras for name in table(poetry, "extras").get(extra) or ()}
    tables = [table(poetry, "dependencies"), *(table(poetry, "group", name, "dependencies") for name in groups)]
    lines = _sources(poetry)
    for name, wish in (pair for dependencies in tables for pair in dependencies.items()):
        if canonicalize_name(name) != "python":
            lines += _lines(name, wish, is_wanted=canonicalize_name(name) in members)
    return lines


def _lines(name: str, wish: Any, *, is_wanted: bool) -> Iterator[str]:
    """One line, or one for each variant if the entry lists several (by platform or Python)."""
    for variant in wish if isinstance(wish, list) else [wish]:
        entry: Mapping[str, Any] = variant if isinstance(variant, dict) else {"version": str(variant)}
        if entry.get("optional") and not is_wanted:
            continue
        yield requirement(
            name,
            extras=entry.get("extras"),
            versions=_range(name, str(entry.get("version") or "")),
            origin=origin_of(entry, name),
            marker=joined_markers(_markers(name, entry)),
        )


def _range(name: str, text: str) -> str:
    try:
        return pep440(text)
    except ValueError as error:
        raise Refused(f"pyproject.toml: the version of “{name}”: {error}. Correct it.") from None


def _markers(name: str, entry: Mapping[str, Any]) -> Iterator[str]:
    yield str(entry.get("markers") or "")
    for specifier in _range(name, str(entry.get("python") or "")).split(","):
        operator = specifier.rstrip("0123456789.*")
        if specifier:
            yield f"python_full_version {operator} '{specifier[len(operator) :]}'"
    if entry.get("platform"):
        yield f"sys_platform == '{entry['platform']}'"


def _sources(poetry: Mapping[str, Any]) -> list[str]:
    """Options for indexes other than PyPI. The first index that Poetry would use instead of PyPI replaces it."""
    sources = [source for source in poetry.get("source") or () if isinstance(source, dict) and source.get("url")]
    own = [source for source in sources if not is_usual_index(str(source["url"]))]
    main = next(
        (source for source in own if source.get("priority") in ("default", None) and not source.get("secondary")), None
    )
    if (
        main is None
        or any(is_usual_index(str(source["url"])) for source in sources)
        or main.get("priority") in _FALLING_BACK
    ):
        return [f"--extra-index-url {source['url']}" for source in own]
    option = "--index-url" if main.get("default") or main.get("priority") == "default" else "--extra-index-url"
    return [f"{option if source is main else '--extra-index-url'} {source['url']}" for source in own]
