"""Versions of Node.js: reads what a project asks for in npm's range syntax, and chooses a version for it. Pure functions.

Sources: the README of node-semver ("Ranges") for the syntax, and the aliases that nvm and Volta accept in version files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

Version = tuple[int, int, int]
# Major versions with long-term support, the newest first. The old ones are for applications that ask for them.
LTS = (24, 22, 20, 18, 16, 14)
CODENAMES = {"krypton": 24, "jod": 22, "iron": 20, "hydrogen": 18, "gallium": 16, "fermium": 14, "erbium": 12}
# Used if a project asks for no version. Current build tools (Vite, Angular, Nuxt) need at least this one.
LEAST_UNASKED: Version = (20, 19, 0)
_NEWEST = ("", "*", "x", "latest", "current", "node", "stable", "lts/*", "lts", "--lts", "system", "default")
_END = 1_000_000
_PART = re.compile(
    r"(?P<sign>[<>]=?|=|\^|~>?)?\s*v?(?P<major>\d+|[xX*])(?:\.(?P<minor>\d+|[xX*]))?(?:\.(?P<patch>\d+|[xX*]))?(?:[-+][\w.+-]*)?"
)


@dataclass(frozen=True)
class Clause:
    """Versions from `least` (inclusive) to `below` (exclusive)."""

    least: Version = (0, 0, 0)
    below: Version = (_END, 0, 0)

    def __and__(self, other: Clause) -> Clause:
        return Clause(max(self.least, other.least), min(self.below, other.below))

    def holds(self, version: Version) -> bool:
        """Whether a version lies in the clause."""
        return self.least <= version < self.below

    def within(self, major: int) -> Clause | None:
        """The part of the clause in one major version; None if there is none."""
        part = self & Clause((major, 0, 0), (major + 1, 0, 0))
        return part if part.least < part.below else None

    @property
    def for_npm(self) -> str:
        """The clause as a range of npm."""
        return f">={_text(self.least)} <{_text(self.below)}"

    @property
    def for_pip(self) -> str:
        """The clause as a specifier of PEP 440."""
        return f">={_text(self.least)},<{_text(self.below)}"


@dataclass(frozen=True)
class Range:
    """What a project asks for: versions in any of these clauses. `text` is how the project writes it; "" if it asks for
    nothing."""

    text: str
    clauses: tuple[Clause, ...]

    def holds(self, version: Version) -> bool:
        """Whether a version lies in one of the clauses."""
        return any(clause.holds(version) for clause in self.clauses)

    def majors(self) -> tuple[int, ...]:
        """The major versions with a fitting version: those with long-term support first, then others, each from the
        newest."""
        others = sorted({clause.least[0] for clause in self.clauses if clause.least[0] not in LTS}, reverse=True)
        return tuple(major for major in (*LTS, *others) if self.parts(major))

    def parts(self, major: int) -> tuple[Clause, ...]:
        """The parts of the clauses in one major version."""
        return tuple(part for clause in self.clauses if (part := clause.within(major)))


def parse_range(text: str) -> Range | None:
    """Read ``engines.node`` or a version file; None if it cannot be understood."""
    asked = text.strip().lower()
    if asked in _NEWEST:
        return Range("", (Clause(LEAST_UNASKED),))
    if asked.startswith("lts/"):
        major = CODENAMES.get(asked[4:])
        return Range(text.strip(), (Clause((major, 0, 0), (major + 1, 0, 0)),)) if major else None
    clauses = [_clause(part) for part in asked.split("||")]
    return Range(text.strip(), tuple(clause for clause in clauses if clause)) if all(clauses) else None


def parse_version(text: str) -> Version | None:
    """Read ``v22.1.0`` as numbers; None for anything else."""
    found = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)", text.strip())
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def best_of(versions: Iterable[Version], asked: Range) -> Version | None:
    """The version to use among those that are present: the newest of the first major version in the order of
    `Range.majors`."""
    fitting = [version for version in versions if asked.holds(version)]
    order = [*asked.majors(), *sorted({version[0] for version in fitting}, reverse=True)]
    return max(fitting, key=lambda version: (-order.index(version[0]), version), default=None)


def _clause(text: str) -> Clause | None:
    text = text.strip()
    if text in _NEWEST:
        return Clause()
    hyphen = re.fullmatch(r"(\S+)\s+-\s+(\S+)", text)
    if hyphen:
        low, high = _PART.fullmatch(hyphen[1]), _PART.fullmatch(hyphen[2])
        return Clause(_comparator(low).least, _comparator(high).below) if low and high else None
    clause, rest = Clause(), text
    while rest:
        part = _PART.match(rest)
        if not part or (part.end() < len(rest) and rest[part.end()] not in " ,\t"):
            return None
        clause &= _comparator(part)
        rest = rest[part.end() :].lstrip(" ,\t")
    return clause


def _comparator(part: re.Match[str]) -> Clause:
    numbers = [int(value) for value in (part["major"], part["minor"], part["patch"]) if value and value.isdigit()]
    if not numbers:
        return Clause()
    major, minor, patch = [*numbers, 0, 0][:3]
    least = (major, minor, patch)
    match part["sign"] or "":
        case ">=":
            return Clause(least)
        case ">":
            return Clause(_after(numbers))
        case "<":
            return Clause(below=least)
        case "<=":
            return Clause(below=_after(numbers))
        case "^":
            return Clause(least, (numbers[0] + 1, 0, 0))
        case "~" | "~>":
            return Clause(least, _after(numbers[:2]))
        case _:
            return Clause(least, _after(numbers))


def _after(numbers: list[int]) -> Version:
    """The first version after all that begin with these numbers."""
    raised = [*numbers[:-1], numbers[-1] + 1, 0, 0][:3]
    return (raised[0], raised[1], raised[2])


def _text(version: Version) -> str:
    return ".".join(map(str, version))
