"""The interface through which Fairway runs applications, and the facts that a runtime exchanges.

Pure: no Django, no I/O. A runtime is found through the entry-point group ``fairway.runtimes``; a third party adds one
without touching Fairway. The test class in ``tests/drivers/runtimes/contract.py`` runs against every runtime.

All methods that change something are *ensure* methods: a step may run twice after a crash, so a second call with the same
argument must adopt what the first call made and never double it. Failures are `fairway.shared.failures` (`Retry`, `Refused`,
`NeedsPerson`). Long calls poll `Progress.check()`, which raises `Cancelled` if the run was cancelled.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol, runtime_checkable

MAIN = "web"  # the service that every application has, and that visitors reach
# Of a health command: seconds between two runs, seconds that one may take, and how many in a row must fail.
COMMAND_EVERY, COMMAND_TIMEOUT, COMMAND_TRIES = 5.0, 5.0, 3


class ArtifactKind(StrEnum):
    """The two forms of an artifact."""

    IMAGE = "image"  # an OCI image, identified by its digest
    BUNDLE = "bundle"  # a directory made by a builder, identified by the SHA-256 of its content


@dataclass(frozen=True)
class ArtifactRef:
    """One immutable artifact, as a runtime needs to know it.

    `digest` is ``sha256:<64 hex>``: for an image the manifest digest (or the image id if it was built here and is in no
    registry), for a bundle the checksum of its content. `reference` is where to get an image: ``registry/name@sha256:…`` or
    a local tag; "" for a bundle. `location` is the bundle's directory on this machine; None for an image.
    """

    kind: ArtifactKind
    digest: str
    reference: str = ""
    location: Path | None = None


@dataclass(frozen=True)
class RegistryCredential:
    """How to sign in to one registry host."""

    host: str
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Limits:
    """Limits of one instance; None means the runtime's default. `cpus` may be fractional."""

    memory_bytes: int | None = 512 * 1024 * 1024
    cpus: float | None = 1.0
    pids: int | None = 512


@dataclass(frozen=True)
class HealthCheck:
    """When an instance counts as ready.

    If `stays_up` is set (for a service without a port), the instance is ready once it has run for that many seconds without
    ending. With a `path`, ``GET path`` must answer 2xx or 3xx; without, ``/`` must answer below 500 (or an image's own
    HEALTHCHECK, if it has one, must report healthy). With a `command`, the runtime runs that program in the instance again
    and again, and one run must end with 0 (`Instance.health`). With `tcp` the port must be open; nothing is sent to it.
    `deadline`, `interval` and `timeout` are seconds. With `accepts_errors`, a 5xx of ``/`` also counts: a version that
    served before is brought back as it was.
    """

    path: str | None = None
    deadline: float = 60.0
    interval: float = 0.25
    timeout: float = 5.0
    accepts_errors: bool = False
    stays_up: float | None = None
    command: tuple[str, ...] | None = None
    tcp: bool = False


@dataclass(frozen=True)
class Volume:
    """Named storage that outlives instances and deployments; Fairway never prunes it."""

    name: str
    target: str

    @property
    def variable(self) -> str:
        """The variable that tells an application where the volume is: ``VOLUME_UPLOADS`` for ``shop.staging.uploads``, so
        that it is the same in every environment."""
        return "VOLUME_" + re.sub(r"[^A-Z0-9]", "_", self.name.rpartition(".")[2].upper())


@dataclass(frozen=True)
class InstanceSpec:
    """Everything needed to run one replica of one service of one deployment.

    `placement` is ``<application>.<environment>``; `deployment` names the deployment (e.g. ``"d42"``); `service` is one of
    its services. The name is derived from these and the replica, so that a second start adopts what the first one made.

    `command` is a list of words, never a shell line: one program, or several (see `builders.command_line`), which run one
    after another in the instance; the last one stays. ``${NAME}`` stands for a variable; ``{port}`` and ``{host}`` (also
    inside a word) stand for the port and the address to listen on. None runs the artifact's own command.

    `port` is the port inside the instance for runtimes that give each instance its own network; runtimes that share the
    machine's ports choose one and pass it in ``PORT``. None is for a service that nobody connects to (a worker): it has no
    ``PORT`` and no address.

    `files` are texts by path below the folder in which the command runs. They are written before it starts, only the
    application can read them, and they are removed with the instance. If the artifact has such a file, that file stays, and
    a line of the log says so. They are another form of what `environment` holds, and do not distinguish instances. Images
    also take absolute paths; such a file replaces the image's.

    `once` names a program that ends by itself (`Runtime.run_once`), e.g. ``"release"``.

    `hostname` is what the other instances of the placement reach it by; "" for none. Only runtimes with a network for each
    placement know it.

    `asks_fairway` says that the application asks Fairway's pages who somebody is (OpenID Connect). A runtime that closes
    their port to applications leaves it open to this one.
    """

    placement: str
    deployment: str
    replica: int
    artifact: ArtifactRef
    port: int | None = 8080
    command: tuple[str, ...] | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    health: HealthCheck = field(default_factory=HealthCheck)
    limits: Limits = field(default_factory=Limits)
    volumes: tuple[Volume, ...] = ()
    stop_grace: float = 10.0
    files: Mapping[str, str] = field(default_factory=dict, repr=False)
    once: str = ""
    service: str = MAIN
    hostname: str = ""
    asks_fairway: bool = False

    @property
    def name(self) -> str:
        """The instance's name: ``fairway-hello.staging-d42-0`` for the main service, ``fairway-hello.staging-d42-worker-0``
        for another one."""
        return instance_name(self.placement, self.deployment, self.service, self.once or str(self.replica))


