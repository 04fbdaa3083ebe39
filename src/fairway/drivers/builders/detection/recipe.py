"""What the language detectors hand on: a spec in the making, with the findings that explain it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from fairway.drivers.builders.contract import Finding, Spec
from fairway.drivers.builders.detection.source_folder import SourceFolder

PORT = "{port}"
HOST = "{host}"  # 127.0.0.1 where instances share the machine, 0.0.0.0 where each has its own network
HEALTH_WORDS = ("health", "healthz", "health/", "healthz/", "_health", "up", "livez", "status/health")
_VERSION = re.compile(r"v?\d[\w.+-]{0,60}")


@dataclass(frozen=True)
class Recipe:
    """A spec and why it is what it is."""

    spec: Spec
    findings: tuple[Finding, ...] = ()
    remarks: tuple[Finding, ...] = ()
    problem: str = ""
    offer: str = ""

    def noting(self, what: str, because: str) -> Recipe:
        """The same recipe with one more finding."""
        return replace(self, findings=(*self.findings, Finding(what, because)))

    def remarking(self, what: str, because: str) -> Recipe:
        """The same recipe with a warning that every door shows."""
        return replace(self, remarks=(*self.remarks, Finding(what, because)))

    def blocked(self, problem: str, offer: str = "") -> Recipe:
        """The same recipe, which cannot be run as it is: one sentence says why and what to do; `offer` is a file to add."""
        return replace(self, problem=problem, offer=offer)

    def changed(self, **fields: Any) -> Recipe:
        """The same recipe with some fields of its spec replaced."""
        return replace(self, spec=replace(self.spec, **fields))

    def with_install(self, **options: Any) -> Recipe:
        """The same recipe with more options for the builder."""
        return self.changed(install={**self.spec.install, **options})


class Undetectable(Exception):
    """A file is there that should tell, but is wrong; the sentence says where and what to do."""

    def __init__(self, sentence: str, file: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.file = file or sentence.partition(" ")[0].rstrip(":")


def version_file(folder: SourceFolder) -> str:
    """The first word of a ``VERSION`` file, "" when there is none that looks like a version."""
    words = folder.text("VERSION", largest=1024).split()
    return words[0] if words and _VERSION.fullmatch(words[0]) else ""


def version_of(folder: SourceFolder) -> str:
    """The version that a manifest or a ``VERSION`` file of the folder states, "" when none does."""
    for file, tables in (("pyproject.toml", (("project",), ("tool", "poetry"))), ("package.json", ((),))):
        try:
            content = folder.toml(file) if file.endswith(".toml") else folder.json(file)
        except ValueError:
            continue
        for path in tables:
            table: Any = content
            for name in path:
                table = table.get(name) if isinstance(table, dict) else None
            version = table.get("version") if isinstance(table, dict) else None
            if isinstance(version, str) and version:
                return version
    return version_file(folder)


def health_route(source: str) -> str | None:
    """The health path that a source text declares as a quoted route, if it is one of the usual words."""
    for word in HEALTH_WORDS:
        if re.search(rf"[\"']/?{re.escape(word)}[\"']", source) and (word != "up" or re.search(r"[\"']/up[\"']", source)):
            return f"/{word}"
    return None
