"""A command as the steps an instance takes: each program with its words, the variables set for it, and its folder.

``cd`` and ``export`` are no programs: they decide where, and with which variables, the programs after them run. So a command
that has only one program needs no launcher, whatever stands before it. What a Procfile says to the shell that Heroku has
(``set -e``, ``source venv/bin/activate``) means nothing here and is passed over. Pure.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fairway.drivers.builders.command_line import filled, join_command, programs_of
from fairway.shared.failures import Refused
from fairway.shared.names import Invalid

LONGEST_BEFORE = 600.0  # seconds the programs before the last one may take together: migrations of a large database
LONGEST_TEXT = 80  # characters of a program that are shown
ONLY_OURS = (
    "is several programs in a row, which only images that Fairway writes can run: put them into a shell script of the image "
    "that starts with “#!/bin/sh”, and start that."
)


@dataclass(frozen=True)
class Step:
    """One program: its words, the variables on top of the instance's own, its folder relative to the application's ("" is
    that itself), and whether the next one starts although it failed. `text` is the program as it was written, at most a
    line, without the values of variables: they may be secret."""

    argv: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    folder: str = ""
    may_fail: bool = False
    text: str = ""

    def order(self) -> dict[str, Any]:
        """What a launcher gets to know; see `chain`."""
        return {
            "argv": list(self.argv),
            "variables": dict(self.variables),
            "folder": self.folder,
            "may_fail": self.may_fail,
            "text": self.text,
        }


def steps_of(command: Sequence[str], known: Mapping[str, str], *, port: int, host: str) -> tuple[Step, ...]:
    """The steps of a command, at least one; `known` are the instance's own variables, which fill ``${NAME}``.

    Raises `Refused` where a folder leaves the application's, and where no program is left to stay.
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


def _inside(folder: str, place: str) -> str:
    joined = posixpath.normpath(posixpath.join(folder, place))
    if place.startswith("/") or joined == ".." or joined.startswith("../"):
        raise Refused(f"The start command goes to “{place}”, which is outside the application's folder; correct it.")
    return "" if joined == "." else joined
