"""The `process` runtime: every instance is a folder, a shim and an application, and all state is on disk.

Around each instance are the walls of `fairway.drivers.wall`, as many as this machine can put up. Memory and the number of
processes are checked every few seconds; CPU shares are not enforced.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from fairway.drivers.diagnosis import listening
from fairway.drivers.runtimes.contract import (
    MAIN,
    ArtifactKind,
    ArtifactRef,
    Availability,
    Instance,
    InstanceSpec,
    InstanceState,
    NullProgress,
    OutputLine,
    Progress,
    RegistryCredential,
    Usage,
    Written,
)
from fairway.drivers.runtimes.process import (
    birth,
    holding,
    launch,
    leftovers,
    output,
    ports,
    readings,
    store,
    walls,
    workcopy,
)
from fairway.drivers.runtimes.process.bundle import APP, Bundle, disk_failure
from fairway.drivers.runtimes.process.described import described
from fairway.drivers.runtimes.process.places import Places, read_json, try_lock, wait_for, write_json
from fairway.drivers.wall.abilities import abilities
from fairway.drivers.wall.groups import Groups
from fairway.shared.failures import NeedsPerson, Refused, Retry

RUN = "run"
LAST_WORDS = 10.0  # seconds that a shim gets after the grace period to end every process itself


class ProcessRuntime:
    """Runs bundles as processes of this machine."""

    name = "process"
    artifact_kinds = frozenset({ArtifactKind.BUNDLE})

    def __init__(self, data: Path, options: walls.Options | None = None) -> None:
        data = data.resolve()  # behind the walls a symlink in the path could not be followed
        self.places = Places(data)
        self.store = store.Store(self.places)
        self.walls = walls.Walls(data, options or walls.Options())

    @classmethod
    def open(cls, options: Mapping[str, object], *, data: Path) -> ProcessRuntime:
        """See `walls.Options`. An unknown option is refused, so that a misspelt one is noticed."""
        wanted = walls.Options.parse(options)
        wanted.refuse_to_show(data)
        return cls(data, wanted)

    def availability(self) -> Availability:
        if not readings.fields(os.getpid()) or not hasattr(os, "pidfd_open"):
            return Availability(False, "The process runtime needs Linux 5.3 or newer with /proc mounted.")
        version = f"Python {sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
        try:
            here = abilities()
        except Retry as busy:
            return Availability(False, busy.sentence, version)
        if why := walls.missing(here, self.walls.options.require):
            return Availability(False, why, version, layers=here.layers())
        sentence = "Runs applications as processes of this machine, behind the walls that can be put up here."
        return Availability(True, sentence, version, layers=here.layers())

    # -- artifacts

    def resolve(self, reference: str, credential: RegistryCredential | None) -> ArtifactRef:
        """Always raises `Refused`: processes are not started from images."""
        raise Refused(
            "The process runtime runs no images; choose an environment with a docker runtime, or deploy the source instead."
        )

    def distribute(self, artifact: ArtifactRef, credential: RegistryCredential | None, progress: Progress) -> None:
        with self.places.locked("bundles", progress.check, shared=True):
            self.store.distribute(artifact, progress)

    def is_distributed(self, artifact: ArtifactRef) -> bool:
        return artifact.kind is ArtifactKind.BUNDLE and self.store.is_whole(artifact.digest)

    def declared_port(self, artifact: ArtifactRef) -> int | None:
        return None  # a bundle receives its port

    def artifacts(self) -> list[ArtifactRef]:
        return self.store.artifacts()

    def collect(self, keep: Collection[str], progress: Progress) -> Sequence[str]:
        with self.places.locked("bundles", progress.check):
            used = {str(self._facts(name).get("digest", "")) for name in self._names()}
            for rest in self.places.instances.glob(".*"):  # left by an interrupted removal
                shutil.rmtree(rest, ignore_errors=True)
            return self.store.discard_except({*keep, *used}, progress)

    # -- instances

    def ensure_started(self, spec: InstanceSpec, progress: Progress) -> Instance:
        progress.check()
        with self.places.locked(spec.name, progress.check):
            self._await_birth(spec.name, progress)
            running = self._running(spec.name)
            if running is None:
                self._require_walls(progress)
                self._start(spec, progress)
                running = self._running(spec.name)
            if running is None:
                raise Retry(f"{spec.name} ended while it was being started; it is tried again.")
            if running.digest != spec.artifact.digest:
                raise Refused(f"{spec.name} already runs another artifact ({running.digest[:19]}); remove it first.")
            return running

    def run_once(self, spec: InstanceSpec, progress: Progress) -> int:
        progress.check()
        self._require_walls(NullProgress())  # the log mentions the walls when the instances start
        with self.places.locked(spec.name, progress.check):
            self._remove(spec.name, spec.stop_grace)
            self._start(spec, progress)
            born = self._state(spec.name)
        try:
            return self._to_its_end(spec.name, born, progress)
        finally:
            with self.places.locked(spec.name, NullProgress().check):
                if self._state(spec.name).get("mark") == born.get("mark"):
                    self._remove(spec.name, spec.stop_grace)

    def _to_its_end(self, name: str, born: Mapping[str, Any], progress: Progress) -> int:
        """Pass on the program's output until its shim has ended, and return its exit code."""

        def goes_on() -> bool:
            progress.check()
            return self._has_shim(born) and self._state(name).get("mark") == born["mark"]

        for line in output.read(self.places.instance(name) / "logs", tail=sys.maxsize, follow=goes_on):
            progress.line(line.text, stream=line.stream)
        ended = self._state(name)
        if ended.get("mark") != born["mark"] or ended.get("exit_code") is None:
            raise Retry(f"{name} was ended from outside; it is run again.")
        return int(ended["exit_code"])

    def instance(self, name: str) -> Instance | None:
        facts = self._facts(name)
        if not facts:
            return None
        state = read_json(self.places.instance(name) / "state.json")
        return described(name, facts, state, self._state_of(name, state))

    def instances(self, placement: str | None = None) -> list[Instance]:
        lasting = [name for name in self._names() if not self._facts(name).get("once")]
        found = [instance for name in lasting if (instance := self.instance(name))]
        return [instance for instance in found if placement in (None, instance.placement)]

    def ensure_stopped(self, name: str, *, grace: float = 10.0) -> None:
        with self.places.locked(name, NullProgress().check):
            if self._facts(name):
                self._stop(name, grace)

    def ensure_removed(self, name: str, *, grace: float = 10.0) -> None:
        with self.places.locked(name, NullProgress().check):
            self._remove(name, grace)

    def output(
        self, name: str, *, tail: int = 200, follow: bool = False, progress: Progress | None = None
    ) -> Iterator[OutputLine]:
        folder = self.places.instance(name)
        try:
            inode = folder.stat().st_ino
        except OSError:
            return iter(())

        def goes_on() -> bool:
            if progress:
                progress.check()
            with suppress(OSError):
                return folder.stat().st_ino == inode
            return False

        return output.read(folder / "logs", tail=tail, follow=goes_on if follow else None)

    def listens_elsewhere(self, name: str) -> str:
        state = read_json(self.places.instance(name) / "state.json")
        if self._state_of(name, state) is not InstanceState.RUNNING or not state["port"]:
            return ""
        found = listening.of_processes(readings.descendants(state["minder"][0]))
        return listening.complaint(found, int(state["port"]), is_alone=False)

    def usages(self, names: Collection[str]) -> Mapping[str, Usage]:
        found = {name: self._state(name) for name in names}
        boot = readings.boot()
        return readings.usages({
            name: readings.Running(tuple(state["minder"]), tuple(state["app"]), state.get("memory_bytes"), state["restarts"])
            for name, state in found.items()
            if state.get("state") == InstanceState.RUNNING and state.get("boot") == boot and state.get("app")
        })  # fmt: skip

    def written(self, name: str) -> tuple[Written, ...]:
        facts, work = self._facts(name), self.places.instance(name) / "work" / APP
        if not facts or not work.is_dir():  # a static site is served from its bundle
            return ()
        found = leftovers.written(work, self.places.bundle(str(facts["digest"])) / APP, facts.get("files", ()))
        return tuple(replace(file, folder=f"/{file.folder}" if file.folder else "") for file in found)

    def stored(self, spec: InstanceSpec) -> frozenset[str]:
        folders = {volume.name: self.places.volume(volume.name) for volume in spec.volumes}
        return frozenset(name for name, folder in folders.items() if folder.is_dir() and any(folder.iterdir()))

    def ensure_volume_removed(self, volume: str) -> None:
        """The home of a placement counts as a volume with the placement's name: its instances share it."""
        if who := holding.users(self.places.volume(volume)):
            raise Refused(f"The volume “{volume}” is still used by {who}; end that first.")
        for folder in (self.places.volume(volume), self.places.home(volume)):
            if folder.is_dir():
                _erase(folder)

    def homes(self) -> list[str]:
        folder = self.places.root / "homes"
        return sorted(home.name for home in folder.iterdir() if home.name[0] != ".") if folder.is_dir() else []

    def ensure_home_removed(self, placement: str) -> None:
        if self.instances(placement):
            raise Refused(f"An instance of {placement} still has this home; remove that first.")
        home = self.places.home(placement)
        if home.is_dir():
            _erase(home)

    # -- reading

    def _names(self) -> list[str]:
        with suppress(OSError):
            return sorted(entry.name for entry in os.scandir(self.places.instances) if not entry.name.startswith("."))
        return []

    def _facts(self, name: str) -> dict[str, Any]:
        """What the starter wrote: placement, deployment, replica, digest, port. Empty if there is no such instance."""
        return read_json(self.places.instance(name) / "instance.json")

    def _state(self, name: str) -> dict[str, Any]:
        """What the shim wrote last; empty if there is nothing."""
        return read_json(self.places.instance(name) / "state.json")

    def _state_of(self, name: str, state: Mapping[str, Any]) -> InstanceState:
        """The state that the shim wrote. It counts only while exactly that shim (and its application) lives. Without a shim,
        the file of `_wish` tells a stop from a failure, even if a full disk kept the shim from writing its end."""
        if not self._has_shim(state):
            if self._wish(name).name != RUN:
                return InstanceState.STOPPED
            return InstanceState.FAILED if state else InstanceState.STARTING
        recorded = InstanceState(state["state"])
        if recorded is InstanceState.RUNNING and not readings.is_alive(state["app"]):
            return InstanceState.RESTARTING  # it has just ended, and its shim is about to write that
        return recorded

    def _wish(self, name: str) -> Path:
        """The empty file whose name says what is wanted: ``run`` or ``stop-<grace>``. It is renamed, never rewritten, so
        that an application can be stopped when the disk is full."""
        folder = self.places.instance(name)
        return next(folder.glob("stop-*"), folder / RUN)

    def _has_shim(self, state: Mapping[str, Any]) -> bool:
        return bool(state) and state.get("boot") == readings.boot() and readings.is_alive(state.get("minder"))

    def _running(self, name: str) -> Instance | None:
        """The instance, if a shim supervises it."""
        state = read_json(self.places.instance(name) / "state.json")
        ended = (InstanceState.STOPPED, InstanceState.FAILED, InstanceState.STARTING)
        return None if self._state_of(name, state) in ended else self.instance(name)

    # -- starting

    def _require_walls(self, progress: Progress) -> None:
        """Log which layers of the wall are active. Raises `NeedsPerson` if one that the environment requires is missing."""
        here = abilities()
        if why := walls.missing(here, self.walls.options.require):
            raise NeedsPerson(why)
        for layer in here.layers():
            progress.line(layer.translate())

    def _await_birth(self, name: str, progress: Progress) -> None:
        """Wait for a shim whose starter was killed before it answered, or for one that is just ending. A shim holds its lock
        before it writes its state for the first time, and until after the last time."""
        path = self.places.instance(name) / "minder.lock"

        def is_settled() -> bool:
            if self._running(name) is not None:
                return True
            try:
                fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            except OSError:
                return True
            try:
                return try_lock(fd)
            finally:
                os.close(fd)

        wait_for(is_settled, progress.check, seconds=birth.LONGEST)

    def _start(self, spec: InstanceSpec, progress: Progress) -> None:
        folder = self.places.instance(spec.name)
        is_new = not folder.exists()
        try:
            with self.places.locked("bundles", progress.check, shared=True):
                bundle = self.store.open(spec.artifact)
                self._prepare(spec, bundle, folder, progress)
            progress.check()
            for path in spec.files:
                if workcopy.brings(bundle, path):
                    progress.line(
                        f"{path} is the application's own; the configuration does not replace it.", stream="fairway"
                    )
            self._launch(spec, bundle, folder, progress)
        except BaseException as error:
            if is_new:
                shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, OSError):
                raise disk_failure(error, f"starting {spec.name}") from error
            raise

    def _prepare(self, spec: InstanceSpec, bundle: Bundle, folder: Path, progress: Progress) -> None:
        """Make the instance's folder. Processes that an earlier shim left behind are ended first."""
        facts, state = read_json(folder / "instance.json"), read_json(folder / "state.json")
        self._end_orphans(state, folder)
        if facts.get("digest") != bundle.digest:
            shutil.rmtree(folder / "work", ignore_errors=True)
        self.places.folder("instances")
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / "tmp").mkdir(mode=0o700, exist_ok=True)
        for stale in (*folder.glob("stop-*"), folder / "state.json"):
            stale.unlink(missing_ok=True)
        (folder / RUN).touch(mode=0o600)
        with self.places.locked("ports", progress.check):
            port = 0 if spec.port is None else self._port(facts)
            write_json(folder / "instance.json", self._facts_of(spec, bundle, port))

    def _facts_of(self, spec: InstanceSpec, bundle: Bundle, port: int) -> dict[str, Any]:
        return {
            "placement": spec.placement,
            "deployment": spec.deployment,
            "replica": spec.replica,
            "digest": bundle.digest,
            "port": port,
            "volumes": [volume.name for volume in spec.volumes],
            "files": list(spec.files),
            **({"once": spec.once} if spec.once else {}),
            **({"service": spec.service} if spec.service != MAIN else {}),
        }

    def _port(self, facts: Mapping[str, Any]) -> int:
        """The previous port if it is still free, else one that no instance has recorded."""
        last = facts.get("port")
        if isinstance(last, int) and ports.LOWEST <= last <= ports.HIGHEST and ports.is_free(last):
            return last
        return ports.choose({int(self._facts(name).get("port", 0)) for name in self._names()})

    def _launch(self, spec: InstanceSpec, bundle: Bundle, folder: Path, progress: Progress) -> None:
        with holding.held(self.places, spec, progress.check) as locks:
            birth.bear(self._order(spec, bundle, folder), folder, locks)

    def _order(self, spec: InstanceSpec, bundle: Bundle, folder: Path) -> dict[str, Any]:
        volumes = {volume: self.places.volume(volume.name) for volume in spec.volumes}
        work = workcopy.prepare(bundle, folder, volumes, spec.files)
        home = self.places.home(spec.placement)
        home.mkdir(parents=True, mode=0o700, exist_ok=True)
        port, mark = int(read_json(folder / "instance.json")["port"]), secrets.token_hex(16)
        variables = launch.environment(
            spec,
            bundle,
            port=port,
            home=home,
            temporary=folder / "tmp",
            mark=mark,
            volumes={volume.name: place for volume, place in volumes.items()},
        )
        order = launch.order(
            spec, bundle, folder=folder, work=work, port=port, variables=variables, mark=mark, boot=readings.boot()
        )
        return {**order, "wall": self._wall(spec, bundle, folder, [home, *volumes.values()], order)}

    def _wall(
        self, spec: InstanceSpec, bundle: Bundle, folder: Path, kept: list[Path], order: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The order for the walls around this instance. Its folders are given to its user."""
        own = [path for path in (folder / "work",) if path.is_dir()]  # a static site is served from its bundle
        return self.walls.order(
            spec.name,
            bundle,
            user=self.walls.own(spec.placement, [*own, folder / "tmp", *kept]),
            program=order["program"],
            search=order["env"]["PATH"],
            writes=[*own, *kept],
            temporary=folder / "tmp",
            port=order["port"],
            asks_fairway=spec.asks_fairway,
        )

    # -- stopping

    def _remove(self, name: str, grace: float) -> None:
        folder = self.places.instance(name)
        if folder.is_dir():
            self._stop(name, grace)
            _erase(folder)

    def _stop(self, name: str, grace: float) -> None:
        folder = self.places.instance(name)
        self._await_birth(name, NullProgress())
        with suppress(FileNotFoundError):  # the instance was only partly created, and nothing of it runs
            self._wish(name).rename(folder / f"stop-{grace:.3f}")
        state = read_json(folder / "state.json")
        if self._has_shim(state) and not readings.send_and_wait(state["minder"], signal.SIGTERM, grace + LAST_WORDS):
            readings.send_and_wait(state["minder"], signal.SIGKILL, LAST_WORDS)
        self._end_orphans(read_json(folder / "state.json"), folder)
        if self._has_shim(state):
            raise Retry(f"{name} could not be ended: process {state['minder'][0]} does not die. It is tried again.")
        Groups(self.walls.data).remove(name)

    def _end_orphans(self, state: Mapping[str, Any], folder: Path) -> None:
        """End the processes that a killed shim left behind. If the shim wrote its own end, there are none."""
        if not state or state.get("boot") != readings.boot() or (state.get("app") is None and state["state"] == "stopped"):
            return
        if not readings.end_orphans(state.get("app"), str(state.get("mark", "")), folder):
            raise Retry(f"Something of {folder.name} does not die although it was killed. It is tried again.")


def _erase(folder: Path) -> None:
    """Rename the folder first, so that a half-deleted instance is never seen. Then delete it, whatever modes the application
    gave its files."""
    doomed = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    folder.rename(doomed)
    for _ in range(3):  # a process may still write for a moment
        for path, _, _ in os.walk(doomed):
            with suppress(OSError):
                os.chmod(path, 0o700)
        shutil.rmtree(doomed, ignore_errors=True)
        if not doomed.exists():
            return
        time.sleep(0.05)
