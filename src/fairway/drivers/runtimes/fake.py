"""A runtime that runs no programs: for tests, demonstrations and trying Fairway's own machinery.

It keeps the whole contract. Threads of this process answer HTTP for its instances (`/` with the artifact's reference, and
the paths of `fake_application`), so health checks, routes and probes work with it. Opened with a data directory, it keeps
its state there in one file, which several processes share; otherwise in memory.

A program that runs once (`run_once`) prints the artifact's version and ends with the code of ``EXIT_AT_START``, or when it
is ended; ``echo`` and ``env`` end at once, and ``exit 3`` with that code.

Conventions: the digest of zeros does not exist; a command that starts with ``no-such`` is not found; ``echo`` echoes, and
succeeds as a health command, where everything else fails; the variable ``EXIT_AT_START`` makes an instance end with that
code, ``HEALTH_STATUS`` sets the answer of ``/health`` and ``STATUS`` that of other paths, and ``START_SECONDS`` is how long
the start takes. Tests cause failures with `fail`, block calls with `hang` until `release`, and end an application with
`crash`.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

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
from fairway.drivers.runtimes.fake_application import Server, now
from fairway.drivers.runtimes.written import worth_showing
from fairway.shared.failures import Failure, NeedsPerson, Refused, Retry

NOWHERE = f"sha256:{'0' * 64}"
FAILURES: dict[str, type[Failure]] = {"Retry": Retry, "Refused": Refused, "NeedsPerson": NeedsPerson}
POLL = 0.02
SHARED = "fake"
_UP = (InstanceState.RUNNING, InstanceState.RESTARTING)


class World:
    """The whole state of the fake, as JSON. It is changed under a lock that also excludes other processes."""

    def __init__(self, file: Path | None) -> None:
        self.file = file
        self.lock = threading.RLock()
        self.memory = _empty()

    @contextmanager
    def open(self) -> Iterator[dict[str, Any]]:
        """The state, to read and change. Changes are kept if the block ends without an error."""
        with self.lock:
            if self.file is None:
                yield self.memory
                return
            self.file.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
            with open(os.open(self.file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600), "r+") as guard:
                fcntl.flock(guard, fcntl.LOCK_EX)
                world = json.loads(self.file.read_text()) if self.file.exists() else _empty()
                yield world
                draft = self.file.with_suffix(".draft")
                draft.write_text(json.dumps(world))
                draft.rename(self.file)


def _empty() -> dict[str, Any]:
    return {"artifacts": {}, "instances": {}, "volumes": {}, "once": {}, "failures": [], "hanging": [], "calls": []}


class FakeRuntime:
    """See the module. `calls` lists the calls that were made, in order."""

    name = "fake"
    artifact_kinds = frozenset(ArtifactKind)

    def __init__(self, data: Path | None = None, *, is_available: bool = True) -> None:
        self.world = World(data / SHARED / "world.json" if data else None)
        self.servers: dict[str, Server] = {}
        self.is_available = is_available

    @classmethod
    def open(cls, options: Mapping[str, object], *, data: Path) -> FakeRuntime:
        """`options` may be ``{"available": False}``."""
        return cls(data, is_available=bool(options.get("available", True)))

    # -- controls

    def fail(self, verb: str, failure: Failure, *, times: int = 1) -> None:
        """Make the next `times` calls of `verb` raise `failure`."""
        with self.world.open() as world:
            kind = type(failure).__name__
            world["failures"].append({"verb": verb, "kind": kind, "sentence": failure.sentence, "times": times})

    def hang(self, verb: str) -> None:
        """Make calls of `verb` wait, polling their `progress`, until `release`."""
        with self.world.open() as world:
            world["hanging"].append(verb)

    def release(self, verb: str) -> None:
        with self.world.open() as world:
            world["hanging"] = [hanging for hanging in world["hanging"] if hanging != verb]

    def crash(self, name: str, exit_code: int = 1, *, for_good: bool = False, of_memory: bool = False) -> None:
        """End an instance. It is started again at once, or has failed `for_good`."""
        with self.world.open() as world:
            found = world["instances"][name]
            found["exit_code"], found["out_of_memory"] = exit_code, of_memory
            if for_good:
                found["state"] = InstanceState.FAILED
            else:
                found["restarts"] += 1
                found["started_at"] = now()

    @property
    def calls(self) -> list[tuple[str, str]]:
        """Every call that changes something, as (verb, what it was called with)."""
        with self.world.open() as world:
            return [(verb, what) for verb, what in world["calls"]]

    def close(self) -> None:
        """Stop answering. The state is kept."""
        for server in list(self.servers.values()):
            server.close()
        self.servers.clear()

    # -- the contract

    def availability(self) -> Availability:
        if not self.is_available:
            return Availability(False, "The fake runtime was told to be unavailable.")
        return Availability(True, "Runs nothing; for tests and demonstrations.", "1")

    def resolve(self, reference: str, credential: RegistryCredential | None) -> ArtifactRef:
        self._called("resolve", reference, NullProgress())
        _, at, digest = reference.partition("@")
        chosen = digest if at else f"sha256:{hashlib.sha256(reference.encode()).hexdigest()}"
        return ArtifactRef(ArtifactKind.IMAGE, chosen, reference=reference)

    def distribute(self, artifact: ArtifactRef, credential: RegistryCredential | None, progress: Progress) -> None:
        self._called("distribute", artifact.digest, progress)
        if artifact.digest == NOWHERE:
            raise Refused("This artifact exists nowhere.")
        with self.world.open() as world:
            world["artifacts"][artifact.digest] = _artifact_to_json(artifact)

    def is_distributed(self, artifact: ArtifactRef) -> bool:
        with self.world.open() as world:
            return artifact.digest in world["artifacts"]

    def declared_port(self, artifact: ArtifactRef) -> int | None:
        return None

    def ensure_started(self, spec: InstanceSpec, progress: Progress) -> Instance:
        self._called("ensure_started", spec.name, progress)
        _refuse_no_program(spec)
        self._take_time(spec, progress)
        with self.world.open() as world:
            _refuse_unless_here(world, spec)
            found = world["instances"].get(spec.name)
            if found is None or found["state"] not in (InstanceState.RUNNING, InstanceState.RESTARTING):
                _refuse_if_held(world, spec)
                found = world["instances"][spec.name] = self._started(spec, found)
            if found["state"] == InstanceState.RUNNING and found["port"]:
                self._serve(spec.name, found)
            else:
                self._stop_serving(spec.name)
            return _instance(spec.name, found)

    def run_once(self, spec: InstanceSpec, progress: Progress) -> int:
        self._called("run_once", spec.name, progress)
        _refuse_no_program(spec)
        token = secrets.token_hex(4)
        with self.world.open() as world:
            _refuse_unless_here(world, spec)
            _refuse_if_held(world, spec)
            world.setdefault("once", {})[spec.name] = token
        try:
            return self._to_its_end(spec, token, progress)
        finally:
            with self.world.open() as world:
                if world["once"].get(spec.name) == token:
                    del world["once"][spec.name]

    def _to_its_end(self, spec: InstanceSpec, token: str, progress: Progress) -> int:
        program, *words = spec.command or ("",)
        progress.line(" ".join(words) if program == "echo" else f"version {_answer(spec)} starts")
        for name in sorted(spec.environment) if program == "env" else ():
            progress.line(f"{name}={spec.environment[name]}")
        code = words[0] if program == "exit" else spec.environment.get("EXIT_AT_START")
        while code is None and program not in ("echo", "env"):
            progress.check()
            with self.world.open() as world:
                if world["once"].get(spec.name) != token:
                    raise Retry(f"{spec.name} was ended from outside; it is run again.")
            time.sleep(POLL)
        return int(code or 0)

    def instance(self, name: str) -> Instance | None:
        with self.world.open() as world:
            found = world["instances"].get(name)
            return _instance(name, found) if found else None

    def instances(self, placement: str | None = None) -> list[Instance]:
        with self.world.open() as world:
            found = [_instance(name, facts) for name, facts in sorted(world["instances"].items())]
        return [instance for instance in found if placement in (None, instance.placement)]

    def ensure_stopped(self, name: str, *, grace: float = 10.0) -> None:
        self._called("ensure_stopped", name, NullProgress())
        self._stop_serving(name)
        with self.world.open() as world:
            if found := world["instances"].get(name):
                found.update(state=InstanceState.STOPPED, exit_code=0)

    def ensure_removed(self, name: str, *, grace: float = 10.0) -> None:
        self._called("ensure_removed", name, NullProgress())
        self._stop_serving(name)
        with self.world.open() as world:
            world["instances"].pop(name, None)

    def output(
        self, name: str, *, tail: int = 200, follow: bool = False, progress: Progress | None = None
    ) -> Iterator[OutputLine]:
        lines = self._lines(name)
        if lines is None:
            return
        seen = len(lines)
        yield from lines[-tail:] if tail > 0 else []
        while follow:
            if progress:
                progress.check()
            if (lines := self._lines(name)) is None:
                return
            yield from lines[seen:]
            seen = len(lines)
            time.sleep(POLL)

    def listens_elsewhere(self, name: str) -> str:
        return ""

    def usages(self, names: Collection[str]) -> Mapping[str, Usage]:
        seen = {name: self.instance(name) for name in names}
        return {
            name: Usage(16 * 2**20, 0.1, f"{one.started_at}", 512 * 2**20, one.restarts)
            for name, one in seen.items()
            if one and one.state is InstanceState.RUNNING
        }

    def written(self, name: str) -> tuple[Written, ...]:
        with self.world.open() as world:
            found = world["instances"].get(name, {}).get("written", ())
        shown = worth_showing(found, lambda folder: True)
        return tuple(replace(file, folder=f"/{file.folder}" if file.folder else "") for file in shown)

    def stored(self, spec: InstanceSpec) -> frozenset[str]:
        with self.world.open() as world:
            return frozenset(volume.name for volume in spec.volumes if volume.name in world["volumes"])

    def ensure_volume_removed(self, volume: str) -> None:
        self._called("ensure_volume_removed", volume, NullProgress())
        with self.world.open() as world:
            world["volumes"].pop(volume, None)

    def homes(self) -> list[str]:
        return []  # its instances write nothing

    def ensure_home_removed(self, placement: str) -> None:
        self._called("ensure_home_removed", placement, NullProgress())

    def artifacts(self) -> list[ArtifactRef]:
        with self.world.open() as world:
            return [_artifact_from_json(digest, facts) for digest, facts in sorted(world["artifacts"].items())]

    def collect(self, keep: Collection[str], progress: Progress) -> Sequence[str]:
        self._called("collect", "", progress)
        with self.world.open() as world:
            used = {facts["digest"] for facts in world["instances"].values()}
            doomed = sorted(set(world["artifacts"]) - used - set(keep))
            for digest in doomed:
                del world["artifacts"][digest]
            return doomed

    # -- inside

    def _called(self, verb: str, what: str, progress: Progress) -> None:
        """Record the call, then fail or wait if a test asked for it."""
        progress.check()
        with self.world.open() as world:
            world["calls"].append([verb, what])
            for fault in world["failures"]:
                if fault["verb"] == verb and fault["times"] > 0:
                    fault["times"] -= 1
                    failure = FAILURES[fault["kind"]](fault["sentence"])
                    break
            else:
                failure = None
        if failure:
            raise failure
        while self._hangs(verb):
            progress.check()
            time.sleep(POLL)

    def _hangs(self, verb: str) -> bool:
        with self.world.open() as world:
            return verb in world["hanging"]

    def _take_time(self, spec: InstanceSpec, progress: Progress) -> None:
        """Wait as long as the start shall take, unless the instance exists already."""
        until = time.monotonic() + float(spec.environment.get("START_SECONDS", "0"))
        while time.monotonic() < until and self.instance(spec.name) is None:
            progress.check()
            time.sleep(min(POLL, max(0.0, until - time.monotonic())))

    def _started(self, spec: InstanceSpec, before: Mapping[str, Any] | None) -> dict[str, Any]:
        answer = _answer(spec)
        exit_code = spec.environment.get("EXIT_AT_START")
        facts = {
            "placement": spec.placement,
            "deployment": spec.deployment,
            "replica": spec.replica,
            "service": spec.service,
            "digest": spec.artifact.digest,
            "state": InstanceState.RESTARTING if exit_code else InstanceState.RUNNING,
            "port": before["port"] if before else 0,
            "started_at": now(),
            "restarts": 1 if exit_code else 0,
            "exit_code": int(exit_code) if exit_code else None,
            "answer": answer,
            "environment": dict(spec.environment),
            "volumes": [volume.name for volume in spec.volumes],
            "files": dict(spec.files),
            **_checked(spec),
            "output": before["output"] if before else [],
        }
        if not facts["port"] and spec.port is not None:
            facts["port"] = self._free_port(spec.name)
        if spec.command and spec.command[0] == "echo":
            words = " ".join(spec.command[1:]).replace("{port}", str(facts["port"]))
            facts["output"].append([now(), "stdout", words])
        else:
            facts["output"].append([now(), "stdout", f"version {answer} starts"])
        return facts

    def _free_port(self, name: str) -> int:
        """The port of a server that is opened at once, so that nothing else gets the port."""
        self.servers[name] = Server(self, name, 0)
        return self.servers[name].port

    def _serve(self, name: str, facts: Mapping[str, Any]) -> None:
        """Answer for an instance. If another process already does, the port is taken, and there is nothing to do."""
        if name not in self.servers:
            with suppress(OSError):
                self.servers[name] = Server(self, name, facts["port"])
        if server := self.servers.get(name):
            server.start()

    def _stop_serving(self, name: str) -> None:
        if server := self.servers.pop(name, None):
            server.close()

    def _lines(self, name: str) -> list[OutputLine] | None:
        with self.world.open() as world:
            found = world["instances"].get(name)
            if found is None:
                return None
            return [OutputLine(datetime.fromisoformat(at), stream, text) for at, stream, text in found["output"]]


def _answer(spec: InstanceSpec) -> str:
    return spec.artifact.reference or spec.artifact.digest


def _refuse_no_program(spec: InstanceSpec) -> None:
    if spec.command and spec.command[0].startswith("no-such"):
        raise Refused(f"The program “{spec.command[0]}” was not found; check the start command.")


def _refuse_unless_here(world: Mapping[str, Any], spec: InstanceSpec) -> None:
    if spec.artifact.digest not in world["artifacts"]:
        raise Refused("The artifact is not here; distribute it first.")


def _refuse_if_held(world: Mapping[str, Any], spec: InstanceSpec) -> None:
    wanted = {volume.name for volume in spec.volumes}
    for name, facts in sorted(world["instances"].items()):
        is_alive = facts["state"] in (InstanceState.RUNNING, InstanceState.RESTARTING)
        is_beside = (facts["placement"], facts["deployment"]) == (spec.placement, spec.deployment)
        if is_beside and facts.get("service", MAIN) != spec.service:
            continue  # the services of one deployment share its volumes
        if name != spec.name and is_alive and wanted.intersection(facts["volumes"]):
            raise Retry(f"{name} still has a volume of {spec.name}; nothing else is started on it.")


def _checked(spec: InstanceSpec) -> dict[str, str]:
    """What a health command says; ``echo`` succeeds, everything else fails."""
    if not spec.health.command:
        return {}
    is_well = spec.health.command[0] == "echo"
    said = "" if is_well else f"{spec.health.command[0]} failed"
    return {"health": "healthy" if is_well else "starting", "health_output": said}


def _instance(name: str, facts: Mapping[str, Any]) -> Instance:
    state = InstanceState(facts["state"])
    return Instance(
        name=name,
        placement=facts["placement"],
        deployment=facts["deployment"],
        replica=facts["replica"],
        state=state,
        address=f"127.0.0.1:{facts['port']}" if facts["port"] and state in _UP else "",
        digest=facts["digest"],
        started_at=datetime.fromisoformat(facts["started_at"]),
        restarts=facts["restarts"],
        exit_code=facts["exit_code"],
        out_of_memory=facts.get("out_of_memory", False),
        volumes=frozenset(facts["volumes"]),
        health=facts.get("health"),
        health_output=facts.get("health_output", ""),
        service=facts.get("service", MAIN),
    )


def _artifact_to_json(artifact: ArtifactRef) -> dict[str, Any]:
    location = str(artifact.location) if artifact.location else None
    return {"kind": artifact.kind, "reference": artifact.reference, "location": location}


def _artifact_from_json(digest: str, facts: Mapping[str, Any]) -> ArtifactRef:
    location = Path(facts["location"]) if facts["location"] else None
    return ArtifactRef(ArtifactKind(facts["kind"]), digest, reference=facts["reference"], location=location)
