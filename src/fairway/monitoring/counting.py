"""Counts the requests that the proxy answered, by host, generation and interval. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from fairway.drivers.proxy.traffic import Request
from fairway.monitoring.rules import FINE, Served, bucket_of, start_of

Answerer = tuple[str, str]  # a host, and the label of the generation that answered (“d42”); "" if none did
_CLASSES = {1: "informational", 2: "successes", 3: "redirects", 4: "client_errors", 5: "server_errors"}


@dataclass
class _Sum:
    counts: dict[str, int] = field(default_factory=dict)
    durations: dict[int, int] = field(default_factory=dict)

    def add(self, request: Request) -> None:
        for name, number in (("requests", 1), (_CLASSES[request.status // 100], 1), ("bytes_sent", request.sent)):
            self.counts[name] = self.counts.get(name, 0) + number
        if request.seconds is not None:
            index = bucket_of(request.seconds)
            self.durations[index] = self.durations.get(index, 0) + 1


class Counter:
    """Sums of requests until their interval has passed. Requests of intervals before `since` are not counted: their sums are
    stored already."""

    def __init__(self, since: int) -> None:
        self._since = since
        self._sums: dict[int, dict[Answerer, _Sum]] = {}

    def add(self, requests: Iterable[Request], labels: Mapping[tuple[str, str], str]) -> None:
        """Count these. `labels` are the generations by host and address of a replica."""
        for request in requests:
            at = start_of(request.at, FINE)
            if at >= self._since and request.status // 100 in _CLASSES:
                answerer = request.host, labels.get((request.host, request.upstream), "")
                self._sums.setdefault(at, {}).setdefault(answerer, _Sum()).add(request)

    def take(self, before: int) -> dict[int, dict[Answerer, Served]]:
        """The sums of the intervals that begin before this time, by their start. They are not counted any further."""
        passed = sorted(at for at in self._sums if at < before)
        self._since = max(self._since, before)
        return {
            at: {
                answerer: Served(**one.counts, durations=dict(sorted(one.durations.items())))
                for answerer, one in self._sums.pop(at).items()
            }
            for at in passed
        }
