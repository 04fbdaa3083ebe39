"""Parses manifests: ``release.yaml`` for a whole release, and pasted lists of packages. Pure.

::

    release: Autumn
    version: "2026.11"
    manager: grace
    targets: [staging, production]
    packages:
      catalog-db:
        source: registry.example.com/shop/db:16.2
        stage: ready
      catalog-api:
        source: https://git.example.com/shop/api.git#v1.4
        needs: [catalog-db]
      storefront:
        source: shop-web 2.0  # a version that was built already
        application: shop-web

Each error names its line. YAML aliases are resolved, but cannot multiply the work, because nothing is read deeper than the
format goes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from fairway.releases.graph import cycle_closed_by, needs_of
from fairway.releases.rules import MOST_PACKAGES, Stage
from fairway.releases.source_input import parse_source_input
from fairway.shared.names import Invalid
from fairway.shared.yaml_with_lines import Item, refuse, root_of

FILE = "release.yaml"
COLUMNS = ("name", "version", "needs", "stage", "application")
_TOP = ("release", "version", "description", "manager", "deputy", "targets", "packages")
_PACKAGE = ("source", "stage", "needs", "application")
_HINTS = {"version": "give it as “source”", "status": "give it as “stage”", "depends_on": "give it as “needs”"}
LONGEST_PASTE = 256 * 1024  # characters


@dataclass(frozen=True)
class PackageManifest:
    """One package of a manifest; `line` is its line number, from 1."""

    name: str
    source: str
    stage: str
    needs: tuple[str, ...]
    line: int
    application: str = ""  # "" if it is named like the package


@dataclass(frozen=True)
class ReleaseManifest:
    """A whole manifest. None means that the key is missing."""

    name: str
    version: str
    description: str | None
    manager: str | None
    deputy: str | None
    targets: tuple[str, ...] | None
    packages: tuple[PackageManifest, ...]
    lines: Mapping[str, int] = field(default_factory=dict)  # the line number of each key


def parse_release(text: str, *, file: str = FILE) -> ReleaseManifest:
    """Parse ``release.yaml``. Raises `Invalid` with file and line as its field."""
    top = root_of(text, file)
    top.only(_TOP)
    targets = top.get("targets")
    return ReleaseManifest(
        name=top.require("release").text(),
        version=top.require("version").text(),
        description=_text(top.get("description")),
        manager=_text(top.get("manager")),
        deputy=_text(top.get("deputy")),
        targets=tuple(one.text() for one in targets.sequence()) if targets is not None else None,
        packages=_packages(top.get("packages"), file),
        lines={entry.key: entry.value.line for entry in top.entries},
    )


def parse_pasted(text: str) -> tuple[PackageManifest, ...]:
    """Parse a list of packages: YAML (a mapping as under ``packages``), or CSV with commas, semicolons or tabs.

    The first CSV line may name the columns. Raises `Invalid`, which names the line.
    """
    if len(text) > LONGEST_PASTE:
        raise Invalid("text", "is longer than {most} characters; paste it in parts.", most=LONGEST_PASTE)
    if not text.strip():
        raise Invalid("text", "is empty; paste one package a line.")
    packages = _packages(root_of(text, "text"), "text") if _looks_like_yaml(text) else _from_csv(text)
    if not packages:
        raise Invalid("text", "is empty; paste one package a line.")
    return packages


def refuse_unknown_needs(packages: Iterable[PackageManifest], known: Collection[str]) -> None:
    """Raise `Invalid`, which names the line, if a package needs one that is neither in the list nor in `known`, the names
    of the release's packages."""
    added = list(packages)
    there = {*known, *(one.name for one in added)}
    for one in added:
        if one.name in known:
            raise Invalid("text", "line {line}: “{name}” is in this release already.", line=one.line, name=one.name)
        for needed in one.needs:
            if needed not in there:
                words = {"line": one.line, "name": needed[:80]}
                raise Invalid("text", "line {line}: “{name}” is not a package of this release.", **words)


def _text(item: Item | None) -> str | None:
    return item.text() if item is not None and not item.is_null() else None


def _packages(item: Item | None, file: str) -> tuple[PackageManifest, ...]:
    if item is None or item.is_null():
        return ()
    if inner := (item.get("packages") if file == "text" else None):
        item = inner
    found = tuple(_package(entry.key, entry.value) for entry in item.entries)
    return _checked(found, file)


