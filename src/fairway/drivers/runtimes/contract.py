"""What a runtime is: the one interface through which Fairway runs anything, and the facts it exchanges.

Pure: no Django, no I/O. A runtime is found through the entry-point group ``fairway.runtimes``; a third party adds
one without touching Fairway. One contract test class (``tests/drivers/runtimes/contract.py``) runs against every
runtime.

All verbs are *ensure* verbs: a step may run twice after a crash, so calling one again with the same argument must
adopt what the first call made and never double it. Failures are `fairway.shared.failures` (`Retry`, `Refused`,
`NeedsPerson`). Long verbs poll `Progress.check()`, which raises `Cancelled` when the run was asked to stop.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol, runtime_checkable

MAIN = "web"  # the service that every application has: its visitors reach it
# Of a health command: seconds between two runs, seconds one may take, and how many must fail in a row once it is up.
COMMAND_EVERY, COMMAND_TIMEOUT, COMMAND_TRIES = 5.0, 5.0, 3


class ArtifactKind(StrEnum):
    """The two forms of immutable, runnable bytes."""

    IMAGE = "image"  # an OCI image, known by its digest
    BUNDLE = "bundle"  # a directory made by a builder, known by the SHA-256 of its content


@dataclass(frozen=True)
class ArtifactRef:
    """One immutable artifact, as a runtime needs to know it.

    `digest` is ``sha256:<64 hex>``: for an image the manifest digest (or the image id of an image that was built
    here and lives in no registry), for a bundle the content checksum.
    `reference` is where to get it: ``registry/name@sha256:…`` or a local tag for an image, "" for a bundle.
    `location` is the bundle's directory on this machine, None for an image.
    """

    kind: ArtifactKind
    digest: str
    reference: str = ""
    location: Path | None = None


@dataclass(frozen=True)
class RegistryCredential:
    """How to sign in to one registry host. The password is never part of a repr."""

    host: str
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Limits:
    """Ceilings for one instance; None means the runtime's default. `cpus` may be fractional."""

    memory_bytes: int | None = 512 * 1024 * 1024
    cpus: float | None = 1.0
    pids: int | None = 512


@dataclass(frozen=True)
class HealthCheck:
    """When an instance counts as ready.

    With `stays_up`, for what has no port, it is ready once it has run for that many seconds without ending. With `path`,
    ``GET path`` must answer 2xx–3xx; without, ``/`` must answer anything below 500 (or an image's own HEALTHCHECK, where it
    has one, must say healthy). With `command` the runtime runs that program in the instance again and again, and it must end
    with 0 (`Instance.health`); with `tcp` the port must be open, and nothing is said to it. `deadline` and `interval` are
    seconds. With `accepts_errors` a 5xx of ``/`` will do: what served before is brought back as it was.
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


@dataclass(frozen=True)
class InstanceSpec:
    """Everything needed to run one replica of one service of one deployment.

    `placement` is ``<application>.<environment>``; `deployment` labels the generation (e.g. ``"d42"``); `service` is one of
    its services. The name derived from these and the replica is deterministic, so that a second start adopts the first
    one's work.
    `command` is a list of words, never a shell line: one program, or several in a row (see `builders.command_line`), which
    run in the instance one after another before the last one stays. ``${NAME}`` stands for a variable, ``{port}`` and
    ``{host}`` (also inside a word) stand for the port and the address to listen on. None runs the artifact's own command.
    `port` is the port inside the instance for runtimes that give each instance its own network; runtimes that share the
    machine's ports choose one and pass it in ``PORT``. None for a service that nobody asks anything (a worker): it has no
    ``PORT`` and no address.
    `files` are texts by path below the folder the command runs in: there before it starts, for the application alone, gone
    with the instance. Where the artifact has such a file, that one stays and a line says so. They are another form of what
    `environment` holds, and tell no instance from another.
    `once` names a program that ends by itself (`Runtime.run_once`), e.g. ``"release"``.
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

    @property
    def name(self) -> str:
        """The instance's deterministic name: ``fairway-hello.staging-d42-0`` for the main service, for another one
        ``fairway-hello.staging-d42-worker-0``."""
        service = "" if self.service == MAIN else f"{self.service}-"
        return f"fairway-{self.placement}-{self.deployment}-{service}{self.once or self.replica}"


