"""How the command line ends when something is in the way: one or two lines, and an exit code a script can rely on."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any


class Code(IntEnum):
    """Exit codes. They are part of the interface: never renumber."""

    OK = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    CANCELLED = 4
    NEEDS_DECISION = 5  # it stands still until somebody says how it goes on, or approves it
    LEFT_RUNNING = 130  # Ctrl-C while watching: the deployment goes on


class Stop(Exception):
    """End now with `sentence` on stderr and `code`. `problem` is the API's own answer, for ``--json``."""

    def __init__(
        self, sentence: str, code: Code = Code.FAILED, *, advice: str = "", problem: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.advice = advice
        self.code = code
        self.problem = dict(problem or {"detail": sentence})


class BadInput(Stop):
    """What was typed cannot be right."""

    def __init__(self, sentence: str, *, advice: str = "", problem: Mapping[str, Any] | None = None) -> None:
        super().__init__(sentence, Code.USAGE, advice=advice, problem=problem)


class Missing(BadInput):
    """There is no such thing."""


def stop_for(status: int, problem: Mapping[str, Any], where: str) -> Stop:
    """What an answer of the API means for whoever typed the command."""
    detail = str(problem.get("detail") or f"{where} answered {status}.")
    if problem.get("blockers"):
        return Stop(detail, Code.REFUSED, problem=problem)
    if status == 401:
        advice = "Sign in with “fairway login”, or set FAIRWAY_TOKEN."
        return BadInput("You are not signed in, or your token no longer works.", advice=advice, problem=problem)
    if status == 404:
        return Missing(detail, problem=problem)
    if status in {400, 413, 415, 422}:
        return BadInput(detail, problem=problem)
    return Stop(detail, Code.FAILED, problem=problem)
