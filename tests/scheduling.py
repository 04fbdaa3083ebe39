"""Which test process runs what: long work first, and files that share something slow to start in one process.

`durations.json` says how many seconds a file took when somebody last kept the figures (``make durations``); it only orders
the work, so it may be old. Files of a folder in `HOMES` share an installation that their conftest starts once in each
process: they stay together until a process has nothing else to do and takes over some of what is left.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

DURATIONS = Path(__file__).with_name("durations.json")
HOMES = ("tests/cli/", "tests/examples/", "tests/far/", "tests/journeys/", "tests/workflows/")
UNKNOWN = 5.0  # seconds a file takes that nobody has timed


class ByNeed(LoadScopeScheduling):  # type: ignore[misc]
    """One unit of work is one file."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        self._seconds: dict[str, float] = json.loads(DURATIONS.read_text()) if DURATIONS.exists() else {}
        self._owners: dict[str, Any] = {}
        self._lately: dict[Any, str] = {}  # the home of the file that a process took last, "" for none

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("::")[0]

    def _assign_work_unit(self, node: Any) -> None:
        chosen = self._next_for(node)
        if home := home_of(chosen):
            self._owners.setdefault(home, node)
        self._lately[node] = home_of(chosen)
        self.workqueue.move_to_end(chosen, last=False)  # the one that is taken next
        super()._assign_work_unit(node)

    def _next_for(self, node: Any) -> str:
        """What is left in its own homes; else the longest work that is nobody's; else some of another's home, of the one
        that it was in last, as its installation ends when a file of another folder comes."""
        waiting = list(self.workqueue)
        mine = [file for file in waiting if self._owner(file) is node]
        free = [file for file in waiting if self._owner(file) is None]
        if mine or not free:
            lately = self._lately.get(node)
            same = [file for file in waiting if lately and home_of(file) == lately]
            return max(mine or same or waiting, key=self.seconds)
        return max(free, key=self._weight)

    def _owner(self, file: str) -> Any:
        return self._owners.get(home_of(file))

    def _weight(self, file: str) -> float:
        """How much hangs on beginning with it: all of its home, of which the longest file goes first."""
        home = home_of(file)
        if not home:
            return self.seconds(file)
        together = sum(self.seconds(other) for other in self.workqueue if home_of(other) == home)
        return together + self.seconds(file) / 1000

    def seconds(self, file: str) -> float:
        return self._seconds.get(file, UNKNOWN)


def home_of(file: str) -> str:
    """The folder whose installation a file uses; empty when it needs none."""
    return next((home for home in HOMES if file.startswith(home)), "")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByNeed | None:
    return ByNeed(config, log) if config.option.dist == "loadscope" else None