class InstanceState(StrEnum):
    STARTING = "starting"  # exists, process not (yet) up
    RUNNING = "running"
    RESTARTING = "restarting"  # died and is waiting for its back-off
    STOPPED = "stopped"  # exists, deliberately not running
    FAILED = "failed"  # died and will not be restarted


@dataclass(frozen=True)
class Instance:
    """What really runs, read back from the outside, never remembered.

    `address` is ``host:port`` as the proxy on the control machine can dial it; "" while it has none, and for a service
    without a port. `digest` is the
    digest of what this instance was really started from. `health` is the verdict of the health command, or of
    the image's own HEALTHCHECK ("healthy", "unhealthy", "starting"), None where there is neither; `health_output` is what
    that check printed last.
    `doing` is the program that runs before the application itself (``python manage.py migrate``), or the one that failed;
    "" once the application has been started. `exit_code` is what it last ended with, also while it runs again; None when it
    never ended or that cannot be told. `ended_in` is the program that ended then, in the words of `doing`; None where only
    `doing` can tell. `volumes` names what is mounted into it; None where that cannot be told
    (started by an older Fairway).
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

    @property
    def is_main(self) -> bool:
        return self.service == MAIN

    def shares(self, volumes: Collection[str]) -> bool:
        """Whether it has, or may have, one of these volumes."""
        return bool(volumes) and (self.volumes is None or not self.volumes.isdisjoint(volumes))


@dataclass(frozen=True)
class Usage:
    """A momentary reading: resident bytes and the CPU seconds used since the instance started."""

    memory_bytes: int
    cpu_seconds: float


@dataclass(frozen=True)
class OutputLine:
    """One line an instance printed. `stream` is "stdout" or "stderr"; the text is as printed, with ANSI codes and carriage
    returns. A line that has no end yet comes in parts, which `goes_on` says of all but the last."""

    at: datetime
    stream: str
    text: str
    goes_on: bool = False


@dataclass(frozen=True)
class Written:
    """A file that an instance wrote and that goes with it. `path` is as the application names it: below the folder it runs
    in, else from the root. `folder` is the target of a volume that would keep it; "" where its folder also holds what each
    version brings, so that no volume may lie there."""

    path: str
    folder: str = ""


class Layer(Protocol):
    """One wall around applications: whether it stands on this machine, and a sentence that says what that means."""

    @property
    def name(self) -> str: ...
    @property
    def stands(self) -> bool: ...
    @property
    def sentence(self) -> str: ...


@dataclass(frozen=True)
class Availability:
    """Whether this runtime can be used on this machine, with the sentence a person needs when it cannot, and who can change
    that ("": whoever operates this machine). `layers` are the walls around applications, active or not, if it has any."""

    is_available: bool
    sentence: str
    version: str = ""
    who: str = ""
    layers: tuple[Layer, ...] = ()


@runtime_checkable
class Progress(Protocol):
    """The caller's ear during long work."""

    def line(self, text: str, *, stream: str = "stdout") -> None:
        """Append one line to the deployment's log."""

    def check(self) -> None:
        """Raise `Cancelled` (or another of the engine's signals) when the work must stop now."""


class NullProgress:
    """A `Progress` that hears nothing; for housekeeping and tests."""

    def line(self, text: str, *, stream: str = "stdout") -> None: ...

    def check(self) -> None: ...


