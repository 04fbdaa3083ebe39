"""Says at the end of a test run where its time went: the slowest fixtures and tests, and how much of it was waiting.

*Waiting* is the time in which neither the test process nor a child it has reaped computed anything; programs that go on
running while a test watches them compute, but the test waits for them all the same.
"""

from __future__ import annotations

import json
import os
import resource
from collections import defaultdict
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.scheduling import DURATIONS

SLOWEST = 10
EVERYTHING = Path(__file__).parents[1] / "artifacts" / "timings.json"
WORTH_A_LINE = 0.1  # seconds


class Spent:
    """Seconds on the clock and seconds computed, by what they were spent on."""

    def __init__(self) -> None:
        self.found: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0])

    @contextmanager
    def measured(self, name: str) -> Iterator[None]:
        clock, computed = _clock(), _computed()
        try:
            yield
        finally:
            self.add(name, _clock() - clock, _computed() - computed)

    def add(self, name: str, clock: float, computed: float, times: int = 1) -> None:
        entry = self.found[name]
        entry[0] += clock
        entry[1] += computed
        entry[2] += times

    def lines(self, limit: int = SLOWEST) -> Iterator[str]:
        slow = [entry for entry in self.found.items() if entry[1][0] >= WORTH_A_LINE]
        slowest = sorted(slow, key=lambda entry: -entry[1][0])[:limit]
        for name, (clock, computed, times) in slowest:
            waited = max(clock - computed, 0.0)
            again = f" ({times} times)" if times > 1 else ""
            yield f"{clock:7.1f} s, {waited:6.1f} s of it waiting  {name}{again}"


class Timing:
    """The plugin. In a worker of pytest-xdist it hands its figures to the controller at the end."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.fixtures, self.tests = Spent(), Spent()
        self.began, self.machine = _clock(), _machine()
        self.workers = 0

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
        with self.fixtures.measured(f"{fixturedef.baseid}::{fixturedef.argname}"):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        with self.tests.measured(item.nodeid):
            return (yield)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        if hasattr(self.config, "workeroutput"):
            spent = {"fixtures": dict(self.fixtures.found), "tests": dict(self.tests.found)}
            self.config.workeroutput["spent"] = spent

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self.workers += 1
        spent = getattr(node, "workeroutput", {}).get("spent", {})
        for kind, into in (("fixtures", self.fixtures), ("tests", self.tests)):
            for name, entry in spent.get(kind, {}).items():
                into.add(name, *entry)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.tests.found:
            return
        took = _clock() - self.began
        say = terminalreporter.write_line
        terminalreporter.section("where the time went")
        for what, spent in (("fixtures", self.fixtures), ("tests", self.tests)):
            if lines := list(spent.lines()):
                say(f"slowest {what}:")
                for line in lines:
                    say(line)
        clock = sum(entry[0] for one in (self.fixtures, self.tests) for entry in one.found.values())
        computed = sum(entry[1] for one in (self.fixtures, self.tests) for entry in one.found.values())
        processes = f"{self.workers} processes" if self.workers else "one process"
        waited = max(clock - computed, 0.0)
        say(f"{took:.0f} s in {processes}: {clock:.0f} s in fixtures and tests, {waited:.0f} s of it waiting.")
        busy, idle = (after - before for after, before in zip(_machine(), self.machine, strict=True))
        say(f"The machine's {os.cpu_count()} cores were busy for {busy / (busy + idle or 1):.0%} of that time.")
        self._keep_everything()
        if os.environ.get("FAIRWAY_KEEP_DURATIONS"):
            self._keep()

    def _keep_everything(self) -> None:
        """For whoever looks closer: [seconds on the clock, seconds computed, times] of every fixture and test."""
        EVERYTHING.parent.mkdir(exist_ok=True)
        EVERYTHING.write_text(json.dumps({"fixtures": self.fixtures.found, "tests": self.tests.found}, indent=1))

    def _keep(self) -> None:
        """Write down how long each file took, for `tests.scheduling`."""
        files: dict[str, float] = defaultdict(float)
        for spent in (self.tests, self.fixtures):
            for name, (clock, *_) in spent.found.items():
                files[name.partition("::")[0]] += clock
        kept = {file: round(seconds, 1) for file, seconds in sorted(files.items()) if file.endswith(".py") and seconds > 1}
        DURATIONS.write_text(json.dumps(kept, indent=1) + "\n")


def _clock() -> float:
    """Seconds on a clock that no test can move: freezegun replaces those of `time`."""
    return os.times().elapsed


def _computed() -> float:
    """Processor seconds of this process and of the children it has reaped."""
    mine, reaped = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return mine.ru_utime + mine.ru_stime + reaped.ru_utime + reaped.ru_stime


def _machine() -> tuple[float, float]:
    """Ticks in which the machine's cores were busy, and idle (Linux; zeros elsewhere)."""
    try:
        fields = [float(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    except OSError:
        return 0.0, 0.0
    idle = fields[3] + fields[4]
    return sum(fields) - idle, idle


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Timing(config), "fairway-timing")
