"""Exceptions that end the program with one or two lines and an exit code for scripts."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any


class Code(IntEnum):
    """Exit codes. Scripts rely on them, so they must never be renumbered."""

    OK = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    CANCELLED = 4
    NEEDS_DECISION = 5  # it waits until somebody decides how it continues, or approves it
    LEFT_RUNNING = 130  # Ctrl-C while watching; the deployment continues


class Stop(Exception):
    """End the program with `sentence` on stderr and `code`. `problem` is the API's error response, for ``--json``."""

    def __init__(
        self, sentence: str, code: Code = Code.FAILED, *, advice: str = "", problem: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.advice = advice
        self.code = code
        self.problem = dict(problem or {"detail": sentence})


class BadInput(Stop):
    """The input is wrong."""

    def __init__(self, sentence: str, *, advice: str = "", problem: Mapping[str, Any] | None = None) -> None:
        super().__init__(sentence, Code.USAGE, advice=advice, problem=problem)


class Missing(BadInput):
    """The named thing does not exist."""


def stop_for(status: int, problem: Mapping[str, Any], where: str) -> Stop:
    """The `Stop` for an error response of the API."""
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