@runtime_checkable
class Runtime(Protocol):
    """What runs things in an environment. Construct with ``Runtime.open(options)``."""

    name: str
    artifact_kinds: frozenset[ArtifactKind]

    @classmethod
    def open(cls, options: Mapping[str, object], *, data: Path) -> Runtime:
        """A runtime for one environment's options; `data` is Fairway's data directory. Cheap: no I/O yet."""

    def availability(self) -> Availability:
        """Whether it can be used right now. Never raises."""

    def resolve(self, reference: str, credential: RegistryCredential | None) -> ArtifactRef:
        """Turn an image reference (tag or digest) into the digest that will run. Raises `Refused` where the runtime
        has no images or the reference does not exist, `NeedsPerson` when credentials are missing or wrong."""

    def distribute(self, artifact: ArtifactRef, credential: RegistryCredential | None, progress: Progress) -> None:
        """Bring the artifact here, ready to start, and verify its digest. Idempotent."""

    def is_distributed(self, artifact: ArtifactRef) -> bool:
        """Whether the artifact is here, whole, right now."""

    def declared_port(self, artifact: ArtifactRef) -> int | None:
        """The port that the artifact, which is here, says it listens on (an image's EXPOSE); the lowest of several, None
        when it says nothing."""

    def ensure_started(self, spec: InstanceSpec, progress: Progress) -> Instance:
        """Create and start the instance, or adopt it (and start it again when it was stopped). Returns once it has
        an address, where it has a port; readiness is the caller's business (`fairway.drivers.health`).

        A volume belongs to one deployment at a time: raises `Retry`, starting nothing, while anything else that is alive has
        one of its volumes, unless that is another service of the same deployment. That is looked up where it cannot lie (the
        kernel, the Engine), also when several start at the same time."""

    def run_once(self, spec: InstanceSpec, progress: Progress) -> int:
        """Run a program (`InstanceSpec.once`) to its end, behind the walls and within the limits of an instance, and return
        its exit code; 128 + n when signal n ended it. It has the volumes, the network and the configuration of an instance,
        but nobody reaches it and `instances` does not tell of it. What it prints goes to `progress` as it comes.

        What an earlier call for the same name left running, say of a worker that died, is ended first; whoever still waits
        for that one has lost its run. Nothing is left afterwards, also when `progress.check()` raises. Raises what
        `ensure_started` does."""

    def instance(self, name: str) -> Instance | None:
        """One instance as it is right now, None when there is none."""

    def instances(self, placement: str | None = None) -> list[Instance]:
        """All of Fairway's instances (of one placement), in every state."""

    def ensure_stopped(self, name: str, *, grace: float = 10.0) -> None:
        """Stop gently (TERM), then after `grace` seconds for good (KILL, the whole process group); keep what is needed
        to start it again. No error when it does not exist; raises `Retry` when something of it is still alive afterwards."""

    def ensure_removed(self, name: str, *, grace: float = 10.0) -> None:
        """Stop and forget the instance. Never touches a volume. No error when it does not exist."""

    def output(
        self, name: str, *, tail: int = 200, follow: bool = False, progress: Progress | None = None
    ) -> Iterator[OutputLine]:
        """The last `tail` lines the instance printed, then (with `follow`) new ones as they come until it is removed
        or `progress.check()` raises. What it printed last is there, with or without a newline."""

    def listens_elsewhere(self, name: str) -> str:
        """Where the instance listens, in one sentence with what to do, when that is not where it is asked; "" when it is, or
        when that cannot be seen from here."""

    def usage(self, name: str) -> Usage | None:
        """What the instance uses right now; None when it does not run."""

    def written(self, name: str) -> tuple[Written, ...]:
        """The files an instance created or changed outside its volumes, running or stopped; without caches, logs and
        temporary files, and no more than a person would read. Empty when it does not exist."""

    def stored(self, spec: InstanceSpec) -> frozenset[str]:
        """Which of the spec's volumes hold data right now: looked at, whether or not anything runs. The artifact must be
        here."""

    def ensure_volume_removed(self, volume: str) -> None:
        """Delete a named volume and everything in it. Only ever called after a person confirmed it by name."""

    def homes(self) -> list[str]:
        """The placements whose instances share a writable home here, whether or not one of them still runs; empty where
        instances have no such place."""

    def ensure_home_removed(self, placement: str) -> None:
        """Delete the home of a placement that has no instance. Never touches a volume. Raises `Refused` while it has one."""

    def artifacts(self) -> list[ArtifactRef]:
        """Every artifact of Fairway's that is stored here (for garbage collection)."""

    def collect(self, keep: Collection[str], progress: Progress) -> Sequence[str]:
        """Remove stored artifacts whose digest is not in `keep` and which no instance uses; returns the digests removed."""
