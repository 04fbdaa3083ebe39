"""Says at the end of a test run where its time went: the slowest fixtures and tests, how much of it was waiting, and what
the tests of each room computed.

*Waiting* is the time in which neither the test process nor a child it has reaped computed anything; programs that go on
running while a test watches them compute, but the test waits for them all the same.

*Computed* by a room is everything that a processor did for it: the test process and all that it started, whether it was
waited for, left behind or still runs. The kernel counts that in a control group (version 2, as root); elsewhere it is what
the process and its reaped children computed. What the run shares (`tests.services.sharing`) belongs to no room and has lines
of its own.
"""

from __future__ import annotations

import json
import os
import resource
from collections import defaultdict
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from fairway.drivers.wall.groups import base as own_group
from tests.scheduling import DURATIONS
from tests.services import sharing

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


class Group:
    """A control group for this process and all that it starts from now on; without the right to make one, this process only.

    It is made below the group of whoever started us, so that theirs counts ours, too.
    """

    def __init__(self) -> None:
        self._before, self._place = None, None
        self._parts: dict[str, Path] = {}
        try:
            self._before = own_group()
            place = self._before / f"fairway-tests-{os.getpid()}"
            place.mkdir()
            self._place = place
            _join(place)
        except (OSError, LookupError):
            self.leave()

    def set_apart(self, name: str, pids: list[int]) -> None:
        """Count from now on what these processes compute, and what they start, as that of `name`."""
        if self._place is None:
            return
        with suppress(OSError):  # one has ended already
            part = self._parts.setdefault(name, self._place / f"part-{len(self._parts)}")
            part.mkdir(exist_ok=True)
            for pid in pids:
                _join(part, pid)

    def parts(self) -> dict[str, float]:
        """Processor seconds so far, by what was set apart."""
        return {name: _usage(part) for name, part in self._parts.items()}

    def computed(self) -> float:
        """Processor seconds so far, of everything."""
        return _computed() if self._place is None else _usage(self._place)

    def leave(self) -> None:
        """Nothing of the group stays, unless something that was started in it still runs. Groups that applications had may
        be in it: whoever made them was killed."""
        place, self._place = self._place, None
        if place is None or self._before is None:
            return
        with suppress(OSError):
            _join(self._before)
        for folder, _, _ in os.walk(place, topdown=False):
            with suppress(OSError):
                os.rmdir(folder)


def _join(group: Path, pid: int = 0) -> None:
    (group / "cgroup.procs").write_text(str(pid))  # 0 is the process that writes it


def _usage(group: Path) -> float:
    first = (group / "cpu.stat").read_text().partition("\n")[0]  # usage_usec
    return int(first.split()[1]) / 1e6


class Timing:
    """The plugin. In a worker of pytest-xdist it hands its figures to the controller at the end."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.fixtures, self.tests = Spent(), Spent()
        self.files: dict[str, float] = defaultdict(float)  # what was computed for each file
        self.group = Group()
        self.began, self.machine = _clock(), _machine()
        self.workers = 0
        sharing.tell_who_started = self.group.set_apart

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
        with self.fixtures.measured(f"{fixturedef.baseid}::{fixturedef.argname}"):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        with self.tests.measured(item.nodeid):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        computed = self.group.computed()
        try:
            return (yield)
        finally:
            self.files[item.nodeid.partition("::")[0]] += self.group.computed() - computed

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        if hasattr(self.config, "workeroutput"):
            spent = {"fixtures": dict(self.fixtures.found), "tests": dict(self.tests.found), "files": dict(self.files)}
            self.config.workeroutput["spent"] = spent

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self.workers += 1
        spent = getattr(node, "workeroutput", {}).get("spent", {})
        for kind, into in (("fixtures", self.fixtures), ("tests", self.tests)):
            for name, entry in spent.get(kind, {}).items():
                into.add(name, *entry)
        for file, computed in spent.get("files", {}).items():
            self.files[file] += computed

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
        for line in self._rooms():
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

    def _rooms(self) -> Iterator[str]:
        rooms: dict[str, float] = defaultdict(float)
        for file, computed in self.files.items():
            rooms[file.split("/")[1] if file.count("/") > 1 else file] += computed
        everything = self.group.computed()
        shared = {f"shared: {name}": computed for name, computed in self.group.parts().items()}
        others = everything - sum(rooms.values()) - sum(shared.values())
        named = [*sorted({**rooms, **shared, "collecting, starting, counting": others}.items(), key=lambda room: -room[1])]
        yield f"computed: {everything:.0f} s"
        yield from (f"{computed:7.1f} s  {room}" for room, computed in named if computed >= WORTH_A_LINE)

    def _keep_everything(self) -> None:
        """For whoever looks closer: [seconds on the clock, seconds computed, times] of every fixture and test, and what was
        computed for each file."""
        EVERYTHING.parent.mkdir(exist_ok=True)
        EVERYTHING.write_text(
            json.dumps({"fixtures": self.fixtures.found, "tests": self.tests.found, "computed": self.files}, indent=1)
        )

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
    timing = Timing(config)
    config.pluginmanager.register(timing, "fairway-timing")
    config.add_cleanup(
        timing.group.leave
    )  # last, because what is configured first is cleaned up last: all services have ended
