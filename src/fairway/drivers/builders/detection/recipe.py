"""The result of the readers: a spec that is not final yet, with the findings that explain it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from fairway.drivers.builders.contract import Finding, Spec
from fairway.drivers.builders.detection.source_folder import SourceFolder

PORT = "{port}"
HOST = "{host}"  # 127.0.0.1 if instances share the machine, 0.0.0.0 if each has its own network
HEALTH_WORDS = ("health", "healthz", "health/", "healthz/", "_health", "up", "livez", "status/health")
_VERSION = re.compile(r"v?\d[\w.+-]{0,60}")


@dataclass(frozen=True)
class Recipe:
    """A spec and the reasons for it. `problem`, `offer` and `remarks` mean the same as in `Candidate`."""

    spec: Spec
    findings: tuple[Finding, ...] = ()
    remarks: tuple[Finding, ...] = ()
    problem: str = ""
    offer: str = ""

    def noting(self, what: str, because: str) -> Recipe:
        """The same recipe with one more finding."""
        return replace(self, findings=(*self.findings, Finding(what, because)))

    def remarking(self, what: str, because: str) -> Recipe:
        """The same recipe with one more remark, which people see before they deploy."""
        return replace(self, remarks=(*self.remarks, Finding(what, because)))

    def blocked(self, problem: str, offer: str = "") -> Recipe:
        """The same recipe with a problem, because it cannot be run as it is. The sentence says why and what to do;
        `offer` is the text of a file to add."""
        return replace(self, problem=problem, offer=offer)

    def changed(self, **fields: Any) -> Recipe:
        """The same recipe with some fields of its spec replaced."""
        return replace(self, spec=replace(self.spec, **fields))

    def with_install(self, **options: Any) -> Recipe:
        """The same recipe with more options for the builder."""
        return self.changed(install={**self.spec.install, **options})


class Undetectable(Exception):
    """A file that should say how to run the source is wrong. The sentence says where and what to do."""

    def __init__(self, sentence: str, file: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.file = file or sentence.partition(" ")[0].rstrip(":")


def version_file(folder: SourceFolder) -> str:
    """The first word of a ``VERSION`` file; "" if there is none or it does not look like a version."""
    words = folder.text("VERSION", largest=1024).split()
    return words[0] if words and _VERSION.fullmatch(words[0]) else ""


def version_of(folder: SourceFolder) -> str:
    """The version that a manifest or a ``VERSION`` file of the folder states; "" if none does."""
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
    """The health path that a source text declares as a quoted route, if it is one of `HEALTH_WORDS`; otherwise None."""
    for word in HEALTH_WORDS:
        if re.search(rf"[\"']/?{re.escape(word)}[\"']", source) and (word != "up" or re.search(r"[\"']/up[\"']", source)):
            return f"/{word}"
    return None