def instance_name(placement: str, deployment: str, service: str, which: str = "0") -> str:
    """The name of an instance, whose `which` is its replica, or the name of a program that ends by itself."""
    of = "" if service == MAIN else f"{service}-"
    return f"fairway-{placement}-{deployment}-{of}{which}"


class InstanceState(StrEnum):
    STARTING = "starting"  # it exists, but its process does not run (yet)
    RUNNING = "running"
    RESTARTING = "restarting"  # it ended, and starts again after its back-off
    STOPPED = "stopped"  # it exists, and deliberately does not run
    FAILED = "failed"  # it ended, and is not started again


@dataclass(frozen=True)
class Instance:
    """The observed state of an instance, read from the system, never remembered.

    `address` is ``host:port`` at which the proxy on the control machine reaches it; "" while it has none, and for a service
    without a port. `digest` is the digest of the artifact from which this instance was really started. `health` is the
    verdict of the health command or of the image's own HEALTHCHECK ("healthy", "unhealthy", "starting"), None if there is
    neither; `health_output` is that check's last output.

    `doing` is the program that runs before the application itself (``python manage.py migrate``), or the one that failed; ""
    once the application has been started. `exit_code` is that of its last end, also while it runs again; None if it never
    ended or the code is unknown. `ended_in` is the program that ended then, in the form of `doing`; None if only `doing` can
    say. `volumes` names the volumes that it has; None if unknown (an older Fairway started it). `out_of_memory` says that
    its last end was forced, because it used more memory than its limit; Docker may tell so only until it runs again.
    """

    name: str
    placement: str
    deployment: str
    replica: int
    state: InstanceState
    address: str
    digest: str
    started_at: datetime | None = None
    restarts: int = 0
    exit_code: int | None = None
    health: str | None = None
    health_output: str = ""
    volumes: frozenset[str] | None = frozenset()
    doing: str = ""
    ended_in: str | None = None
    service: str = MAIN
    out_of_memory: bool = False

    @property
    def is_main(self) -> bool:
        return self.service == MAIN

    def shares(self, volumes: Collection[str]) -> bool:
        """Whether the instance has, or may have, one of these volumes."""
        return bool(volumes) and (self.volumes is None or not self.volumes.isdisjoint(volumes))


@dataclass(frozen=True)
class Usage:
    """A momentary reading: resident memory in bytes, and the CPU seconds used since the instance last began.

    `began` identifies that beginning: it is another text after each start, so that two readings with the same text can be
    subtracted. `memory_limit_bytes` is the limit in force, None if there is none; `restarts` counts as `Instance.restarts`.
    `read_at` is when it was read, on `time.monotonic`: an Engine may take seconds to answer.
    """

    memory_bytes: int
    cpu_seconds: float
    began: str = ""
    memory_limit_bytes: int | None = None
    restarts: int = 0
    read_at: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class OutputLine:
    """One line that an instance printed. `stream` is "stdout" or "stderr"; the text is as printed, with ANSI codes and
    carriage returns. A line without an end yet arrives in parts; `goes_on` is true for all parts but the last."""

    at: datetime
    stream: str
    text: str
    goes_on: bool = False


@dataclass(frozen=True)
class Written:
    """A file that an instance wrote and that is lost with it. `path` is as the application names it: relative to the folder
    it runs in, else absolute. `folder` is the target of a volume that would keep the file; "" if that folder also contains
    files that each version brings, so that a volume would hide them.
    """

    path: str
    folder: str = ""


class Layer(Protocol):
    """One layer of the wall around applications: whether it can be put up on this machine, and a sentence about what that
    means."""

    @property
    def name(self) -> str: ...
    @property
    def stands(self) -> bool: ...
    @property
    def sentence(self) -> str: ...


@dataclass(frozen=True)
class Availability:
    """Whether this runtime can be used on this machine. If not, `sentence` tells a person why, and `who` is the person who
    can change that ("": whoever operates this machine). `layers` are the layers of the wall around applications, active or
    not, if the runtime has any.
    """

    is_available: bool
    sentence: str
    version: str = ""
    who: str = ""
    layers: tuple[Layer, ...] = ()


@runtime_checkable
class Progress(Protocol):
    """Receives the log of long work, and can stop it."""

    def line(self, text: str, *, stream: str = "stdout") -> None:
        """Append one line to the deployment's log."""

    def check(self) -> None:
        """Raise `Cancelled` (or another of the engine's signals) if the work must stop now."""


