"""How sources become artifacts: fetch → detect → build. Pure data, no Django, no I/O.

Every function that fetches or builds takes the `Progress` of the runtimes, which receives log lines and says whether the
work is cancelled. It raises the failures of `fairway.shared.failures`, each with a sentence for the person on the page.
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

    `checksum` is the SHA-256 of the tree (paths, modes, contents). For Git, `commit` is the full id, and `author`,
    `committed_at` and `message` are those of the commit.
    """

    folder: Path
    checksum: str
    commit: str = ""
    author: str = ""
    committed_at: datetime | None = None
    message: str = ""


@dataclass(frozen=True)
class Spec:
    """The application spec: detection proposes it, a person may change it, and an artifact keeps it unchanged.

    It describes the main service, which visitors reach; `services` holds what differs for each further service (see the
    module `services`).

    `kind` is the recipe: ``dockerfile``, ``python``, ``node``, ``static``, ``program`` (built and run with a toolchain of
    this machine) or ``image``. `command` is a list of words, one program or several (see `command_line`), in which
    ``{port}`` stands for the port to listen on; None means "the image's own command". `build` is a command of the same form
    that the build runs once the dependencies are installed; `release` is one that runs once before a new version starts;
    None means that there is none. `install` holds recipe options (language version, lock file, publish folder, …).
    `requires` names variables that must be set (``${VAR}`` in compose). `stop_grace` is in seconds. With `sticky` a visitor
    stays with one replica; None leaves the choice to the framework.

    At most one of `health_path`, `health_command` and `health_tcp` is set (see `runtimes.contract.HealthCheck`).
    `start_seconds` is how long a new instance may take to become ready; None means what the installation allows.

    `files` are texts by absolute path that containers get in addition to their image; ``${VAR}`` in them stands for a
    variable, as in `environment`.
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
    build: tuple[str, ...] | None = None
    release: tuple[str, ...] | None = None
    sticky: bool | None = None
    services: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    health_command: tuple[str, ...] | None = None
    health_tcp: bool = False
    start_seconds: float | None = None
    files: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The JSON form stored with the application and the artifact. Fields that are newer than 0.12 are left out if
        they are empty: the form that earlier versions wrote must stay the same to the byte, because fingerprints are
        computed from it."""
        services = {name: _plain(differs) for name, differs in self.services.items()}
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
            "build": list(self.build) if self.build is not None else None,
            "release": list(self.release) if self.release is not None else None,
            "sticky": self.sticky,
            **({"services": services} if services else {}),
            **({"health_command": list(self.health_command)} if self.health_command else {}),
            **({"health_tcp": True} if self.health_tcp else {}),
            **({"start_seconds": self.start_seconds} if self.start_seconds is not None else {}),
            **({"files": dict(self.files)} if self.files else {}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Spec:
        """Read what `to_json` wrote. Raises ValueError, which names them, for unknown keys."""
        unknown = set(data) - set(cls.__dataclass_fields__)
        if unknown:
            raise ValueError(f"unknown spec keys: {', '.join(sorted(unknown))}")
        values = dict(data)
        # Until 0.9 this was the name of a script of package.json.
        script = dict(values.get("install") or {}).pop("build", None)
        if script:
            values["install"] = {name: value for name, value in values["install"].items() if name != "build"}
            values.setdefault("build", ("npm", "run", str(script)))
        for name in ("command", "build", "release", "health_command"):
            if values.get(name) is not None:
                values[name] = tuple(values[name])
        values["requires"] = tuple(values.get("requires") or ())
        values["volumes"] = tuple((name, target) for name, target in values.get("volumes") or ())
        return cls(**values)


def _plain(differs: Mapping[str, Any]) -> dict[str, Any]:
    """What differs for a service, with lists for tuples, so that it is the same after a round trip through JSON."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in differs.items()}


@dataclass(frozen=True)
class Finding:
    """Something that detection found, for the page: `what` it is, and in `because` the file that says so."""

    what: str
    because: str


@dataclass(frozen=True)
class Candidate:
    """One way to run a source, and why. `problem` says in one sentence why it cannot be run as it is; "" if it can.
    `offer` is then the text of a file (a Dockerfile) that would make it run, if Fairway can write one. `remarks` name
    what this way leaves unused of the source."""

    spec: Spec
    findings: tuple[Finding, ...] = ()
    problem: str = ""
    offer: str = ""
    remarks: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Detection:
    """Every way to run the source in a folder, the best first. If there is none, `advice` says what to add.

    `remarks` name what no way uses, such as a compose file that cannot be read. Each candidate has remarks of its own, too.
    """

    candidates: tuple[Candidate, ...] = ()
    advice: str = ""
    remarks: tuple[Finding, ...] = ()

    @property
    def best(self) -> Candidate | None:
        """The first candidate that can be run as it is."""
        return next((candidate for candidate in self.candidates if not candidate.problem), None)

    @property
    def spec(self) -> Spec | None:
        """The spec of the best candidate; None if nothing can be run as it is."""
        return self.best.spec if self.best else None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings of the best candidate."""
        return self.best.findings if self.best else ()

    def remarks_on(self, taken: Candidate | None) -> tuple[Finding, ...]:
        """All that stays unused of the source if the candidate `taken` is used: the remarks for every way, then its own."""
        return tuple(dict.fromkeys([*self.remarks, *(taken.remarks if taken else ())]))


@dataclass(frozen=True)
class BuildLimits:
    """Limits of one build: seconds of wall time, bytes of memory, number of CPUs. Reason: in Dokploy#4461 a build
    exhausted its host."""

    seconds: float = 900.0
    memory_bytes: int = 2 * 1024 * 1024 * 1024
    cpus: float = 1.5


@dataclass(frozen=True)
class BuildRequest:
    """One build. `name` is the application's slug: images are tagged and folders named with it, but it is never trusted
    as a path."""

    name: str
    checkout: Checkout
    spec: Spec
    limits: BuildLimits = field(default_factory=BuildLimits)


@dataclass(frozen=True)
class Built:
    """The result of a build: the artifact, the tool that made it ("buildx", "classic builder", "uv", …) and its size in
    bytes."""

    artifact: ArtifactRef
    builder: str
    size_bytes: int


class Builder(Protocol):
    """Turns a checkout and a spec into one artifact. If the same request was built before, `build` may return that
    artifact again."""

    produces: ArtifactKind

    def build(self, request: BuildRequest, progress: Progress) -> Built: ...
