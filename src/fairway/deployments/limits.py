"""Limits of the services of an application in one environment: what a person set there, else what its version says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fairway.deployments.models import Deployment
from fairway.drivers.runtimes.contract import Limits
from fairway.environments.runtimes import limits_of
from fairway.shared.names import Invalid

BOUNDS: Mapping[str, tuple[float, float]] = {"memory_mb": (16, 4_194_304), "cpus": (0.01, 512), "pids": (8, 100_000)}


def parse_limits(given: Mapping[str, float | None]) -> dict[str, float]:
    """The limits that were given, without those that are None. Raises `Invalid`."""
    found: dict[str, float] = {}
    for name, (least, most) in BOUNDS.items():
        value = given.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not least <= value <= most:
            raise Invalid(name, "must be from {least} to {most}, or nothing.", least=f"{least:g}", most=f"{most:.0f}")
        found[name] = value if name == "cpus" else int(value)
    return found


def limits_for(deployment: Deployment, service: str, *, memory_bytes: int | None, cpus: float | None) -> Limits:
    """The limits of one instance of a service, whose version says `memory_bytes` and `cpus`. The environment's options cap
    them."""
    set_there: Mapping[str, Any] = deployment.limits.get(service, {})
    if "memory_mb" in set_there:
        memory_bytes = int(set_there["memory_mb"]) * 2**20
    return limits_of(
        deployment.environment,
        memory_bytes=memory_bytes,
        cpus=set_there.get("cpus", cpus),
        pids=set_there.get("pids"),
    )
