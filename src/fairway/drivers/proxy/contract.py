"""What the proxy promises. Pure: no Django, no I/O. See docs/decisions/0001: traffic is a directory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class RouteKind(StrEnum):
    """Which static route answers a host."""

    OPEN = "open"
    SIGNED_IN = "signed-in"  # forward_auth asks Fairway first
    STARTING = "starting"  # a friendly page that reloads itself
    STOPPED = "stopped"  # stopped by a person
    DOWN = "down"  # should run, but nothing healthy answers


@dataclass(frozen=True)
class Route:
    """What one host serves now. `addresses` are the replicas (``host:port``, one to eight); empty for page kinds.

    `generation` names the deployment (``"d42"``) for `ls` and for reading back. With `sticky`, a visitor's requests go to
    the same replica while it answers.
    """

    host: str
    kind: RouteKind
    addresses: tuple[str, ...] = ()
    generation: str = ""
    sticky: bool = False


@dataclass(frozen=True)
class ProbeFigure:
    """What a switch looked like from outside.

    `sent` and `failed` count requests to the public URL during the switch; `first_seen_ms` is when the new version
    was first seen after the switch (None when it cannot be told), `first_failure` a sentence when something failed.
    """

    sent: int
    failed: int
    first_seen_ms: float | None
    duration_ms: float
    first_failure: str = ""


@dataclass(frozen=True)
class Answers:
    """How one version answered one path: it was asked so many times, and `failed` to give a whole answer below 500 so many;
    `words` say how it failed first."""

    asked: int = 0
    failed: int = 0
    words: str = ""

    @property
    def share(self) -> float:
        """The part that failed, from 0 to 1."""
        return self.failed / self.asked if self.asked else 0.0

    def and_one(self, failure: str = "") -> Answers:
        """With one answer more; `failure` says how it failed."""
        return Answers(self.asked + 1, self.failed + bool(failure), self.words or failure)


Fence = Callable[[], object]
"""Raises when the one who asks has no right to any more. Called right before a change, when nobody else can make one."""


def unfenced() -> None:
    """For those who answer to nobody: tests, and whoever stops everything."""


class Proxy(Protocol):
    """The one that serves public traffic."""

    def route(self, host: str) -> Route | None:
        """What `host` serves right now, read back from the directory."""

    def routes(self) -> Sequence[Route]: ...

    def ensure_route(self, route: Route, *, fence: Fence = unfenced) -> None:
        """Serve `route` from this instant on; one atomic rename. Raises ValueError for a host that is not one, and what
        `fence` raises, changing nothing."""

    def ensure_no_route(self, host: str, *, fence: Fence = unfenced) -> None: ...

    def collect(self) -> None:
        """Forget what routes that changed left behind, once nothing can still be reading it."""

    def in_flight(self) -> Mapping[str, int]:
        """Requests in flight per real address (`/reverse_proxy/upstreams`)."""
