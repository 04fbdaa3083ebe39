"""How sources become artifacts: fetch → detect → build. Pure data, no Django, no I/O.

Every verb takes the runtimes' `Progress` (log lines out, cancellation in) and raises the typed failures of
`fairway.shared.failures` with a sentence for the person on the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from fairway.drivers.runtimes.contract import ArtifactKind, ArtifactRef, Progress


@dataclass(frozen=True)
class Checkout:
    """A folder of source code on this machine and where it came from.

    `checksum` is the SHA-256 over the tree (paths, modes, contents). For Git, `commit` is the full id and `author`,
    `committed_at`, `message` are the commit's own.
    """

    folder: Path
    checksum: str
    commit: str = ""
    author: str = ""
    committed_at: datetime | None = None
    message: str = ""


@dataclass(frozen=True)
class Spec:
    """The application spec that detection proposes, a person may change, and an artifact freezes.

    One service. `command` is an argv list in which ``{port}`` stands for the port to listen on; None means "the image's own
    command". `kind` is the recipe: ``dockerfile``, ``python``, ``node``, ``static`` or ``image``. `install` holds
    recipe options (Python version, lock file, npm build script, …). `requires` names variables that must be set
    (``${VAR}`` in compose). With `sticky`, a visitor stays with one of several instances. `release` is an argv list that
    runs once before each new version starts; None means that there is nothing to run.
    """

    kind: str
    framework: str = ""
    command: tuple[str, ...] | None = None
    port: int = 8080
    health_path: str | None = None
    version: str = ""
    root: str = "."
    install: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    requires: tuple[str, ...] = ()
    volumes: tuple[tuple[str, str], ...] = ()  # (name, target)
    memory_bytes: int | None = None
    cpus: float | None = None
    stop_grace: float = 10.0
    sticky: bool = False
    release: tuple[str, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """The JSON form stored with the application and the artifact."""
        return {
            "kind": self.kind,
            "framework": self.framework,
            "command": list(self.command) if self.command is not None else None,
            "port": self.port,
            "health_path": self.health_path,
            "version": self.version,
            "root": self.root,
            "install": dict(self.install),
            "environment": dict(self.environment),
            "requires": list(self.requires),
            "volumes": [list(pair) for pair in self.volumes],
            "memory_bytes": self.memory_bytes,
            "cpus": self.cpus,
            "stop_grace": self.stop_grace,
            "sticky": self.sticky,
            "release": list(self.release) if self.release is not None else None,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Spec:
        """Read what `to_json` wrote. Unknown keys are refused with a ValueError naming them."""
        unknown = set(data) - set(cls.__dataclass_fields__)
        if unknown:
            raise ValueError(f"unknown spec keys: {', '.join(sorted(unknown))}")
        values = dict(data)
        if values.get("command") is not None:
            values["command"] = tuple(values["command"])
        if values.get("release") is not None:
            values["release"] = tuple(values["release"])
        values["requires"] = tuple(values.get("requires") or ())
        values["volumes"] = tuple((name, target) for name, target in values.get("volumes") or ())
        return cls(**values)


@dataclass(frozen=True)
class Finding:
    """One thing detection saw, for the page: what, and which file says so."""

    what: str
    because: str


@dataclass(frozen=True)
class Detection:
    """What a folder is. `spec` is None when it could not be told; `advice` then says what to add."""

    spec: Spec | None
    findings: tuple[Finding, ...] = ()
    advice: str = ""


@dataclass(frozen=True)
class BuildLimits:
    """Ceilings of one build: seconds, bytes of memory, CPUs. Source: Dokploy#4461, a build exhausted its host."""

    seconds: float = 900.0
    memory_bytes: int = 2 * 1024 * 1024 * 1024
    cpus: float = 1.5


@dataclass(frozen=True)
class BuildRequest:
    """One build. `name` is the application's slug, used to tag images and name folders; never trusted as a path."""

    name: str
    checkout: Checkout
    spec: Spec
    limits: BuildLimits = field(default_factory=BuildLimits)


@dataclass(frozen=True)
class Built:
    """What came out: the artifact, how it was made ("buildx", "classic builder", "uv", …) and its size in bytes."""

    artifact: ArtifactRef
    builder: str
    size_bytes: int


class Builder(Protocol):
    """Turns a checkout and a spec into one artifact. Building the same request twice gives (or adopts) the same one."""

    produces: ArtifactKind

    def build(self, request: BuildRequest, progress: Progress) -> Built: ...
