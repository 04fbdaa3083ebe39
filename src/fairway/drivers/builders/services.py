"""The services of an application: the one that visitors reach, and the other processes of the same version. Pure.

A spec describes the main service. Its ``services`` describe the others (a Procfile calls them process types), each by what
differs from the main one: ``{"worker": {"command": ["celery", "-A", "shop", "worker"]}}``. They run the same artifact in the
same environment, with the same volumes, and have no port.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from fairway.drivers.builders.contract import Spec
from fairway.drivers.runtimes.contract import MAIN
from fairway.shared.names import Invalid, parse_slug

RESERVED = (MAIN, "release")
MOST_SERVICES = 10  # besides the main one
LONGEST_NAME = 30
KEYS = ("command", "environment", "memory_bytes", "cpus", "stop_grace", "health_command", "start_seconds")


@dataclass(frozen=True)
class Service:
    """One service and how it runs. `has_port` says whether it listens for requests."""

    name: str
    spec: Spec

    @property
    def is_main(self) -> bool:
        return self.name == MAIN

    @property
    def has_port(self) -> bool:
        return self.is_main


def services_of(spec: Spec) -> tuple[Service, ...]:
    """All services of a spec, the main one first."""
    alone = replace(spec, services={})
    others = {name: _with_differences(alone, differs) for name, differs in spec.services.items()}
    return (Service(MAIN, alone), *(Service(name, differing) for name, differing in others.items()))


def _with_differences(main: Spec, differs: Mapping[str, Any]) -> Spec:
    values = {**differs, "command": tuple(differs["command"])}
    values["environment"] = {**main.environment, **differs.get("environment", {})}
    if "health_command" in values:
        values["health_command"] = tuple(values["health_command"])
    own = {"release": None, "health_path": None, "health_tcp": False, "health_command": None, "start_seconds": None}
    return replace(main, **{"sticky": None, **own, **values})


def parse_name(text: str, *, field: str = "services") -> str:
    """The name of a service other than the main one. Raises `Invalid`."""
    name = parse_slug(text, field=field, longest=LONGEST_NAME)
    if name in RESERVED:
        raise Invalid(field, "“{name}” is not the name of another service; use e.g. “worker”.", name=name)
    return name
