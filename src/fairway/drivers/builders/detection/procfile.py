"""Reads a Procfile: the ``web`` line is the command, and the other process types are services that run beside it.

Source of the format: Heroku, "The Procfile" (``<process type>: <command>``, one per line).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fairway.drivers.builders.command_line import split_command
from fairway.drivers.builders.services import parse_name
from fairway.shared.names import Invalid, slug_from

# Process types that people start by hand ("heroku run console") and that end when their work is done.
ONE_OFF = frozenset(
    {"console", "shell", "bash", "sh", "test", "tests", "lint", "migrate", "migrations", "dev", "debug", "setup", "init"}
    | {"seed", "build", "install", "upgrade", "deploy", "collectstatic", "createsuperuser", "rake", "flask-shell"}
)
_LINE = re.compile(r"^(?P<name>[A-Za-z0-9_-]+)\s*:\s*(?P<command>.+)$")


@dataclass(frozen=True)
class Procfile:
    """The web command with its variables, the release command, the other process types by name (in the form of a spec's
    ``services``), and the names of those that do not run beside it."""

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    release: tuple[str, ...] | None = None
    services: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    others: tuple[str, ...] = ()


def parse_procfile(text: str) -> Procfile:
    """Read a Procfile. Raises `Invalid` if there is no ``web`` line, or a line (which it names) needs a shell."""
    lines: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        content = _without_comment(line).strip()
        if not content:
            continue
        match = _LINE.match(content)
        if match is None:
            raise Invalid(f"Procfile, line {number}", "is not “name: command”; write e.g. “web: python main.py”.")
        name = match["name"]
        lines.setdefault(name.lower() if name.lower() in ("web", "release") else name, (number, match["command"]))
    if "web" not in lines:
        others = ", ".join(lines)
        if others:
            raise Invalid(
                "Procfile",
                "starts {others}, but nothing that answers visitors: it has no “web:” line; add one.",
                others=others,
            )
        raise Invalid("Procfile", "has no “web:” line; add one, e.g. “web: python main.py”.")
    environment, command = _command(lines, "web")
    release = None
    if "release" in lines:
        variables, words = _command(lines, "release")
        release = (*(f"{name}={value}" for name, value in variables.items()), *words)
    beside = {name: _slug(name, lines[name][0]) for name in lines if name not in ("web", "release")}
    if len(set(beside.values())) < len(beside):
        raise Invalid("Procfile", "has two names that are the same service: {names}.", names=", ".join(beside))
    services = {slug: _service(lines, name) for name, slug in beside.items() if slug not in ONE_OFF}
    return Procfile(command, environment, release, services, tuple(name for name in beside if beside[name] in ONE_OFF))


def _slug(name: str, number: int) -> str:
    """The name of the service for a process type: ``Celery_Beat`` → ``celery-beat``."""
    return parse_name(slug_from(name), field=f"Procfile, line {number}")


def _service(lines: Mapping[str, tuple[int, str]], name: str) -> dict[str, Any]:
    variables, words = _command(lines, name)
    return {"command": list(words), **({"environment": variables} if variables else {})}


def _without_comment(line: str) -> str:
    """The line up to a “#” that begins a word outside of quotes, where a comment begins for a shell, too."""
    quote = ""
    for index, character in enumerate(line):
        if character in "'\"" and quote in ("", character):
            quote = "" if quote else character
        if character == "#" and not quote and (index == 0 or line[index - 1] in " \t"):
            return line[:index]
    return line


def _command(lines: Mapping[str, tuple[int, str]], name: str) -> tuple[dict[str, str], tuple[str, ...]]:
    number, line = lines[name]
    return split_command(line, field=f"Procfile, line {number}")
