"""Decides when a connection is too slow. Pure; `connections.py` observes and acts.

An incomplete request costs its sender nothing, but occupies a connection here. So a header has a deadline, a body and a
reader must make progress at a minimum rate, and the number of incomplete requests per address is limited.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class PaceLimits:
    """A header must be complete within `head_seconds`. A body, or the reading of an answer, must progress by `window_bytes`
    in every `window_seconds`. One address may have `unfinished` incomplete requests."""

    head_seconds: float = 10.0
    window_seconds: float = 30.0
    window_bytes: int = 16 * 1024
    unfinished: int = 64


class State(StrEnum):
    """What a connection waits for."""

    HEAD = "head"  # the rest of a request's header
    BODY = "body"  # the rest of its body
    READER = "reader"  # the client, which has to read the answer
    ELSE = "else"  # nothing that the client has to do: Fairway works, or there is no request


class TooSlow(StrEnum):
    """Why a connection is closed. The values are the sentences that the client gets."""

    HEAD = "The header of the request did not arrive whole within {head_seconds:g} s. Send it again."
    BODY = "The body of the request came slower than {rate:g} bytes a second. Send it again on a better line, or in parts."
    READER = "The answer was not read."
    UNFINISHED = "More than {unfinished} requests of this address are not whole yet. Send fewer at a time."

    def sentence(self, limits: PaceLimits) -> str:
        rate = limits.window_bytes / limits.window_seconds
        return self.value.format(head_seconds=limits.head_seconds, rate=rate, unfinished=limits.unfinished)


@dataclass
class Pace:
    """One connection: what it waits for, since when, and the progress in bytes when the current window began."""

    state: State = State.ELSE
    since: float = 0.0
    mark: int = 0


def judged(pace: Pace, state: State, now: float, moved: int, limits: PaceLimits) -> TooSlow | None:
    """Check a connection; returns why it must end, or None. `moved` counts bytes and never decreases within a state."""
    if state != pace.state or state == State.ELSE:
        pace.state, pace.since, pace.mark = state, now, moved
        return None
    waited = now - pace.since
    if state == State.HEAD:
        return TooSlow.HEAD if waited > limits.head_seconds else None
    if waited < limits.window_seconds:
        return None
    if moved - pace.mark < limits.window_bytes:
        return TooSlow.BODY if state == State.BODY else TooSlow.READER
    pace.since, pace.mark = now, moved
    return None


def beyond(addresses: Iterable[str], most: int) -> list[int]:
    """The indexes of the entries in `addresses` that exceed the limit of `most` for their address. `addresses` are those of
    incomplete requests, oldest first."""
    seen: dict[str, int] = {}
    indexes = []
    for index, address in enumerate(addresses):
        seen[address] = seen.get(address, 0) + 1
        if seen[address] > most:
            indexes.append(index)
    return indexes
