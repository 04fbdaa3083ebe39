"""What the proxy can do. Pure: no Django, no I/O. See docs/decisions/0001: traffic is a directory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class RouteKind(StrEnum):
    """Which static route answers a host."""

    OPEN = "open"
    SIGNED_IN = "signed-in"  # Fairway is asked first whether the visitor may pass
    SLEEPING = "sleeping"  # Fairway is asked to wake it; the request waits, and is then answered like any other
    SLEEPING_SIGNED_IN = "sleeping-signed-in"  # the same, after Fairway was asked whether the visitor may pass
    STARTING = "starting"  # a page that reloads itself
    STOPPED = "stopped"  # stopped by a person
    DOWN = "down"  # it should run, but no healthy replica answers


ASLEEP = frozenset({RouteKind.SLEEPING, RouteKind.SLEEPING_SIGNED_IN})


@dataclass(frozen=True)
class Rest:
    """The part of the requests that goes to another generation, during a canary: `eighths` of 8, to these replicas."""

    generation: str
    addresses: tuple[str, ...]
    eighths: int


@dataclass(frozen=True)
class Route:
    """What one host serves now. `addresses` are the replicas (``host:port``, one to eight); empty if a page answers.

    `generation` names the deployment (``"d42"``), so that it can be seen with `ls` and read back. If `sticky`, a visitor's
    requests go to the same replica while it answers. Without a `rest`, this generation gets all requests.
    """

    host: str
    kind: RouteKind
    addresses: tuple[str, ...] = ()
    generation: str = ""
    sticky: bool = False
    rest: Rest | None = None


@dataclass(frozen=True)
class ProbeFigure:
    """What visitors would have seen during a switch.

    `sent` and `failed` count requests to the public URL during the switch. `first_seen_ms` is how long after the switch the
    new version first answered (None if unknown). `first_failure` is a sentence about the first failed request.
    """

    sent: int
    failed: int
    first_seen_ms: float | None
    duration_ms: float
    first_failure: str = ""


@dataclass(frozen=True)
class Answers:
    """How one version answered one path: `asked` requests, of which `failed` got no complete answer below 500. `words`
    describe the first failure."""

    asked: int = 0
    failed: int = 0
    words: str = ""

    @property
    def share(self) -> float:
        """The share of requests that failed, from 0 to 1."""
        return self.failed / self.asked if self.asked else 0.0

    def and_one(self, failure: str = "") -> Answers:
        """These answers and one more; `failure` says how it failed."""
        return Answers(self.asked + 1, self.failed + bool(failure), self.words or failure)


Fence = Callable[[], object]
"""Raises if its caller may no longer change routes. It is called right before a change, under the directory's lock."""


def unfenced() -> None:
    """A fence that always passes: for tests, and for commands that stop everything."""


class Proxy(Protocol):
    """Serves public traffic."""

    def route(self, host: str) -> Route | None:
        """What `host` serves now, read back from the directory."""

    def routes(self) -> Sequence[Route]: ...

    def labels(self) -> Mapping[tuple[str, str], str]:
        """The generation by host and address of a replica, also of what was replaced a few seconds ago."""

    def ensure_route(self, route: Route, *, fence: Fence = unfenced) -> None:
        """Serve `route` from this moment on, by one atomic rename. Raises ValueError if the host is invalid, and what
        `fence` raises; then nothing has changed."""

    def ensure_no_route(self, host: str, *, fence: Fence = unfenced) -> None: ...

    def collect(self) -> None:
        """Remove what changed routes left behind, once no request can still read it."""

    def in_flight(self) -> Mapping[str, int]:
        """The number of requests in flight by address (Caddy's `/reverse_proxy/upstreams`)."""
