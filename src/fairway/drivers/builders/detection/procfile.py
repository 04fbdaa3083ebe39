"""Procfile: the ``web`` line as a command, and the other process types by name.

Source of the format: Heroku, "The Procfile" (``<process type>: <command>``, one per line).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from fairway.drivers.builders.command_line import split_command
from fairway.shared.names import Invalid

_LINE = re.compile(r"^(?P<name>[A-Za-z0-9_-]+)\s*:\s*(?P<command>.+)$")


@dataclass(frozen=True)
class Procfile:
    """The web command with the variables before it, the release command, and the other process types (which are not run)."""

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    release: tuple[str, ...] | None = None
    others: tuple[str, ...] = ()


def parse_procfile(text: str) -> Procfile:
    """Read a Procfile. Raises `Invalid` naming the line when there is no ``web`` or a line needs a shell."""
    lines: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        said = _without_comment(line).strip()
        if not said:
            continue
        match = _LINE.match(said)
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
    return Procfile(command, environment, release, tuple(name for name in lines if name not in ("web", "release")))


def _without_comment(line: str) -> str:
    """The line up to a “#” that begins a word outside quotes, as a shell would read it."""
    quote = ""
    for place, character in enumerate(line):
        if character in "'\"" and quote in ("", character):
            quote = "" if quote else character
        if character == "#" and not quote and (place == 0 or line[place - 1] in " \t"):
            return line[:place]
    return line


def _command(lines: Mapping[str, tuple[int, str]], name: str) -> tuple[dict[str, str], tuple[str, ...]]:
    number, line = lines[name]
    return split_command(line, field=f"Procfile, line {number}")
