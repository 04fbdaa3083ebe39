"""Finds an older Python for requirements that were written some years ago and name no Python: which packages do not work
with today's Python, and which Pythons of this machine to try. Pure rules about what uv printed."""

from __future__ import annotations

import re

from packaging.version import Version

from fairway.drivers.builders.pythons import Interpreter

# By package: (the first release that newer Pythons can import, the newest Python that can import earlier releases). Earlier
# releases import from “collections” what has moved to “collections.abc”.
_LAST = {"jinja2": ("2.11", "3.9"), "html5lib": ("1.1", "3.9"), "networkx": ("2.5", "3.8"), "dask": ("2.5", "3.9")}
_PINNED = re.compile(r"\s*(?P<name>[\w.-]+)\s*==\s*(?P<version>\d[\w.]*)")
OLDEST = Version("3.7")  # most packages have no wheels for older Pythons
_CULPRITS = (
    re.compile(r"(?:Because|and) (?P<package>[\w.-]+)(?:==\S+)? has (?:invalid metadata|no wheels with a matching Python)"),
    re.compile(r"Failed to (?:build|download and build)(?: source distribution)? `(?P<package>[\w.-]+)==[^`]+`"),
    re.compile(r"(?:Because|and) (?P<package>[\w.-]+)==\S+ depends on Python"),
)
_MADE_FOR = re.compile(
    r"only found wheels for `(?P<package>[\w.-]+)`[^\n]*Python \w+ tags?: (?P<tags>(?:`cp\d+\w*`(?:, )?)+)"
)


def culprits(text: str) -> frozenset[str]:
    """The packages that uv could neither use nor build for the requested Python."""
    return frozenset(found["package"].lower() for pattern in _CULPRITS for found in pattern.finditer(text))


def made_for(text: str) -> tuple[str, str]:
    """(package, the newest Python that its wheels are for), as uv's hint names them; empty texts if there is no hint."""
    found = _MADE_FOR.search(text)
    versions = [Version(f"{tag[0]}.{tag[1:]}") for tag in re.findall(r"cp(\d+)", found["tags"])] if found else []
    return (found["package"], str(max(versions))) if found and versions else ("", "")


def last_python(requirements: str) -> str:
    """The newest Python that can import the pinned packages, if they install for newer ones but cannot be imported there;
    "" if there is no such limit."""
    for line in requirements.splitlines():
        if (found := _PINNED.match(line)) and (known := _LAST.get(found["name"].lower().replace("_", "-"))):
            release, python = known
            if _numbers(found["version"]) < _numbers(release):
                return python
    return ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def older_than(version: str, known: list[Interpreter]) -> list[Interpreter]:
    """The Pythons older than `version` to try, the newest minor version first and of each the newest patch."""
    best: dict[tuple[int, int], Interpreter] = {}
    for interpreter in sorted(known, key=lambda interpreter: Version(interpreter.version)):
        number = Version(interpreter.version)
        if number >= OLDEST and (number.major, number.minor) < (Version(version).major, Version(version).minor):
            best[number.major, number.minor] = interpreter
    return [best[minor] for minor in sorted(best, reverse=True)]