class NullProgress:
    """A `Progress` that ignores everything; for housekeeping and tests."""

    def line(self, text: str, *, stream: str = "stdout") -> None: ...

    def check(self) -> None: ...


@runtime_checkable
class Runtime(Protocol):
    """Runs the instances of an environment. It is made with ``Runtime.open(options)``."""

    name: str
    artifact_kinds: frozenset[ArtifactKind]

    @classmethod
    def open(cls, options: Mapping[str, object], *, data: Path) -> Runtime:
        """A runtime with one environment's options; `data` is Fairway's data directory. Does no I/O yet."""

    def availability(self) -> Availability:
        """Whether the runtime can be used right now. Never raises."""

    def resolve(self, reference: str, credential: RegistryCredential | None) -> ArtifactRef:
        """Turn an image reference (tag or digest) into the digest that will run. Raises `Refused` if the runtime has no
        images or the reference does not exist, `NeedsPerson` if credentials are missing or wrong."""

    def distribute(self, artifact: ArtifactRef, credential: RegistryCredential | None, progress: Progress) -> None:
        """Bring the artifact to this runtime, ready to start, and verify its digest. Idempotent."""

    def is_distributed(self, artifact: ArtifactRef) -> bool:
        """Whether the artifact is here and complete right now."""

    def declared_port(self, artifact: ArtifactRef) -> int | None:
        """The port on which the artifact, which must be here, says that it listens (an image's EXPOSE). The lowest if there
        are several, None if there is none."""

    def ensure_started(self, spec: InstanceSpec, progress: Progress) -> Instance:
        """Create and start the instance, or adopt it (and start it again if it was stopped). Returns once it has an address,
        if it has a port. The caller checks readiness (`fairway.drivers.health`).

        A volume belongs to one deployment at a time. Raises `Retry`, and starts nothing, while anything else that runs has
        one of the instance's volumes, except another service of the same deployment. The kernel or the Engine is asked for
        this, so that it also holds if several start at the same time.
        """

    def run_once(self, spec: InstanceSpec, progress: Progress) -> int:
        """Run a program (`InstanceSpec.once`) to its end, with the walls and limits of an instance, and return its exit
        code; 128 + n if signal n ended it. It has the volumes, the network and the configuration of an instance, but no
        address, and `instances` does not list it. Its output goes to `progress` as it appears.

        If an earlier call for the same name left a program running, e.g. because its worker died, that program is ended
        first; a caller that still waits for it has lost its run. Nothing is left afterwards, even if `progress.check()`
        raises. Raises what `ensure_started` raises.
        """

    def instance(self, name: str) -> Instance | None:
        """One instance as it is right now; None if there is none."""

    def instances(self, placement: str | None = None) -> list[Instance]:
        """All of Fairway's instances (of one placement), in every state."""

    def ensure_stopped(self, name: str, *, grace: float = 10.0) -> None:
        """Stop the instance with TERM, and after `grace` seconds with KILL (the whole process group). What is needed to
        start it again is kept. No error if it does not exist. Raises `Retry` if some of it is still alive afterwards."""

    def ensure_removed(self, name: str, *, grace: float = 10.0) -> None:
        """Stop and delete the instance, but never a volume. No error if it does not exist."""

    def output(
        self, name: str, *, tail: int = 200, follow: bool = False, progress: Progress | None = None
    ) -> Iterator[OutputLine]:
        """The last `tail` lines that the instance printed, then (with `follow`) new ones as they appear, until it is removed
        or `progress.check()` raises. Its very last output is included, with or without a newline."""

    def listens_elsewhere(self, name: str) -> str:
        """If the instance listens elsewhere than expected: where, in one sentence with what to do. "" if not, or if it
        cannot be seen from here."""

    def usages(self, names: Collection[str]) -> Mapping[str, Usage]:
        """What these instances use right now, by name. Those that do not run, or cannot be read, are left out. It is called
        every few seconds for everything that runs, so it reads all of them together."""

    def written(self, name: str) -> tuple[Written, ...]:
        """The files that an instance created or changed outside its volumes, whether it runs or not; without caches, logs
        and temporary files, and no more than a person would read. Empty if it does not exist."""

    def stored(self, spec: InstanceSpec) -> frozenset[str]:
        """Which of the spec's volumes contain data right now, whether or not anything runs. The artifact must be here."""

    def ensure_volume_removed(self, volume: str) -> None:
        """Delete a named volume and everything in it. It is only called after a person confirmed it by name."""

    def homes(self) -> list[str]:
        """The placements whose instances share a writable home here, whether or not one of them still runs. Empty if
        instances have no such folder."""

    def ensure_home_removed(self, placement: str) -> None:
        """Delete the home of a placement that has no instance, but never a volume. Raises `Refused` while it has one."""

    def artifacts(self) -> list[ArtifactRef]:
        """Every artifact of Fairway's that is stored here (for garbage collection)."""

    def collect(self, keep: Collection[str], progress: Progress) -> Sequence[str]:
        """Remove stored artifacts whose digest is not in `keep` and which no instance uses. Returns the removed digests."""
