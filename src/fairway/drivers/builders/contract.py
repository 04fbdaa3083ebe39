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

    It describes the main service, the one that visitors reach; `services` names those beside it (see `services`).

    `kind` is the recipe: ``dockerfile``, ``python``, ``node``, ``static``, ``program`` (built and run with a toolchain of
    this machine) or ``image``. `command` is a list of words, one program or several (see `command_line`), in which
    ``{port}`` stands for the port to listen on; None means "the image's own command". `build` is a command of the same
    form that the build runs once the dependencies are installed, `release` one that runs once before a new version starts;
    None for none. `install` holds recipe options (language version, lock file, publish folder, …). `requires` names
    variables that must be set (``${VAR}`` in compose). With `sticky` a visitor stays with one replica; None leaves it to
    the framework.

    At most one of `health_path`, `health_command` and `health_tcp` is set (see `runtimes.contract.HealthCheck`).
    `start_seconds` is how long a new instance may take to become ready; None means what the installation allows.
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

    def to_json(self) -> dict[str, Any]:
        """The JSON form stored with the application and the artifact. Fields that came after 0.12 are there only where they
        say something: what earlier versions wrote must stay the same to the byte, because fingerprints are made of it."""
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
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Spec:
        """Read what `to_json` wrote. Unknown keys are refused with a ValueError naming them."""
        unknown = set(data) - set(cls.__dataclass_fields__)
        if unknown:
            raise ValueError(f"unknown spec keys: {', '.join(sorted(unknown))}")
        values = dict(data)
        script = dict(values.get("install") or {}).pop("build", None)  # until 0.9 the name of a script of package.json
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
    """What differs in a service, in a form that is the same after JSON."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in differs.items()}


@dataclass(frozen=True)
class Finding:
    """One thing detection saw, for the page: what, and which file says so."""

    what: str
    because: str


@dataclass(frozen=True)
class Candidate:
    """One way to run a source, and why. `problem` says in one sentence why it cannot be run as it is, "" when it can;
    `offer` is then a file that would make it run, where Fairway can write one (a Dockerfile). `remarks` says what this way
    does not use of the source."""

    spec: Spec
    findings: tuple[Finding, ...] = ()
    problem: str = ""
    offer: str = ""
    remarks: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Detection:
    """What a folder is: every way to run it, the best first. Without any, `advice` says what to add.

    `remarks` says what no way uses of what was seen: a compose file that cannot be read. Each way has its own besides.
    """

    candidates: tuple[Candidate, ...] = ()
    advice: str = ""
    remarks: tuple[Finding, ...] = ()

    @property
    def best(self) -> Candidate | None:
        """The first candidate that can be run as it is."""
        return next((one for one in self.candidates if not one.problem), None)

    @property
    def spec(self) -> Spec | None:
        return self.best.spec if self.best else None

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self.best.findings if self.best else ()

    def remarks_on(self, taken: Candidate | None) -> tuple[Finding, ...]:
        """What is not used of the source when this way is taken."""
        return tuple(dict.fromkeys([*self.remarks, *(taken.remarks if taken else ())]))


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
