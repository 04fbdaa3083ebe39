"""Converts version ranges of Poetry, conda and similar tools into specifiers of PEP 440. Pure."""

from __future__ import annotations

import re

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

_PART = re.compile(r"(?:(?P<operator>\^|~=|~|===?|!=|<=|>=|<|>|=)\s*)?v?(?P<version>\*|[0-9][\w.*+!-]*)")


def pep440(text: str) -> str:
    """A range as a specifier of PEP 440: ``^1.2`` becomes ``>=1.2,<2``, ``~1.2`` becomes ``>=1.2,<1.3``, ``*`` becomes "".

    Of alternatives (``^2.7 || ^3.6``) only the last is used, because PEP 440 has none. Raises `ValueError` if the text is no
    range.
    """
    rest = re.split(r"\|\|?", text)[-1].strip(" \t,")
    found: list[str] = []
    while rest:
        part = _PART.match(rest)
        if part is None:
            raise ValueError(f"“{text[:80]}” is no range of versions")
        found += _specifiers(part["operator"] or "", part["version"])
        rest = rest[part.end() :].strip(" \t,")
    joined = ",".join(found)
    try:
        SpecifierSet(joined)
    except InvalidSpecifier:
        raise ValueError(f"“{text[:80]}” is no range of versions") from None
    return joined


def _specifiers(operator: str, version: str) -> list[str]:
    if version == "*":
        return []
    version = re.sub(r"\.[xX](?=\.|$)", ".*", version)
    version = re.sub(r"(\.\*)+$", ".*", version)
    if version.endswith(".*") or operator not in ("^", "~"):
        return [f"{'==' if operator in ('', '=', '^', '~') else operator}{version}"]
    try:
        release = Version(version).release
    except InvalidVersion:
        raise ValueError(f"“{version[:80]}” is no version") from None
    return [f">={version}", f"<{_next(release, operator)}"]


def _next(release: tuple[int, ...], operator: str) -> str:
    """The first version that a caret or a tilde excludes."""
    if operator == "~":
        position = min(len(release) - 1, 1)
    else:
        position = next((index for index, number in enumerate(release) if number), len(release) - 1)
    return ".".join(str(number) for number in (*release[:position], release[position] + 1))
