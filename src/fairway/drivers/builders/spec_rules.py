"""Checks what a person may change about a detected spec, field by field. Pure functions."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from fairway.drivers.builders.command_line import join_command, programs_of, split_command
from fairway.drivers.builders.contract import Spec
from fairway.drivers.builders.services import KEYS, MOST_SERVICES, OWN_KEYS, backing_services_of, in_order, parse_name
from fairway.shared.names import (
    Invalid,
    parse_image,
    parse_port,
    parse_relative_path,
    parse_slug,
    parse_variable,
    parse_volume,
)

KINDS = ("dockerfile", "python", "node", "static", "program", "image")
STARTED = ("python", "node", "program")  # kinds that need a start command
LEAST_MEMORY = 16 * 1024 * 1024
MOST_MEMORY = 1024 * 1024 * 1024 * 1024
LONGEST_GRACE = 600.0
LONGEST_START = 900.0  # seconds; the check of a deployment may take twenty minutes
HEALTH = ("health_path", "health_command", "health_tcp")  # at most one of them is set
TCP = "tcp"  # the word for a TCP check, as people write it
_PATH = re.compile(r"/[!-~]*")
MOST_FILES, LARGEST_FILES = 40, 128 * 1024  # of one service; bytes in all
_FILE = re.compile(r"/[^/\0\n].{0,200}")
HOSTNAME = re.compile(r"[a-z0-9](?:[a-z0-9_.-]{0,61}[a-z0-9])?", re.I)


def spec_errors(data: Mapping[str, Any]) -> list[Invalid]:
    """Everything that is wrong with a spec in its JSON form, one `Invalid` per error. An empty list means that the spec
    can be used."""
    return _read(data)[1]


def parse_spec(data: Mapping[str, Any]) -> Spec:
    """Read a spec from its JSON form, in which ``command`` may also be one line of text. Raises the first `Invalid`."""
    values, errors = _read(data)
    if errors:
        raise errors[0]
    return Spec(**values)


def parse_changes(data: Mapping[str, Any]) -> dict[str, Any]:
    """Check some fields of a spec in their JSON form and return them, normalized, as changes for `overlay`. Raises the
    first `Invalid`."""
    kind = data.get("kind", "static")
    checked = parse_spec({"kind": "static", **data, **({"kind": "static"} if kind in (*STARTED, "image") else {})})
    unset: dict[str, Any] = {"services": {}, "health_command": None, "health_tcp": False, "start_seconds": None}
    known = {**unset, **checked.to_json(), "kind": _kind(kind)}
    names = {*data, "environment"} if checked.environment else set(data)
    return {name: known[name] for name in Spec.__dataclass_fields__ if name in names}


def overlay(spec: Spec, changes: Mapping[str, Any]) -> Spec:
    """The spec with changes applied: recipe options (`install`) and `environment` are merged key by key, other fields are
    replaced. One kind of health check replaces another. Services with an image of their own stay beside other services."""
    changed = dict(changes)
    if any(changed.get(name) for name in HEALTH):
        changed = {**dict.fromkeys(HEALTH), "health_tcp": False, **changed}
    for name in ("install", "environment"):
        if name in changed:
            changed[name] = {**getattr(spec, name), **(changed[name] or {})}
    if "services" in changed:
        own = {name: stated for name, stated in spec.services.items() if stated.get("image")}
        changed["services"] = {**own, **(changed["services"] or {})}
    return Spec.from_json({**spec.to_json(), **changed})


def command_text(command: tuple[str, ...] | None) -> str:
    """The command as the line that a person edits; "" for the image's own command."""
    return join_command(command) if command else ""


def with_command(spec: Spec, text: str) -> Spec:
    """The spec with the command that a person typed. An empty line means the recipe's own command. Raises `Invalid`."""
    command, environment = _command(text)
    return replace(spec, command=command, environment={**spec.environment, **environment})


def _read(data: Mapping[str, Any]) -> tuple[dict[str, Any], list[Invalid]]:
    values: dict[str, Any] = {}
    errors = [
        Invalid(str(key), "is not a field of the spec; remove it.") for key in data if key not in Spec.__dataclass_fields__
    ]
    for name, parse in _FIELDS.items():
        if name not in data:
            continue
        try:
            values[name] = parse(data[name])
        except Invalid as error:
            errors.append(error)
    if "kind" not in data:
        errors.append(Invalid("kind", "is missing; choose one of {names}.", names=", ".join(KINDS)))
    return _merged(data, values, errors), errors