def _package(name: str, item: Item) -> PackageManifest:
    if item.is_text():  # “name: source” is enough
        return _read(name, item.text(), Stage.REGISTERED, (), item)
    item.only(_PACKAGE, _HINTS)
    needs, stage = item.get("needs"), item.get("stage")
    names = tuple(one.text() for one in needs.sequence()) if needs is not None and not needs.is_null() else ()
    source, owner = item.require("source").text(), _text(item.get("application")) or ""
    return _read(name, source, stage.text() if stage else Stage.REGISTERED, names, item, owner)


def _read(name: str, source: str, stage: str, needs: tuple[str, ...], item: Item, application: str = "") -> PackageManifest:
    try:
        return _package_manifest(name, source, stage, needs, item.line, application)
    except Invalid as problem:
        refuse(item, f"{problem.field} {problem.sentence}".rstrip("."))


def _package_manifest(
    name: str, source: str, stage: str, needs: tuple[str, ...], line: int, application: str
) -> PackageManifest:
    if not name.strip():
        raise Invalid("name", "is empty.")
    if stage.lower() not in set(Stage):
        raise Invalid("stage", "use one of {names}.", names=", ".join(Stage))
    parse_source_input(source, field="source")
    return PackageManifest(name.strip(), source.strip(), stage.lower(), needs, line, application.strip())


def _looks_like_yaml(text: str) -> bool:
    """Whether the text is YAML, which has keys that end in a colon; in CSV the first comma comes before any “: ”."""
    first = next((line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")), "")
    return first.rstrip().endswith(":") or (": " in first and not {",", ";", "\t"} & set(first.split(": ")[0]))


def _from_csv(text: str) -> tuple[PackageManifest, ...]:
    reader = csv.reader(io.StringIO(text.lstrip("\ufeff")), delimiter=_delimiter(text), strict=True)
    try:
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as problem:
        raise Invalid("text", "line {line}: is not valid CSV: {problem}.", line=reader.line_num, problem=problem) from None
    columns: Sequence[str] = COLUMNS
    if rows and "name" in [cell.lower() for cell in rows[0][1]]:
        columns = _columns(rows.pop(0))
    return _checked(tuple(_from_row(line, dict(zip(columns, row, strict=False))) for line, row in rows), "text")


def _delimiter(text: str) -> str:
    first = next(line for line in text.splitlines() if line.strip())
    return max("\t;,", key=first.count)


def _columns(head: tuple[int, list[str]]) -> list[str]:
    line, names = head[0], [{"source": "version", "status": "stage"}.get(one.lower(), one.lower()) for one in head[1]]
    for name in names:
        if name not in COLUMNS:
            words = {"line": line, "name": name[:40], "names": ", ".join(COLUMNS)}
            raise Invalid("text", "line {line}: there is no column “{name}”; use {names}.", **words)
    return names


def _from_row(line: int, row: dict[str, str]) -> PackageManifest:
    try:
        needs = tuple(row.get("needs", "").replace(",", " ").split())
        stage, application = row.get("stage", "") or Stage.REGISTERED, row.get("application", "")
        return _package_manifest(row.get("name", ""), row.get("version", ""), stage, needs, line, application)
    except Invalid as problem:
        raise Invalid("text", "line {line}: {problem}", line=line, problem=f"{problem.field} {problem.sentence}") from None


def _checked(packages: tuple[PackageManifest, ...], file: str) -> tuple[PackageManifest, ...]:
    """The packages, if no name is repeated, they are not too many, and their needs have no cycle. Raises `Invalid`."""
    if len(packages) > MOST_PACKAGES:
        raise Invalid(file, "names {count} packages; a release has at most {most}.", count=len(packages), most=MOST_PACKAGES)
    seen: set[str] = set()
    for package in packages:
        if package.name in seen:
            raise Invalid(file, "line {line}: “{name}” is written twice.", line=package.line, name=package.name)
        seen.add(package.name)
    _refuse_cycle(packages, file)
    return packages


def _refuse_cycle(packages: Iterable[PackageManifest], file: str) -> None:
    edges: list[tuple[str, str]] = []
    names = [package.name for package in packages]
    for one in packages:
        for needed in one.needs:
            cycle = [one.name, one.name] if needed == one.name else cycle_closed_by(one.name, needed, needs_of(names, edges))
            if cycle:
                chain = " → ".join(cycle)
                raise Invalid(file, "line {line}: closes a cycle: {chain}.", line=one.line, chain=chain)
            edges.append((one.name, needed))
