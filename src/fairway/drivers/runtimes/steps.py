"""Turns a command into the steps that an instance runs: each program with its words, its variables and its folder.

``cd`` and ``export`` are no programs: they decide in which folder, and with which variables, the programs after them run. So
a command with only one program needs no launcher, even if ``cd`` or ``export`` precede it. Settings of the shell that Heroku
runs (``set -e``, ``source venv/bin/activate`` in a Procfile) have no meaning here and are skipped. Pure.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fairway.drivers.builders.command_line import filled, join_command, programs_of
from fairway.shared.failures import Refused
from fairway.shared.names import Invalid

LONGEST_BEFORE = 600.0  # seconds for all programs before the last one, e.g. migrations of a large database
LONGEST_TEXT = 80  # characters of a program that are shown
ONLY_OURS = (
    "is several programs in a row, which only images that Fairway writes can run: put them into a shell script of the image "
    "that starts with “#!/bin/sh”, and start that."
)


@dataclass(frozen=True)
class Step:
    """One program: its words, its variables in addition to the instance's, its folder relative to the application's ("" is
    the application's own), and whether the next step starts even if it fails. `text` is the program as it was written, at
    most a line, without the values of variables, which may be secret.
    """

    argv: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    folder: str = ""
    may_fail: bool = False
    text: str = ""

    def order(self) -> dict[str, Any]:
        """The step as a launcher receives it; see `chain`."""
        return {
            "argv": list(self.argv),
            "variables": dict(self.variables),
            "folder": self.folder,
            "may_fail": self.may_fail,
            "text": self.text,
        }


def steps_of(command: Sequence[str], known: Mapping[str, str], *, port: int, host: str) -> tuple[Step, ...]:
    """The steps of a command, at least one. `known` are the instance's own variables, with which ``${NAME}`` is replaced.

    Raises `Refused` if a folder is outside the application's, or if the command does not end with a program.
    """

    def put_in(words: Sequence[str]) -> tuple[str, ...]:
        return tuple(word.replace("{port}", str(port)).replace("{host}", host) for word in filled(words, variables.get))

    variables, folder = dict(known), ""
    exported: dict[str, str] = {}
    steps: list[Step] = []
    for program in _programs(command):
        own = dict(zip(program.variables, put_in(tuple(program.variables.values())), strict=True))
        match put_in(program.argv):
            case ():
                exported |= own
            case ("cd", place):
                folder = _inside(folder, place)
            case ("export", *pairs):
                exported |= dict(pair.partition("=")[::2] for pair in pairs if "=" in pair)
            case ("set", *_) | ("source" | ".", _):
                pass
            case argv:
                steps.append(Step(argv, {**exported, **own}, folder, program.may_fail, _line(program.argv)))
                continue
        variables |= exported
    last = _programs(command)[-1].argv[:1]
    if not steps or last in (("cd",), ("export",), ("set",)):
        raise Refused("The start command ends without a program that stays; let its last part start the application.")
    return tuple(steps)


def _programs(command: Sequence[str]) -> Sequence[Any]:
    if not command:
        raise Refused("The command is empty; give the application's start command.")
    try:
        return programs_of(command)
    except Invalid as error:
        raise Refused(f"The start command {error.sentence}") from None


def _line(words: Sequence[str]) -> str:
    line = join_command([words[0].strip("{}"), *words[1:]])
    return line if len(line) <= LONGEST_TEXT else f"{line[: LONGEST_TEXT - 1]}…"


def _inside(folder: str, target: str) -> str:
    joined = posixpath.normpath(posixpath.join(folder, target))
    if target.startswith("/") or joined == ".." or joined.startswith("../"):
        raise Refused(f"The start command goes to “{target}”, which is outside the application's folder; correct it.")
    return "" if joined == "." else joined