def _merged(data: Mapping[str, Any], values: dict[str, Any], errors: list[Invalid]) -> dict[str, Any]:
    """Move variables written before the command into the environment, and add the errors that concern two fields at once."""
    command, variables = values.pop("command", (None, {}))
    values["command"] = command
    values["environment"] = {**values.get("environment", {}), **variables}
    kind = values.get("kind")
    if len([name for name in HEALTH if values.get(name)]) > 1:
        errors.append(Invalid("health_command", "stands beside another health check; keep one of them."))
    if kind in STARTED and command is None and not any(error.field == "command" for error in errors):
        errors.append(Invalid("command", "is empty; a {kind} application needs one, e.g. “python main.py”.", kind=kind))
    if kind in ("dockerfile", "image") and command and len(programs_of(command)) > 1:
        errors.append(
            Invalid(  # the text of `runtimes.steps.ONLY_OURS`, repeated so that it is translated
                "command",
                "is several programs in a row, which only images that Fairway writes can run: put them into a shell script "
                "of the image that starts with “#!/bin/sh”, and start that.",
            )
        )
    if values.get("files") and kind not in ("dockerfile", "image"):
        errors.append(Invalid("files", "are put into images only; this is a {kind} application.", kind=kind))
    if kind == "image":
        try:
            parse_image(str(values.get("install", {}).get("image", "")), field="install.image")
        except Invalid as error:
            errors.append(error)
    return values


def _kind(value: object) -> str:
    if value not in KINDS:
        raise Invalid("kind", "is “{value}”; choose one of {names}.", value=str(value)[:40], names=", ".join(KINDS))
    return str(value)


def _other_command(name: str) -> Callable[[object], tuple[str, ...] | None]:
    """Parse a command other than the start command. Variables written before it stay among its words."""

    def parse(value: object) -> tuple[str, ...] | None:
        try:
            words, variables = _command(value)
        except Invalid as error:
            raise Invalid(name, error.sentence) from None
        return words and (*(f"{key}={text}" for key, text in variables.items()), *words)

    return parse


def _sticky(value: object) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise Invalid("sticky", "must be true or false.")
    return value


def _command(value: object) -> tuple[tuple[str, ...] | None, dict[str, str]]:
    if value is None or value == "" or value == []:
        return None, {}
    if isinstance(value, str):
        environment, command = split_command(value.strip())
        return command, environment
    if not isinstance(value, list | tuple) or not all(isinstance(word, str) and "\x00" not in word for word in value):
        raise Invalid("command", "is neither one line of text nor a list of words.")
    if not value[0].strip():
        raise Invalid("command", "starts with an empty word; name the program first.")
    programs_of(value)
    return tuple(value), {}


def _health_path(value: object) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not _PATH.fullmatch(value) or len(value) > 500:
        raise Invalid(
            "health_path", "is “{value}”; write a path that starts with “/”, e.g. “/health”.", value=str(value)[:80]
        )
    return value


def parse_health(text: str) -> dict[str, Any]:
    """A health check as people type it, in the form of a spec: a path (“/health”), “tcp” for an open port, or a command
    that must end with 0; an empty text means what is detected. Raises `Invalid`."""
    text = text.strip()
    kinds: dict[str, Any] = dict.fromkeys(HEALTH)
    if not text:
        return kinds
    if text == TCP:
        return kinds | {"health_tcp": True}
    if text.startswith("/") and " " not in text:
        return kinds | {"health_path": _health_path(text)}
    return kinds | {"health_command": list(_health_command(text) or ())}


def health_text(spec: Mapping[str, Any]) -> str:
    """The health check of a spec in its JSON form, as a person edits it; "" for none."""
    if spec.get("health_command"):
        return join_command(tuple(spec["health_command"]))
    return TCP if spec.get("health_tcp") else spec.get("health_path") or ""


def _health_command(value: object) -> tuple[str, ...] | None:
    try:
        words, variables = _command(value)
    except Invalid as error:
        raise Invalid("health_command", error.sentence) from None
    if words is None:
        return None
    if variables or len(programs_of(words)) > 1:
        raise Invalid("health_command", "must be one program with its words, e.g. “pg_isready -q”.")
    return words


