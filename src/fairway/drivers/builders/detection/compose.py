"""Reads ``compose.yaml``: a documented subset of the Compose Specification, checked line by line.

Known keys at the top level: ``services``, ``volumes`` (named, without options), ``secrets``, ``configs``, ``name``,
``version``; in a service:
``image`` or ``build`` (``context``, ``dockerfile``, ``target``, ``args``), ``entrypoint``, ``command``, ``ports`` (one),
``expose``, ``environment`` (with ``${VAR}``, ``${VAR:?msg}``, ``${VAR:-default}``), ``env_file``, ``volumes`` (named, or a
path in the source), ``secrets``, ``configs``,
``restart``, ``stop_grace_period``, ``healthcheck``, ``depends_on``, ``profiles``, ``deploy.resources.limits`` (``memory``,
``cpus``) and ``x-fairway`` (``health``, ``port``, ``version``, ``start_seconds``). Keys that change nothing here
(`_WITHOUT_EFFECT`) are accepted, and the page names them. Any other key is refused with its line, never ignored. Source:
compose-spec/compose-spec, ``spec.md``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

from fairway.drivers.builders.command_line import split_command
from fairway.drivers.builders.detection.compose_files import Declared, Mounted, declared, folder_in, mounts_of, plain
from fairway.drivers.builders.detection.compose_health import count, duration, read_health, read_test
from fairway.drivers.builders.detection.compose_values import byte_size, required_variables
from fairway.shared.names import Invalid, parse_image, parse_port, parse_variable
from fairway.shared.yaml_with_lines import Item, refuse, root_of

FILES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
_TOP = ("services", "volumes", "secrets", "configs", "name", "version")
_SERVICE = (
    *("image", "build", "command", "ports", "expose", "environment", "volumes"),
    *("entrypoint", "env_file", "healthcheck", "depends_on", "profiles", "secrets", "configs"),
    *("restart", "stop_grace_period", "deploy", "x-fairway"),
)
# Fairway names instances and routes to them itself, and gives each application a network of its own.
_WITHOUT_EFFECT = (
    "container_name",
    "hostname",
    "labels",
    "networks",
    "logging",
    "init",
    "tty",
    "stdin_open",
    "pull_policy",
    "platform",
    "stop_signal",
)
_CONDITIONS = ("service_started", "service_healthy", "service_completed_successfully")
_HINTS = {
    "privileged": "applications never run privileged; remove it",
    "network_mode": "each application gets a network of its own; remove it",
    "replicas": "scale on the application's page",
}
_DOTTED = re.compile(r"[A-Za-z_][\w.-]{0,200}", re.A)
_PUBLISHED = re.compile(r"(?:(?:\[[0-9a-fA-F:]+\]:|[\d.]+:)?\d*:)?(?P<target>\d+)(?:/(?P<protocol>\w+))?")


@dataclass(frozen=True)
class ComposeBuild:
    """The ``build`` of a service."""

    root: str = "."
    dockerfile: str = ""
    target: str = ""
    args: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ComposeService:
    """One service of a compose file, with either `image` or `build`. Sizes are in bytes, times in seconds.

    `env_files` are paths inside the source, each with whether it must exist; `environment` overrules what they set. `after`
    names the services that must end successfully before this one starts. `is_optional` says that the service has a profile,
    so that ``docker compose up`` alone does not start it; `is_once` says that it is not started again when it ends. `unused`
    are the keys that change nothing here. `test` is the program of the health check, as it is written, and `depends_on` the
    services that must have started before this one. `files` are the files that it has besides those of its image.
    """

    name: str
    image: str
    build: ComposeBuild | None
    command: tuple[str, ...] | None
    port: int | None
    environment: dict[str, str]
    requires: tuple[str, ...]
    volumes: tuple[tuple[str, str], ...]
    memory_bytes: int | None
    cpus: float | None
    stop_grace: float | None
    health: dict[str, Any]
    start_seconds: float | None
    version: str
    env_files: tuple[tuple[str, bool], ...] = ()
    after: tuple[str, ...] = ()
    is_optional: bool = False
    is_once: bool = False
    unused: tuple[str, ...] = ()
    test: tuple[str, ...] | None = None
    files: tuple[Mounted, ...] = ()
    depends_on: tuple[str, ...] = ()


@dataclass(frozen=True)
class ComposeFile:
    """The services that can be the application, the errors of those that cannot (`wrong`, by name), and the image of each
    service ("" if it is built). `beside` are the services with an image that can run beside the application: they may open
    several ports, because the application reaches them directly."""

    services: tuple[ComposeService, ...]
    wrong: Mapping[str, Invalid]
    images: Mapping[str, str]
    beside: tuple[ComposeService, ...] = ()


def read_compose(text: str, *, file: str = "compose.yaml") -> ComposeFile:
    """Read all services of a compose file. Raises `Invalid`, whose field names file and line, if it is no compose file."""
    top = root_of(text, file)
    entries = top.require("services").mapping().entries
    services: list[ComposeService] = []
    beside: list[ComposeService] = []
    wrong: dict[str, Invalid] = {}
    images: dict[str, str] = {}
    for entry in entries:
        try:
            images[entry.key] = _image_name(entry.value.mapping())
            _only(top, (*_TOP, "networks"))
            service = _service(entry.key, entry.value.mapping(), declared(top))
            beside += [service] if service.image else []
            _refuse_several_ports(entry.value)
            services.append(service)
        except Invalid as error:
            wrong[entry.key] = error
            images.setdefault(entry.key, "")
    _check_order(top, services)
    return ComposeFile(tuple(services), wrong, images, tuple(beside))


def _only(item: Item, known: tuple[str, ...]) -> None:
    """Raises `Invalid` for any other key except extensions (``x-…``), which Compose ignores, too."""
    extensions = tuple(entry.key for entry in item.entries if entry.key.startswith("x-"))
    item.only((*known, *extensions), _HINTS)


def _check_order(top: Item, services: Sequence[ComposeService]) -> None:
    """Raises `Invalid` if a service would wait for itself, or depends on one that is not in the file."""
    entries = {entry.key: entry.value for entry in top.require("services").entries}
    waits = {one.name: _dependencies(entries[one.name].get("depends_on")) for one in services}
    for name, wanted in waits.items():
        for other in wanted:
            if other not in entries:
                refuse(entries[name].require("depends_on"), f"names “{other}”, which is no service of this file")
    try:
        TopologicalSorter(waits).prepare()
    except CycleError as error:
        ring = error.args[1]
        refuse(entries[ring[0]].require("depends_on"), f"makes “{ring[0]}” wait for itself; remove one of the dependencies")


def _dependencies(item: Item | None) -> dict[str, str]:
    """The services that a service depends on, each with its condition."""
    if item is None or item.is_null():
        return {}
    if item.is_sequence():
        return {part.text(): _CONDITIONS[0] for part in item.sequence()}
    found = {}
    for entry in item.mapping().entries:
        entry.value.mapping().only(("condition", "restart", "required"))
        condition = entry.value.get("condition")
        found[entry.key] = condition.text() if condition else _CONDITIONS[0]
        if condition and found[entry.key] not in _CONDITIONS:
            refuse(condition, f"must be one of {', '.join(_CONDITIONS)}")
    return found


def parse_compose(text: str, *, file: str = "compose.yaml") -> ComposeService:
    """Read a compose file with one service. Raises `Invalid`; its field names file and line, its sentence the key."""
    found = read_compose(text, file=file)
    if len(found.images) != 1:
        names = ", ".join(found.images) or "none"
        services = root_of(text, file).require("services")
        refuse(services, f"has {len(found.images)} services ({names}); keep exactly one per application")
    for error in found.wrong.values():
        raise error
    return found.services[0]


def _image_name(service: Item) -> str:
    image = service.get("image")
    return image.text() if image is not None and image.is_text() and service.get("build") is None else ""


def _service(name: str, service: Item, known: Declared) -> ComposeService:
    _only(service, (*_SERVICE, *_WITHOUT_EFFECT))
    image, build, ours = service.get("image"), service.get("build"), service.get("x-fairway")
    if (image is None) == (build is None):
        refuse(service, "needs either “image” or “build”, and not both")
    once = _check_restart(service.get("restart"))
    environment, requires = _environment(service.get("environment"), _variable if image is None else _image_variable)
    depends = _dependencies(service.get("depends_on"))
    memory, cpus = _limits(service.get("deploy"))
    own = _own_settings(ours)
    opened = own.port or next(iter(_ports(service)), None)
    volumes, files = mounts_of(service, known)
    health, start_seconds = read_health(service.get("healthcheck"), opened)
    unused = [key for key in _WITHOUT_EFFECT if service.get(key) is not None]
    return ComposeService(
        name=name,
        image=_image(image) if image is not None else "",
        build=_build(build) if build is not None else None,
        command=_whole_command(service),
        port=opened,
        environment=environment,
        requires=requires,
        volumes=volumes,
        memory_bytes=memory,
        cpus=cpus,
        stop_grace=duration(service.get("stop_grace_period")),
        health={"health_path": own.health} if own.health else health,
        start_seconds=own.start_seconds or start_seconds,
        version=own.version,
        env_files=tuple(_env_files(service.get("env_file"))),
        after=tuple(name for name, condition in depends.items() if condition == _CONDITIONS[2]),
        is_optional=service.get("profiles") is not None,
        unused=tuple(unused),
        is_once=once,
        test=read_test(service.get("healthcheck")),
        files=files,
        depends_on=tuple(name for name, condition in depends.items() if condition != _CONDITIONS[2]),
    )


def _whole_command(service: Item) -> tuple[str, ...] | None:
    """``entrypoint`` and ``command`` as one command. An entrypoint alone also replaces the image's own command."""
    entry, command = _command(service.get("entrypoint")), _command(service.get("command"))
    return (*entry, *(command or ())) if entry else command


