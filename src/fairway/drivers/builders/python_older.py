"""Requirements of some years ago that name no Python: which packages the Python of today cannot take, and which older one of
this machine can. Pure rules over what uv printed."""

from __future__ import annotations

import re

from packaging.version import Version

from fairway.drivers.builders.pythons import Interpreter

# From which release on a package can be imported by Pythons newer than the one that is named: those before look in
# “collections” for what moved to “collections.abc”.
_LAST = {"jinja2": ("2.11", "3.9"), "html5lib": ("1.1", "3.9"), "networkx": ("2.5", "3.8"), "dask": ("2.5", "3.9")}
_PINNED = re.compile(r"\s*(?P<name>[\w.-]+)\s*==\s*(?P<version>\d[\w.]*)")
OLDEST = Version("3.7")  # below it, the wheels of most packages are gone
_CULPRITS = (
    re.compile(r"(?:Because|and) (?P<package>[\w.-]+)(?:==\S+)? has (?:invalid metadata|no wheels with a matching Python)"),
    re.compile(r"Failed to (?:build|download and build)(?: source distribution)? `(?P<package>[\w.-]+)==[^`]+`"),
    re.compile(r"(?:Because|and) (?P<package>[\w.-]+)==\S+ depends on Python"),
)
_MADE_FOR = re.compile(
    r"only found wheels for `(?P<package>[\w.-]+)`[^\n]*Python \w+ tags?: (?P<tags>(?:`cp\d+\w*`(?:, )?)+)"
)


def culprits(text: str) -> frozenset[str]:
    """The packages that uv could neither take nor build for the Python it was asked for."""
    return frozenset(found["package"].lower() for pattern in _CULPRITS for found in pattern.finditer(text))


def made_for(text: str) -> tuple[str, str]:
    """(package, the newest Python that its wheels are for) as uv's hint says it; empty where it says nothing."""
    found = _MADE_FOR.search(text)
    versions = [Version(f"{tag[0]}.{tag[1:]}") for tag in re.findall(r"cp(\d+)", found["tags"])] if found else []
    return (found["package"], str(max(versions))) if found and versions else ("", "")


def last_python(requirements: str) -> str:
    """The newest Python that pinned packages can be imported with, which install for newer ones all the same; "" for any."""
    for line in requirements.splitlines():
        if (found := _PINNED.match(line)) and (known := _LAST.get(found["name"].lower().replace("_", "-"))):
            release, python = known
            if _numbers(found["version"]) < _numbers(release):
                return python
    return ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def older_than(version: str, known: list[Interpreter]) -> list[Interpreter]:
    """The Pythons to try instead, the newest of each minor version first."""
    best: dict[tuple[int, int], Interpreter] = {}
    for one in sorted(known, key=lambda one: Version(one.version)):
        number = Version(one.version)
        if number >= OLDEST and (number.major, number.minor) < (Version(version).major, Version(version).minor):
            best[number.major, number.minor] = one
    return [best[minor] for minor in sorted(best, reverse=True)]
