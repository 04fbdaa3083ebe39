"""Condenses the many events of a pull into a few lines that a person can read. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

SECONDS_BETWEEN_LINES: Final = 1.0
_DONE = ("Pull complete", "Already exists")


class PullReport:
    """Sums up the progress of the layers, and reports it at most once a second."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._said_at = clock()
        self._done: dict[str, bool] = {}
        self._bytes: dict[str, tuple[int, int]] = {}

    def lines(self, event: Mapping[str, Any]) -> Iterator[str]:
        """The lines to log for one event of the Engine; mostly none."""
        status, layer = str(event.get("status", "")), event.get("id")
        if layer is None or status.startswith("Pulling from"):
            if status.startswith("Status:"):
                yield status.removeprefix("Status: ")
            return
        self._note(layer, status, event.get("progressDetail") or {})
        if self._clock() - self._said_at >= SECONDS_BETWEEN_LINES:
            self._said_at = self._clock()
            yield self.summary()

    def summary(self) -> str:
        """The progress: layers, and megabytes of those whose size is known."""
        have = sum(current for current, _ in self._bytes.values()) / 1e6
        total = sum(size for _, size in self._bytes.values()) / 1e6
        return f"{sum(self._done.values())} of {len(self._done)} layers, {have:.1f} of {total:.1f} MB downloaded"

    def _note(self, layer: str, status: str, detail: Mapping[str, Any]) -> None:
        self._done[layer] = status in _DONE
        if status == "Downloading" and detail.get("total"):
            self._bytes[layer] = (int(detail["current"]), int(detail["total"]))
        elif layer in self._bytes:  # it is extracted or complete, so all of it has been downloaded
            size = self._bytes[layer][1]
            self._bytes[layer] = (size, size)
