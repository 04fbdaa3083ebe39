"""Procfile: the ``web`` line as an argv list. No shell ever reads it, so shell syntax is refused, not guessed.

Source of the format: Heroku, "The Procfile" (``<process type>: <command>``, one per line).
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field

from fairway.shared.names import Invalid

_LINE = re.compile(r"^(?P<name>[A-Za-z0-9_-]+)\s*:\s*(?P<command>.+)$")
_PORT = re.compile(r"\$(?:PORT\b|\{PORT(?::?-[^}]*)?\})")
_HOST = re.compile(r"\$(?:HOST\b|\{HOST(?::?-[^}]*)?\})")
_VARIABLE = re.compile(r"\$(?:[A-Za-z_][A-Za-z0-9_]*|\{[^}]*\})")
_ASSIGNMENT = re.compile(r"^(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>.*)$", re.S)
_OPERATORS = frozenset(";&|<>()")
OPERATOR_ADVICE = (
    "Fairway starts programs without a shell: write one program with its arguments, or put the line into a script."
)


@dataclass(frozen=True)
class Procfile:
    """The web command, the variables written before it, and the other process types found (which are not run)."""

    command: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    others: tuple[str, ...] = ()


def parse_procfile(text: str) -> Procfile:
    """Read a Procfile. Raises `Invalid` naming the line when there is no ``web`` or it needs a shell."""
    lines: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.match(line.strip())
        if match is None:
            raise Invalid(f"Procfile, line {number}", "is not “name: command”; write e.g. “web: python main.py”.")
        lines.setdefault(match["name"], (number, match["command"]))
    if "web" not in lines:
        raise Invalid("Procfile", "has no “web:” line; add one, e.g. “web: python main.py”.")
    number, line = lines["web"]
    environment, command = split_command(line, field=f"Procfile, line {number}")
    return Procfile(command, environment, tuple(name for name in lines if name != "web"))


def split_command(line: str, *, field: str = "command") -> tuple[dict[str, str], tuple[str, ...]]:
    """A command line as (leading ``NAME=value`` variables, argv). ``$PORT`` becomes ``{port}``, ``$HOST`` ``{host}``.

    Raises `Invalid` for shell operators, substitutions, other variables and unbalanced quotes.
    """
    if "`" in line or "$(" in line:
        raise Invalid(
            field, "runs a command inside a command (`…` or $(…)). {operator_advice}", operator_advice=OPERATOR_ADVICE
        )
    prepared = _HOST.sub("{host}", _PORT.sub("{port}", line))
    unknown = _VARIABLE.search(prepared)
    if unknown:
        raise Invalid(
            field, "uses {value}; only $PORT and $HOST are replaced. Read other variables in your code.", value=unknown[0]
        )
    words = _words(prepared, field)
    environment: dict[str, str] = {}
    while words and (match := _ASSIGNMENT.match(words[0])):
        environment[match["name"]] = match["value"]
        words.pop(0)
    if not words:
        raise Invalid(field, "has no program; write e.g. “python main.py”.")
    return environment, tuple(words)


def join_command(command: tuple[str, ...]) -> str:
    """The argv as one line that `split_command` reads back."""
    return " ".join(_quoted(word) for word in command)


def _quoted(word: str) -> str:
    return word if re.fullmatch(r"[\w@%+=:,./{}-]+", word) else shlex.quote(word)


def _words(line: str, field: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="".join(sorted(_OPERATORS)))
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError:
        raise Invalid(field, "has a quote that is not closed; close it.") from None
    operator = next((word for word in words if word and set(word) <= _OPERATORS), None)
    if operator:
        raise Invalid(field, "uses “{operator}”. {operator_advice}", operator=operator, operator_advice=OPERATOR_ADVICE)
    return words
