"""Command lines without a shell: one program or several in a row, as a list of words.

A command is a tuple of words. The words ``&&`` and ``;`` separate programs: after ``&&`` the next program starts only if the
one before succeeded, after ``;`` in any case. The last program is the one that keeps running. Words of the form
``NAME=value`` before a program are its variables. ``{port}`` and ``{host}`` stand for the port and the address to listen on,
``${NAME}`` and ``${NAME:-default}`` for variables of the configuration. Everything else that only a shell understands is
refused.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from fairway.shared.names import Invalid

AND, THEN = "&&", ";"
OPERATORS = frozenset({AND, THEN})
OPERATOR_ADVICE = (
    "Fairway starts programs without a shell: use “&&” and “;” only, or put the line into a script that starts with "
    "“#!/bin/sh”."
)
_PORT = re.compile(r"\$(?:PORT\b|\{PORT(?::?-[^}]*)?\})")
_HOST = re.compile(r"\$(?:HOST\b|\{HOST(?::?-[^}]*)?\})")
_BARE = re.compile(r"\$(?P<name>[A-Za-z_][A-Za-z0-9_]*)")
_VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::?-(?P<default>[^${}]*))?\}")
_ASSIGNMENT = re.compile(r"^(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>.*)$", re.S)
_PUNCTUATION = frozenset(";&|<>()")
_LITERAL = "\ue000"  # stands for a dollar sign between single quotes while the line is split into words


@dataclass(frozen=True)
class Program:
    """One program of a command: its words, the variables written before it, and whether the next program starts even if
    this one fails."""

    argv: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    may_fail: bool = False


def split_command(line: str, *, field: str = "command") -> tuple[dict[str, str], tuple[str, ...]]:
    """Split a command line into (leading ``NAME=value`` variables, words). ``$PORT`` becomes ``{port}``, ``$HOST``
    ``{host}``.

    Variables stay among the words if they refer to the port, the host or another variable, or if there are several programs.
    Raises `Invalid`, with `field`, for other shell operators, substitutions and unbalanced quotes.
    """
    if "`" in line or "$(" in line:
        raise Invalid(
            field, "runs a command inside a command (`…` or $(…)). {operator_advice}", operator_advice=OPERATOR_ADVICE
        )
    prepared = _BARE.sub(r"${\g<name>}", _HOST.sub("{host}", _PORT.sub("{port}", _without_quoted_dollars(line))))
    if unsupported := re.search(r"\$\{[^}]*\}?", _VARIABLE.sub("", prepared)):
        raise Invalid(field, "uses {value}; write {forms}.", value=unsupported[0], forms="$NAME or ${NAME:-default}")
    words = tuple(word.replace(_LITERAL, "$") for word in _words(prepared, field))
    for program in programs_of(words, field=field):
        if not program.argv:
            raise Invalid(field, "has no program; write e.g. “python main.py”.")
    return _without_plain_variables(words)


def programs_of(words: Sequence[str], *, field: str = "command") -> tuple[Program, ...]:
    """The programs of a command, in order. Raises `Invalid`, with `field`, if there is nothing before or after an
    operator."""
    found: list[Program] = []
    part: list[str] = []
    for word in (*words, THEN):
        if word not in OPERATORS:
            part.append(word)
            continue
        if not part:
            raise Invalid(field, "has nothing before or after “{operator}”; complete it.", operator=AND)
        found.append(_program(part, may_fail=word == THEN))
        part = []
    last = found[-1]
    return (*found[:-1], Program(last.argv, last.variables))


def filled(words: Sequence[str], value_of: Callable[[str], str | None]) -> tuple[str, ...]:
    """The words with ``${NAME}`` and ``${NAME:-default}`` replaced by values. A variable with neither value nor default
    becomes empty."""

    def fill(match: re.Match[str]) -> str:
        return value_of(match["name"]) or match["default"] or ""

    return tuple(_VARIABLE.sub(fill, word) for word in words)


def join_command(command: Sequence[str]) -> str:
    """The words as one line, which `split_command` can read again."""
    return " ".join(word if word in OPERATORS else _quoted(word) for word in command).replace(" ;", ";")


def _program(words: Sequence[str], *, may_fail: bool) -> Program:
    rest = list(words)
    variables: dict[str, str] = {}
    while rest and (match := _ASSIGNMENT.match(rest[0])):
        variables[match["name"]] = match["value"]
        rest.pop(0)
    if len(rest) > 1 and rest[0] == "exec":
        rest.pop(0)
    return Program(tuple(rest), variables, may_fail)


def _without_plain_variables(words: tuple[str, ...]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Split (variables, words). Plain variables before a single program become settings, which people can see and change
    like any other."""
    programs = programs_of(words)
    only = programs[0]
    if len(programs) > 1 or any("{port}" in text or "{host}" in text or "$" in text for text in only.variables.values()):
        return {}, words
    return dict(only.variables), only.argv


def _quoted(word: str) -> str:
    if re.fullmatch(r"[\w@%+=:,./{}-]+", word):
        return word
    if _VARIABLE.search(word) and "'" not in word and re.fullmatch(r"[\w@%+=:,./{}$-]+", word):
        return word
    return shlex.quote(word)


def _without_quoted_dollars(line: str) -> str:
    """The line with `_LITERAL` for each dollar sign between single quotes, so that it is not taken for a variable."""
    found, quote = [], ""
    for character in line:
        if character in "'\"" and quote in ("", character):
            quote = "" if quote else character
        found.append(_LITERAL if character == "$" and quote == "'" else character)
    return "".join(found)


def _words(line: str, field: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="".join(sorted(_PUNCTUATION)))
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError:
        raise Invalid(field, "has a quote that is not closed; close it.") from None
    for word in words:
        if word and set(word) <= _PUNCTUATION and word not in OPERATORS:
            raise Invalid(field, "uses “{operator}”. {operator_advice}", operator=word, operator_advice=OPERATOR_ADVICE)
    return words