def _health_tcp(value: object) -> bool:
    if value is not None and not isinstance(value, bool):
        raise Invalid("health_tcp", "must be true or false.")
    return bool(value)


def _root(value: object) -> str:
    return "." if value in ("", ".", "./") else str(parse_relative_path(str(value), field="root"))


def _text(name: str, longest: int) -> Callable[[object], str]:
    def parse(value: object) -> str:
        if not isinstance(value, str) or len(value) > longest or not value.isprintable():
            raise Invalid(name, "must be one line of at most {longest} characters.", longest=longest)
        return value

    return parse


def _install(value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise Invalid("install", "must be an object of recipe options.")
    for key in ("publish", "dockerfile", "from", "collectstatic", "index"):
        if value.get(key) and value[key] not in (True, "."):
            parse_relative_path(str(value[key]), field=f"install.{key}")
    for key in ("python", "node"):
        if not re.fullmatch(r"[\w.,<>=!~^*|/+ -]{0,80}", str(value.get(key) or "")):
            raise Invalid(f"install.{key}", "is not a version; write e.g. “3.12” or “>=20”.")
    for line in value.get("add") or ():
        _requirement(str(line))
    return dict(value)


def _requirement(line: str) -> None:
    try:
        Requirement(line)
    except InvalidRequirement:
        raise Invalid(
            "install.add", "“{value}” is not a package; write e.g. “uvicorn” or “gunicorn==23.0.0”.", value=line[:60]
        ) from None


def _environment(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise Invalid("environment", "must map variable names to text.")
    for name, text in value.items():
        parse_variable(str(name), field="environment")
        if not isinstance(text, str) or "\x00" in text:
            raise Invalid("environment", "the value of {name} must be text.", name=name)
    return dict(value)


def _requires(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise Invalid("requires", "must be a list of variable names.")
    return tuple(dict.fromkeys(parse_variable(str(name), field="requires") for name in value))


def parse_volumes(text: str) -> list[list[str]]:
    """Volumes as people type them, one ``name: /folder`` per line, in the form of a spec. Raises `Invalid`."""
    return [list(parse_volume(line)) for line in text.splitlines() if line.strip()]


def _volumes(value: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, list | tuple):
        raise Invalid("volumes", "must be a list of [name, target] pairs.")
    return tuple(_volume(pair) for pair in value)


def _volume(pair: object) -> tuple[str, str]:
    if not isinstance(pair, list | tuple) or len(pair) != 2 or not all(isinstance(part, str) for part in pair):
        raise Invalid("volumes", "must be a list of [name, target] pairs.")
    name, target = pair
    if not target.startswith("/") or target == "/" or ".." in target.split("/"):
        raise Invalid("volumes", "the target “{value}” must be an absolute folder such as “/data”.", value=target[:80])
    return parse_slug(name, field="volumes"), target


def _memory(value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not LEAST_MEMORY <= value <= MOST_MEMORY:
        raise Invalid("memory_bytes", "must be a number of bytes between 16 MiB and 1 TiB.")
    return value


def _number(name: str, least: float, most: float, *, optional: bool) -> Callable[[object], float | None]:
    def parse(value: object) -> float | None:
        if value is None and optional:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
            raise Invalid(name, "must be a number between {least:g} and {most:g}.", least=least, most=most)
        return float(value)

    return parse


def parse_services(text: str) -> dict[str, dict[str, Any]]:
    """Services as people type them, one ``name: command`` per line as in a Procfile, in the form of a spec. Raises
    `Invalid`."""
    found: dict[str, dict[str, Any]] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, colon, command = line.partition(":")
        if not colon or not command.strip():
            raise Invalid(
                "services", "“{line}” is not “name: command”; write e.g. “worker: python worker.py”.", line=line[:80]
            )
        if name.strip() in found:
            raise Invalid("services", "“{name}” is there twice.", name=name.strip())
        found[name.strip()] = {"command": command.strip()}
    return _services(found)


def service_lines(services: Mapping[str, Mapping[str, Any]]) -> str:
    """Services as a person edits them, one ``name: command`` per line; those with an image of their own are left out."""
    own = {name: differs for name, differs in services.items() if not differs.get("image")}
    return "\n".join(f"{name}: {join_command(_words(differs))}" for name, differs in own.items())


def _words(differs: Mapping[str, Any]) -> tuple[str, ...]:
    variables = differs.get("environment") or {}
    return (*(f"{name}={value}" for name, value in variables.items()), *differs["command"])


def _services(value: object) -> dict[str, dict[str, Any]]:
    if not isinstance(value, Mapping):
        raise Invalid("services", "must map the name of each service to how it runs.")
    if len(value) > MOST_SERVICES:
        raise Invalid("services", "are {count}; an application has at most {most}.", count=len(value), most=MOST_SERVICES)
    services = {parse_name(str(name)): _service(str(name), differs) for name, differs in value.items()}
    in_order(backing_services_of(Spec(kind="image", services=services)))
    return services


def _service(name: str, differs: object) -> dict[str, Any]:
    given = {"command": differs} if isinstance(differs, str | list | tuple) else differs
    if not isinstance(given, Mapping):
        raise Invalid("services", "“{name}” must say its command.", name=name)
    has_image = bool(given.get("image"))
    known = OWN_KEYS if has_image else KEYS
    if unknown := [str(key) for key in given if key not in known]:
        raise Invalid("services", "“{name}” has {key}, which a service cannot set.", name=name, key=unknown[0])
    try:
        command, variables = _command(given.get("command"))
        values = {key: _SERVICE_FIELDS[key](given[key]) for key in known if key in given and key != "command"}
    except Invalid as error:
        raise Invalid("services", "“{name}”: {key} {why}", name=name, key=error.field, why=error.sentence) from None
    if command is None and not has_image:
        raise Invalid("services", "“{name}” has no command; write e.g. “python worker.py”.", name=name)
    environment = {**values.pop("environment", {}), **variables}
    kept = {key: list(given) if isinstance(given, tuple) else given for key, given in values.items() if given is not None}
    stated = {"command": list(command)} if command is not None else {}
    if "volumes" in kept:
        kept["volumes"] = [list(pair) for pair in kept["volumes"]]
    return {**stated, **({"environment": environment} if environment else {}), **kept}


def _files(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise Invalid("files", "must map absolute paths to texts.")
    for path, text in value.items():
        if not isinstance(path, str) or posixpath.normpath(path) != path or not _FILE.fullmatch(path):
            raise Invalid("files", "“{path}” is not an absolute path; write e.g. “/etc/app.conf”.", path=str(path)[:80])
        if not isinstance(text, str):
            raise Invalid("files", "“{path}” must be a text.", path=path[:80])
    if len(value) > MOST_FILES or sum(len(text.encode()) for text in value.values()) > LARGEST_FILES:
        raise Invalid(
            "files",
            "are too many or too large: at most {count}, with {kib} KiB.",
            count=MOST_FILES,
            kib=LARGEST_FILES // 1024,
        )
    return dict(value)


def _depends_on(value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, list | tuple):
        raise Invalid("depends_on", "must be a list of services, e.g. [“db”].")
    return tuple(str(name) for name in value)


def _hostname(value: object) -> str:
    name = str(value).strip()
    if not HOSTNAME.fullmatch(name):
        raise Invalid("hostname", "must be a host name such as “db”: a–z, 0–9, “-”, “_” and “.”.")
    return name


_FIELDS: dict[str, Callable[[Any], Any]] = {
    "kind": _kind,
    "framework": _text("framework", 80),
    "command": _command,
    "port": parse_port,
    "health_path": _health_path,
    "version": _text("version", 80),
    "root": _root,
    "install": _install,
    "environment": _environment,
    "requires": _requires,
    "volumes": _volumes,
    "memory_bytes": _memory,
    "cpus": _number("cpus", 0.01, 512, optional=True),
    "stop_grace": _number("stop_grace", 0, LONGEST_GRACE, optional=False),
    "build": _other_command("build"),
    "release": _other_command("release"),
    "sticky": _sticky,
    "services": _services,
    "health_command": _health_command,
    "health_tcp": _health_tcp,
    "start_seconds": _number("start_seconds", 1, LONGEST_START, optional=True),
    "files": _files,
}
_SERVICE_FIELDS: dict[str, Callable[[Any], Any]] = {
    **_FIELDS,
    "image": parse_image,
    "depends_on": _depends_on,
    "hostname": _hostname,
}
