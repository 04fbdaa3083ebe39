"""What Fairway requests from the Engine, as plain data: names, labels, bodies for containers and networks. Pure.

The bodies follow the Docker Engine API 1.41 (``ContainerCreate``, ``NetworkCreate``, ``VolumeCreate``).
"""

from __future__ import annotations

import base64
import hashlib
import json
import posixpath
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fairway.drivers.runtimes.contract import (
    COMMAND_EVERY,
    COMMAND_TIMEOUT,
    COMMAND_TRIES,
    MAIN,
    InstanceSpec,
    Limits,
    RegistryCredential,
)
from fairway.drivers.runtimes.steps import ONLY_OURS, Step, steps_of
from fairway.shared.failures import Refused

MANAGED = "fairway.managed"
DATA = "fairway.data"
NAME = "fairway.name"
PLACEMENT = "fairway.placement"
DEPLOYMENT = "fairway.deployment"
REPLICA = "fairway.replica"
SERVICE = "fairway.service"  # the main service does not have this label
DIGEST = "fairway.digest"
PORT = "fairway.port"
ONCE = "fairway.once"
FILES = "fairway.files"
SPEC = "fairway.spec"
VOLUME = "fairway.volume"
LAUNCHER = "fairway.launcher"  # on an image: the argv of the launcher that runs several programs, in JSON
LAUNCHERS = "/opt/fairway/"
BEFORE_PROGRAMS = ("/sbin/docker-init", "runc init")  # a container's processes that are there before its program
NO_LAUNCHER = f"The start command {ONLY_OURS}"
ANYWHERE = "0.0.0.0"  # noqa: S104 -- inside a network of its own
LOOKED_AT = "/fairway-looks"
PREFIX = "fairway-"  # begins the names of networks and volumes

DEFAULTS = Limits()
# What an ordinary image needs to prepare its files as root and then change to its own user. All other capabilities that
# Docker grants by default (raw sockets, device nodes, chroot, audit) are dropped.
CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID")


@dataclass(frozen=True)
class Names:
    """The names of one data directory's containers, networks and volumes.

    They end in the directory's id, because everybody on an Engine shares its names: a second Fairway with an application of
    the same name must neither adopt the first one's containers nor write into its volumes.
    """

    installation: str

    def container(self, name: str) -> str:
        return f"{name}.{self.installation}"

    def network(self, placement: str) -> str:
        return f"{PREFIX}{placement}.{self.installation}"

    def volume(self, volume: str) -> str:
        return f"{PREFIX}{volume}.{self.installation}"

    def looker(self, volume: str) -> str:
        """The container through which a volume is read."""
        return f"{self.volume(volume)}.look"

    def labels(self, **more: str) -> dict[str, str]:
        return {MANAGED: "true", DATA: self.installation, **more}

    def filter(self, **more: str) -> dict[str, list[str]]:
        """The Engine's list filter for what belongs to this data directory."""
        wanted = {DATA: self.installation, **more}
        return {"label": [f"{key}={value}" for key, value in wanted.items()]}