def _env_files(item: Item | None) -> Iterator[tuple[str, bool]]:
    """The paths in ``env_file``, each with whether it must exist."""
    if item is None or item.is_null():
        return
    for part in item.sequence() if item.is_sequence() else [item]:
        if part.is_text():
            yield folder_in(part), True
            continue
        part.mapping().only(("path", "required", "format"))
        required = part.get("required")
        yield folder_in(part.require("path")), required is None or required.text() != "false"


def _items(item: Item | None) -> list[Item]:
    return item.sequence() if item is not None else []


def _image(item: Item) -> str:
    try:
        return parse_image(plain(item), field="image")
    except Invalid as error:
        if error.field != "image":
            raise
        refuse(item, error.sentence.rstrip("."))


def _build(item: Item) -> ComposeBuild:
    if item.is_text():
        return ComposeBuild(root=folder_in(item))
    item.mapping().only(("context", "dockerfile", "target", "args"))
    context, dockerfile, target, args = (item.get(key) for key in ("context", "dockerfile", "target", "args"))
    return ComposeBuild(
        root=folder_in(context) if context else ".",
        dockerfile=folder_in(dockerfile) if dockerfile else "",
        target=plain(target) if target else "",
        args={name: plain(value) for name, value in _pairs(args, _variable) if value is not None},
    )


