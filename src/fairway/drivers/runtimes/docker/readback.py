"""Interprets the Engine's answers: the state of a container, and what it really runs. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fairway.drivers.runtimes.contract import MAIN, Instance, InstanceState, Usage
from fairway.drivers.runtimes.docker import plan

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)")
MOST_OUTPUT = 2000
_NEVER = "0001-01-01"


def instance(container: Mapping[str, Any], image: Mapping[str, Any] | None) -> Instance:
    """An `Instance` from the inspections of a container and its image. Raises KeyError if the container is not ours."""
    labels: Mapping[str, str] = container["Config"]["Labels"]
    state: Mapping[str, Any] = container["State"]
    now = instance_state(state)
    is_up = now is InstanceState.RUNNING
    return Instance(
        name=labels[plan.NAME],
        placement=labels[plan.PLACEMENT],
        deployment=labels[plan.DEPLOYMENT],
        replica=int(labels[plan.REPLICA]),
        state=now,
        address=address(container, labels[plan.PORT]) if is_up else "",
        digest=running_digest(container["Image"], image, claimed=labels[plan.DIGEST]),
        started_at=moment(state.get("StartedAt", "")),
        restarts=int(container.get("RestartCount", 0)),
        exit_code=None if is_up or now is InstanceState.STARTING else int(state.get("ExitCode", 0)),
        health=health(state),
        health_output=health_output(state),
        volumes=volumes(container),
        service=labels.get(plan.SERVICE, MAIN),
        out_of_memory=bool(state.get("OOMKilled")),
    )


def instance_state(state: Mapping[str, Any]) -> InstanceState:
    """The Engine's status as ours. *Exited* means that somebody stopped it: the restart policy starts what ended by
    itself."""
    match state.get("Status"):
        case "running":
            return InstanceState.RUNNING
        case "restarting":
            return InstanceState.RESTARTING
        case "created":
            return InstanceState.FAILED if state.get("Error") or state.get("ExitCode") else InstanceState.STARTING
        case "dead":
            return InstanceState.FAILED
        case _:
            return InstanceState.STOPPED


def address(container: Mapping[str, Any], port: str) -> str:
    """``host:port`` on which the container's `port` is really published; "" if it is not."""
    bound = ((container.get("NetworkSettings") or {}).get("Ports") or {}).get(f"{port}/tcp") or []
    return f"{bound[0]['HostIp']}:{bound[0]['HostPort']}" if bound else ""


def running_digest(image_id: str, image: Mapping[str, Any] | None, *, claimed: str) -> str:
    """The digest of the image that a container runs: the claimed one if the image really has it, else the image's id.

    An image has several digests: its id, and that of its manifest in each registry from which it was pulled. The label says
    under which one we started it; only the image itself can confirm that.
    """
    pulled = {digest.partition("@")[2] for digest in (image or {}).get("RepoDigests") or []}
    return claimed if claimed == image_id or claimed in pulled else image_id


def volumes(container: Mapping[str, Any]) -> frozenset[str]:
    """Our volumes that a container has, under their names in specs."""
    end = f".{container['Config']['Labels'][plan.DATA]}"
    mounted = [str(mount.get("Name") or "") for mount in container.get("Mounts") or () if mount.get("Type") == "volume"]
    return frozenset(
        name.removeprefix(plan.PREFIX).removesuffix(end)
        for name in mounted
        if name.startswith(plan.PREFIX) and name.endswith(end)
    )


def health(state: Mapping[str, Any]) -> str | None:
    """The verdict of the image's own HEALTHCHECK: healthy, unhealthy or starting; None if it has none."""
    verdict = (state.get("Health") or {}).get("Status")
    return verdict if verdict in ("healthy", "unhealthy", "starting") else None


def health_output(state: Mapping[str, Any]) -> str:
    """The last output of the image's own HEALTHCHECK, at most `MOST_OUTPUT` characters."""
    log = (state.get("Health") or {}).get("Log") or [{}]
    return str(log[-1].get("Output") or "").strip()[-MOST_OUTPUT:]


def moment(text: str) -> datetime | None:
    """Parse an RFC 3339 time with nanoseconds; None for the Engine's zero time."""
    found = _TIME.match(text)
    if not found or text.startswith(_NEVER):
        return None
    fraction = (found[2] or "0")[:6].ljust(6, "0")
    zone = "+00:00" if found[3] == "Z" else found[3]
    return datetime.fromisoformat(f"{found[1]}.{fraction}{zone}").astimezone(UTC)


def usage(stats: Mapping[str, Any], container: Mapping[str, Any]) -> Usage | None:
    """The usage from ``ContainerStats`` and the container's inspection; None if the container does not run.

    Memory is what cannot be reclaimed, as ``docker stats`` counts it: usage less the inactive file cache
    (``total_inactive_file`` on cgroup v1, ``inactive_file`` on v2).
    """
    memory = stats.get("memory_stats") or {}
    if "usage" not in memory:
        return None
    details = memory.get("stats") or {}
    cache = details.get("total_inactive_file", details.get("inactive_file", 0))
    spent = ((stats.get("cpu_stats") or {}).get("cpu_usage") or {}).get("total_usage", 0)
    return Usage(
        memory_bytes=max(0, int(memory["usage"]) - int(cache)),
        cpu_seconds=int(spent) / 1e9,
        began=f"{container['Id'][:12]} {container['State'].get('StartedAt', '')}",
        memory_limit_bytes=int((container.get("HostConfig") or {}).get("Memory") or 0) or None,
        restarts=int(container.get("RestartCount", 0)),
    )


def exposed_port(image: Mapping[str, Any]) -> int | None:
    """The lowest TCP port that an image exposes; None if there is none."""
    exposed = (image.get("Config") or {}).get("ExposedPorts") or {}
    ports = [int(name.removesuffix("/tcp")) for name in exposed if name.removesuffix("/tcp").isdigit()]
    return min(ports, default=None)