def fingerprint(spec: InstanceSpec) -> str:
    """A hash that distinguishes specs. It depends on the spec only, so that an upgrade of Fairway, which may send other
    requests, never replaces running instances."""
    facts = {
        "digest": spec.artifact.digest,
        "port": spec.port,
        "command": spec.command,
        "environment": sorted(spec.environment.items()),
        "limits": [spec.limits.memory_bytes, spec.limits.cpus, spec.limits.pids],
        "volumes": [[volume.name, volume.target] for volume in spec.volumes],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def container_body(
    spec: InstanceSpec, names: Names, *, image: Mapping[str, Any], host_port: int, host_ip: str = "127.0.0.1"
) -> dict[str, Any]:
    """The ``ContainerCreate`` body of one instance, made from `image`, the Engine's inspection of it. Raises `Refused` if
    the image cannot run the command.

    The instance is published on `host_ip` (the loopback address, unless a person chose another) and on a port that *we*
    choose. An ephemeral port would change whenever the container restarts. The container's own address changes likewise, and
    cannot be reached from everywhere (Docker Desktop, rootless, a tunnel). With either, after a crash the route would lead
    nowhere, or to another application.
    """
    body: dict[str, Any] = {
        "Image": image["Id"],
        "Env": [f"{key}={value}" for key, value in sorted(_variables(spec).items())],
        "Labels": container_labels(spec, names),
        "StopTimeout": max(1, round(spec.stop_grace)),
        "HostConfig": {
            **_limits(spec.limits),
            **_confinement(),
            "Init": True,  # a PID 1 without a TERM handler costs the whole stop time (docs/measurements.md)
            "RestartPolicy": {"Name": "unless-stopped"},
            "NetworkMode": names.network(spec.placement),
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
            "Mounts": [_mount(names.volume(volume.name), volume.target) for volume in spec.volumes],
        },
    }
    if spec.hostname:
        body["NetworkingConfig"] = {"EndpointsConfig": {names.network(spec.placement): {"Aliases": [spec.hostname]}}}
    if spec.health.command and not spec.once:
        body["Healthcheck"] = _health_command(spec)
    elif spec.port is None and not spec.hostname:
        body["Healthcheck"] = {"Test": ["NONE"]}  # the image's own check would ask a web server that does not run
    if spec.port is not None:
        inside = f"{spec.port}/tcp"
        body["ExposedPorts"] = {inside: {}}
        body["HostConfig"]["PortBindings"] = {inside: [{"HostIp": host_ip, "HostPort": str(host_port)}]}
    return {**body, **_started(spec, image)}


def _health_command(spec: InstanceSpec) -> dict[str, Any]:
    """The check that the Engine makes in the container; durations are nanoseconds."""
    steps = steps_of(spec.health.command or (), _variables(spec), port=spec.port or 0, host=ANYWHERE)
    every, timeout, start = (round(seconds * 1e9) for seconds in (COMMAND_EVERY, COMMAND_TIMEOUT, spec.health.deadline))
    return {
        "Test": ["CMD", *steps[-1].argv],
        "Interval": every,
        "Timeout": timeout,
        "StartPeriod": start,
        "Retries": COMMAND_TRIES,
    }


def _variables(spec: InstanceSpec) -> dict[str, str]:
    return {**_port(spec), **{volume.variable: volume.target for volume in spec.volumes}, **spec.environment}


def _port(spec: InstanceSpec) -> dict[str, str]:
    return {} if spec.port is None else {"PORT": str(spec.port)}


def _started(spec: InstanceSpec, image: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a body that say what is started, and where. One program needs no launcher; several need the one that is
    in images made by Fairway (see `chain`)."""
    steps = steps_in(spec, image)
    if not steps:
        return {}
    if len(steps) > 1:
        return {"Cmd": [*launcher_of(image), json.dumps([step.order() for step in steps])]}
    last = steps[0]
    own = {**_variables(spec), **last.variables, **_port(spec)}
    found: dict[str, Any] = {"Cmd": list(last.argv), "Env": [f"{key}={value}" for key, value in sorted(own.items())]}
    if last.folder:
        found["WorkingDir"] = posixpath.join(_config(image).get("WorkingDir") or "/", last.folder)
    return found


def steps_in(spec: InstanceSpec, image: Mapping[str, Any]) -> tuple[Step, ...]:
    """The programs of the spec's command in an instance of the image; empty for the image's own command."""
    if spec.command is None:
        return ()
    own = dict(item.partition("=")[::2] for item in _config(image).get("Env") or ())
    return steps_of(spec.command, {**own, **_variables(spec)}, port=spec.port or 0, host=ANYWHERE)


def launcher_of(image: Mapping[str, Any]) -> list[str]:
    """The argv of the image's launcher. Raises `Refused` if it has none."""
    label = (_config(image).get("Labels") or {}).get(LAUNCHER)
    if not label:
        raise Refused(NO_LAUNCHER)
    return [str(word) for word in json.loads(label)]


def _config(image: Mapping[str, Any]) -> Mapping[str, Any]:
    return image.get("Config") or {}


def running_first(table: Mapping[str, Any], command: Sequence[str]) -> str:
    """The program that runs before the application, found by the Engine's list of a container's processes and the command it
    was started with. "" if the application itself runs: it replaces the launcher, and only the Engine's own init keeps its
    command. A launcher without a program, or none yet, is about to start one: the first is named.
    """
    titles = [str(title).upper() for title in table.get("Titles") or ()]
    if not {"PID", "PPID", "CMD"} <= set(titles):
        return ""
    rows = [dict(zip(titles, map(str, row), strict=False)) for row in table.get("Processes") or ()]
    launched = [row for row in rows if not row["CMD"].startswith(BEFORE_PROGRAMS)]
    launchers = [row["PID"] for row in launched if row["CMD"].startswith(" ".join(command[:-1]))]
    if launched and not launchers:
        return ""
    return next((row["CMD"][:80] for row in rows if launchers and row["PPID"] == launchers[-1]), first_program(command))


def first_program(command: Sequence[str]) -> str:
    """The first of the programs that a launcher's command lists."""
    return str(json.loads(command[-1])[0]["text"])


def once_body(spec: InstanceSpec, names: Names, *, image: Mapping[str, Any]) -> dict[str, Any]:
    """The ``ContainerCreate`` body of a program that ends by itself: like an instance, but it has no port and is never
    started again."""
    body = container_body(spec, names, image=image, host_port=0)
    body.pop("ExposedPorts", None)
    body["HostConfig"].pop("PortBindings", None)
    body["HostConfig"]["RestartPolicy"] = {"Name": "no"}
    return body


def looker_body(volume: str, image: str) -> dict[str, Any]:
    """The ``ContainerCreate`` body of a container that is never started. It has the volume, and does not change it."""
    mount = {**_mount(volume, LOOKED_AT), "ReadOnly": True, "VolumeOptions": {"NoCopy": True}}
    return {"Image": image, "Cmd": ["never"], "HostConfig": {"NetworkMode": "none", "Mounts": [mount]}}


def filled(argv: Sequence[str], port: int) -> list[str]:
    """The argv with ``{port}`` and ``{host}`` replaced. In its own network, an application listens on all addresses."""
    return [item.replace("{port}", str(port)).replace("{host}", ANYWHERE) for item in argv]


def container_labels(spec: InstanceSpec, names: Names) -> dict[str, str]:
    """The labels by which an instance is found and recognized."""
    return names.labels(
        **{
            NAME: spec.name,
            PLACEMENT: spec.placement,
            DEPLOYMENT: spec.deployment,
            REPLICA: str(spec.replica),
            DIGEST: spec.artifact.digest,
            PORT: str(spec.port or ""),
            SPEC: fingerprint(spec),
            **({SERVICE: spec.service} if spec.service != MAIN else {}),
            **({ONCE: spec.once} if spec.once else {}),
            **({FILES: json.dumps(list(spec.files))} if spec.files else {}),
        }
    )


def is_beside(spec: InstanceSpec, labels: Mapping[str, str]) -> bool:
    """Whether a container with these labels is another service of the same deployment, with which the spec shares
    volumes."""
    same = (labels.get(PLACEMENT), labels.get(DEPLOYMENT)) == (spec.placement, spec.deployment)
    return same and labels.get(SERVICE, MAIN) != spec.service


def network_body(placement: str, names: Names, *, subnet: str | None = None) -> dict[str, Any]:
    """The ``NetworkCreate`` body of a placement's own network."""
    body: dict[str, Any] = {
        "Name": names.network(placement),
        "Driver": "bridge",
        "CheckDuplicate": True,
        "Labels": names.labels(**{PLACEMENT: placement}),
    }
    if subnet is not None:
        body["IPAM"] = {"Driver": "default", "Config": [{"Subnet": subnet}]}
    return body


def port_choices(name: str, installation: str, ports: range, taken: Collection[int]) -> list[int]:
    """Ports to try for an instance, best first: the same one each time, then those that follow it."""
    start = int.from_bytes(hashlib.sha256(f"{installation}/{name}".encode()).digest()[:4], "big") % len(ports)
    return [port for step in range(len(ports)) if (port := ports[(start + step) % len(ports)]) not in taken]


def registry_auth(credential: RegistryCredential | None) -> dict[str, str]:
    """The header with a registry's credentials for the Engine; empty without credentials, so that those of the user who runs
    Fairway (``~/.docker/config.json``) are never used for its users."""
    if credential is None:
        return {}
    sign_in = {"username": credential.username, "password": credential.password, "serveraddress": credential.host}
    return {"X-Registry-Auth": base64.urlsafe_b64encode(json.dumps(sign_in).encode()).decode()}


def with_tag(reference: str) -> str:
    """The reference with ``:latest`` added if it has neither tag nor digest."""
    last = reference.rpartition("/")[2]
    return reference if ":" in last or "@" in last else f"{reference}:latest"


def _limits(limits: Limits) -> dict[str, Any]:
    memory = limits.memory_bytes or DEFAULTS.memory_bytes
    cpus = limits.cpus or DEFAULTS.cpus
    return {
        "Memory": memory,
        "MemorySwap": memory,  # memory plus swap: the same value forbids swapping
        "NanoCpus": round((cpus or 0) * 1e9),
        "PidsLimit": limits.pids or DEFAULTS.pids,
    }


def _confinement() -> Mapping[str, Any]:
    return {
        "Privileged": False,
        "SecurityOpt": ["no-new-privileges"],
        "CapDrop": ["ALL"],
        "CapAdd": list(CAPABILITIES),
    }


def _mount(volume: str, target: str) -> dict[str, Any]:
    return {"Type": "volume", "Source": volume, "Target": target}
