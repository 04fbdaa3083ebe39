"""The services of an application: the one that visitors reach, the other processes of the same version, and those that run
an image of their own. Pure.

A spec describes the main service. Its ``services`` describe the others. A process type of a Procfile is described by what
differs from the main one: ``{"worker": {"command": ["celery", "-A", "shop", "worker"]}}``. It runs the same artifact in the
same environment, with the same volumes, and has no port. A service with an image is described wholly: ``{"db": {"image":
"postgres:16", "environment": {…}, "volumes": [["data", "/var/lib/postgresql/data"]]}}``. It has nothing of the main one, and
the others reach it by its name. In an artifact the image is pinned by its digest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from typing import Any

from fairway.drivers.builders.contract import Spec
from fairway.drivers.builders.detection.compose_values import required_variables
from fairway.drivers.runtimes.contract import MAIN
from fairway.shared.names import Invalid, parse_slug

RESERVED = (MAIN, "release")
MOST_SERVICES = 10  # besides the main one
LONGEST_NAME = 30
KEYS = ("command", "environment", "memory_bytes", "cpus", "stop_grace", "health_command", "start_seconds")
OWN_KEYS = (*KEYS, "image", "volumes", "files", "depends_on", "hostname")  # of a service with an image of its own


@dataclass(frozen=True)
class Service:
    """One service and how it runs. `image` is the image of its own; "" for one that runs the application's artifact.
    `depends_on` names the services with an image of their own that must be ready before it starts, `hostname` is what the
    others reach it by. `has_port` says whether visitors' requests are passed to it."""

    name: str
    spec: Spec
    image: str = ""
    depends_on: tuple[str, ...] = ()
    hostname: str = ""

    @property
    def is_main(self) -> bool:
        return self.name == MAIN

    @property
    def has_port(self) -> bool:
        return self.is_main


def services_of(spec: Spec) -> tuple[Service, ...]:
    """The services that run the application's artifact, the main one first."""
    alone = replace(spec, services={})
    others = {name: differs for name, differs in spec.services.items() if not differs.get("image")}
    return (Service(MAIN, alone), *(Service(name, _with_differences(alone, differs)) for name, differs in others.items()))


def backing_services_of(spec: Spec) -> tuple[Service, ...]:
    """The services that run an image of their own."""
    own = {name: stated for name, stated in spec.services.items() if stated.get("image")}
    return tuple(_with_an_image(name, stated) for name, stated in own.items())


def in_order(services: Sequence[Service]) -> list[list[str]]:
    """The names of these services in groups: each group may start once those before it are ready. Raises `Invalid` if one
    depends on a service that is not among them, or if they wait for each other."""
    graph = {service.name: service.depends_on for service in services}
    for name, wanted in graph.items():
        if unknown := [other for other in wanted if other not in graph]:
            raise Invalid(
                "services",
                "“{name}” depends on “{other}”, which is no service with an image of its own.",
                name=name,
                other=unknown[0],
            )
    sorter = TopologicalSorter(graph)
    try:
        sorter.prepare()
    except CycleError as error:
        raise Invalid(
            "services", "“{name}” waits for itself; remove one of the dependencies.", name=error.args[1][0]
        ) from None
    groups = []
    while sorter.is_active():
        groups.append(sorted(sorter.get_ready()))
        sorter.done(*groups[-1])
    return groups


def refuse_shared_volumes(spec: Spec) -> None:
    """Raises `Invalid` if a service with an image of its own has a volume in common with another service: what is stored has
    one writer."""
    users = {name: MAIN for name, _target in spec.volumes}
    for service in backing_services_of(spec):
        for name, _target in service.spec.volumes:
            if users.setdefault(name, service.name) != service.name:
                raise Invalid(
                    "services",
                    "“{name}” uses the volume “{volume}” that “{other}” uses, too; give each its own.",
                    name=service.name,
                    volume=name,
                    other=users[name],
                )


def without_backing(spec: Spec) -> Spec:
    """The spec without the services that run an image of their own."""
    return replace(spec, services={name: stated for name, stated in spec.services.items() if not stated.get("image")})


def required_variables_of(spec: Spec) -> tuple[str, ...]:
    """The variables that must be set before the application and its services can start."""
    own = [name for name in spec.requires if not (text := spec.environment.get(name)) or name in required_variables(text)]
    specs = [service.spec for service in backing_services_of(spec)]
    texts = [*spec.files.values(), *(text for one in specs for text in (*one.environment.values(), *one.files.values()))]
    return tuple(dict.fromkeys([*own, *(name for text in texts for name in required_variables(text))]))


def _with_an_image(name: str, stated: Mapping[str, Any]) -> Service:
    waits_for, hostname = tuple(stated.get("depends_on", ())), str(stated.get("hostname") or name)
    return Service(name, _of_its_own(stated), str(stated["image"]), waits_for, hostname)


def _of_its_own(stated: Mapping[str, Any]) -> Spec:
    values = {name: value for name, value in stated.items() if name not in ("image", "depends_on", "hostname")}
    for name in ("command", "health_command"):
        if values.get(name) is not None:
            values[name] = tuple(values[name])
    values["volumes"] = tuple((name, target) for name, target in values.get("volumes", ()))
    return Spec(kind="image", **values)


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