def _pairs(item: Item | None, parse: Callable[[Item, str], str]) -> list[tuple[str, Item | None]]:
    """A mapping, or a list of ``NAME=value``, as (name, value) pairs. The value is None for a name alone."""
    if item is None or item.is_null():
        return []
    if item.is_sequence():
        return [_split_pair(part, parse) for part in item.sequence()]
    return [
        (parse(entry.value, entry.key), None if entry.value.is_null() else entry.value) for entry in item.mapping().entries
    ]


def _split_pair(part: Item, parse: Callable[[Item, str], str]) -> tuple[str, Item | None]:
    name, equals, value = part.text().partition("=")
    if not equals:
        return parse(part, name), None
    node = type(part.node)("tag:yaml.org,2002:str", value, part.node.start_mark, part.node.end_mark)
    return parse(part, name), Item(part.file, part.path, node, part.depth)


def _variable(item: Item, name: str) -> str:
    try:
        return parse_variable(name)
    except Invalid as error:
        refuse(item, error.sentence.rstrip("."))


def _image_variable(item: Item, name: str) -> str:
    """Images also read names such as ``discovery.type``."""
    return name if _DOTTED.fullmatch(name) else _variable(item, name)


def _environment(item: Item | None, parse: Callable[[Item, str], str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """(values, names that must be set). A name without a value takes its value from the configuration and must be set
    there."""
    environment: dict[str, str] = {}
    requires: list[str] = []
    for name, value in _pairs(item, parse):
        environment[name] = "${" + name + "}" if value is None else value.text()
        try:
            requires += required_variables(environment[name])
        except ValueError as error:
            refuse(value or item or root_of("{}", ""), str(error))
    return environment, tuple(dict.fromkeys(requires))


def _command(item: Item | None) -> tuple[str, ...] | None:
    if item is None or item.is_null():
        return None
    if item.is_sequence():
        return tuple(_with_port(part) for part in item.sequence()) or None
    try:
        environment, command = split_command(item.text())
    except Invalid as error:
        refuse(item, error.sentence.rstrip("."))
    if environment:
        refuse(item, f"sets {', '.join(environment)} before the program; write them under “environment”")
    return command


def _with_port(part: Item) -> str:
    text = part.text()
    for form in ("${PORT}", "$PORT"):
        text = text.replace(form, "{port}")
    if re.search(r"\$[A-Za-z_{]", text.replace("$$", "")):
        refuse(part, "uses a variable; only $PORT is replaced in a command")
    return text.replace("$$", "$")


def _ports(service: Item) -> list[int]:
    found = [_target(item) for item in _items(service.get("ports"))]
    return found + [_number(item, plain(item)) for item in _items(service.get("expose"))]


def _refuse_several_ports(service: Item) -> None:
    found = _ports(service)
    if len(set(found)) > 1:
        refuse(service, f"opens several ports ({', '.join(map(str, found))}); Fairway routes one, keep that")


def _target(item: Item) -> int:
    if not item.is_text():
        item.mapping().only(("target", "published", "protocol", "mode", "name", "app_protocol"))
        target = item.require("target")
        return _number(target, plain(target))
    match = _PUBLISHED.fullmatch(plain(item))
    if match is None or (match["protocol"] or "tcp") != "tcp":
        refuse(item, "must name one TCP port, e.g. “8080” or “80:8080”")
    return _number(item, match["target"])


def _number(item: Item, text: str) -> int:
    try:
        return parse_port(text)
    except Invalid as error:
        refuse(item, error.sentence.rstrip("."))


def _check_restart(item: Item | None) -> bool:
    """Whether the service is not started again when it ends."""
    if item is not None and item.text().partition(":")[0] not in ("always", "unless-stopped", "on-failure", "no"):
        refuse(item, "must be “always”: Fairway restarts what dies; remove it")
    return item is not None and item.text() == "no"


def _limits(deploy: Item | None) -> tuple[int | None, float | None]:
    """(bytes of memory, CPUs) in ``deploy.resources.limits``."""
    limits = deploy
    for key in ("resources", "limits"):
        if limits is None:
            return None, None
        limits.mapping().only((key,), _HINTS)
        limits = limits.get(key)
    if limits is None:
        return None, None
    limits.mapping().only(("memory", "cpus"))
    memory, cpus = limits.get("memory"), limits.get("cpus")
    return _memory(memory) if memory else None, _cpus(cpus) if cpus else None


def _memory(item: Item) -> int:
    value = byte_size(item.text())
    return value if value else refuse(item, "is not a size; write e.g. “512m” or “1g”")


def _cpus(item: Item) -> float:
    text = item.text()
    if not re.fullmatch(r"\d+(\.\d+)?", text) or not 0 < float(text) <= 512:
        refuse(item, "is not a number of CPUs; write e.g. “0.5”")
    return float(text)


@dataclass(frozen=True)
class _Own:
    """The settings in ``x-fairway`` of a service."""

    port: int | None = None
    health: str = ""
    version: str = ""
    start_seconds: float | None = None


def _own_settings(item: Item | None) -> _Own:
    if item is None or item.is_null():
        return _Own()
    item.mapping().only(("health", "port", "version", "start_seconds"))
    port, health, version, start = (item.get(key) for key in ("port", "health", "version", "start_seconds"))
    if health is not None and not re.fullmatch(r"/[!-~]*", health.text()):
        refuse(health, "must be a path that starts with “/”, e.g. “/health”")
    return _Own(
        port=_number(port, port.text()) if port else None,
        health=health.text() if health else "",
        version=plain(version) if version else "",
        start_seconds=float(count(start)) if start else None,
    )
