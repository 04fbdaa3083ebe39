"""``make quick``: the tests that what was changed can affect and that need no service, nearest first, within a minute.

Changed is what differs from the last commit; in a clean checkout, what the last commit changed (``SINCE=main`` says
otherwise). What a change can affect comes from the imports of the code and the tests, as import-linter reads them, and
from the mirror: the tests of a room are about that room, also where they reach it through a page or an address only.
Tests that start programs are left to ``make test``, and so is what there was no time for; both are said.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import grimp
import pytest

from tests.scheduling import DURATIONS

ROOT = Path(__file__).parent.parent
PROCESSES = 2
SHORT = 0.5  # seconds that a file takes that took too little to be kept
BUDGET = 45.0  # seconds in which tests are begun; starting and the last of them take the rest of the minute
PACKAGES = ("fairway", "tests")
SERVICES = tuple(f"tests.services.{name}" for name in ("browser", "docker", "far_host", "installation", "postgres"))
STARTERS = (
    "tests.workflows",
    "tests.journeys",
    "tests.examples",
    "tests.far",
    "tests.cli",
    "tests.safekeeping",
    "tests.grown",
)
EVERYWHERE = ("tests.conftest", "tests.settings", "tests.exploring")


def main() -> int:
    changed = modules_of(changed_files(os.environ.get("SINCE", "")))
    graph = grimp.build_graph(*PACKAGES)
    files = affected(graph, changed)
    if not files:
        print("No test that needs no service is affected by what was changed. make test runs everything.")
        return 0
    now, later = within(files, PROCESSES * BUDGET)
    print(f"{len(changed)} changed modules affect {len(files)} files of tests that need no service.", flush=True)
    if later:
        print(f"{len(later)} of them are left to make test, as there is no time for them, from {later[0]} on.", flush=True)
    options = ["-q", "-r", "fE", "-p", "tests.quick", "-n", str(PROCESSES if len(now) > 4 else 0), "--dist", "load"]
    environment = {**os.environ, "FAIRWAY_QUICK_UNTIL": str(time.time() + BUDGET)}
    command = [sys.executable, "-m", "pytest", *options, "-m", "not postgres and not docker", *now]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def within(files: list[str], seconds: float) -> tuple[list[str], list[str]]:
    """The files that fit into the time, as long as they took when they were timed, first come first served; and the rest."""
    took = json.loads(DURATIONS.read_text())
    now: list[str] = []
    for file in files:
        if (needed := took.get(file, SHORT)) <= seconds or not now:
            now.append(file)
            seconds -= needed
    later = [file for file in files if file not in now]
    return now, later


def changed_files(since: str) -> set[str]:
    """Paths of tracked files that differ from `since`, and of new ones; from the commit before where nothing differs."""
    new = _git("ls-files", "--others", "--exclude-standard")
    found = {*_git("diff", "--name-only", since or "HEAD"), *new}
    return found or set(_git("diff", "--name-only", "HEAD~1"))


def modules_of(files: Iterable[str]) -> set[str]:
    """The modules that these files are; a page, a style or a translation counts as the package it lies in."""
    return {module for file in files if (module := _module_of(file))}


def affected(graph: grimp.ImportGraph, changed: set[str]) -> list[str]:
    """Files of tests without services that the change can affect, nearest first."""
    distances = dict(_distances(graph, changed))
    rooms = {_room(module) for module in changed if module.startswith("fairway.") or module.endswith(("*", "conftest"))}
    found = []
    for module in sorted(graph.modules):
        if not _is_test(module) or needs_services(graph, module):
            continue
        mirrored = 2 if _room(module) in rooms else None
        reached = min((far for far in (distances.get(module), mirrored) if far is not None), default=None)
        if reached is not None:
            found.append((reached, module))
    return [f"{module.replace('.', '/')}.py" for _, module in sorted(found)]


def needs_services(graph: grimp.ImportGraph, module: str) -> bool:
    """Whether the tests of a module start a program that takes long to start."""
    imported = graph.find_modules_directly_imported_by(module)
    return module.startswith(STARTERS) or any(one in imported for one in SERVICES)


def _distances(graph: grimp.ImportGraph, changed: set[str]) -> Iterator[tuple[str, int]]:
    """How many imports lie between each module and the nearest that changed."""
    seen: set[str] = set()
    reached = {one for one in graph.modules if one in changed or _package(one) in changed}
    if changed & set(EVERYWHERE):
        reached = set(graph.modules)
    far = 0
    while reached:
        yield from ((module, far) for module in reached)
        seen |= reached
        reached = {one for module in reached for one in graph.find_modules_that_directly_import(module)} - seen
        far += 1


def _is_test(module: str) -> bool:
    return module.startswith("tests.") and module.rpartition(".")[2].startswith("test_")


def _package(module: str) -> str:
    """A package that is named for what is no module in it: all that lies directly in it."""
    return f"{module.rpartition('.')[0]}.*"


def _room(module: str) -> str:
    """``fairway.web.views.x`` and ``tests.web.test_x`` are both of ``web``."""
    return (module.split(".") + [""])[1]


def _module_of(file: str) -> str:
    path = Path(file)
    parts = path.parts[1:] if path.parts[0] == "src" else path.parts
    if parts[0] not in PACKAGES:
        return ""
    if path.suffix != ".py":
        return f"{'.'.join(parts[:2])}.*" if len(parts) > 2 else ""
    return ".".join(parts).removesuffix(".py").removesuffix(".__init__")


def _git(*words: str) -> list[str]:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.splitlines()


# --- as a plugin of the run that `main` starts

left: list[str] = []  # tests for which there was no time


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    """Begin no test when the time is over, and report nothing of it."""
    if time.time() < float(os.environ.get("FAIRWAY_QUICK_UNTIL", "inf")):
        return None
    left.append(item.nodeid)
    return True


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left"] = left


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    left.extend(getattr(node, "workeroutput", {}).get("left", []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if left:
        terminalreporter.write_line(f"The minute was over: {len(left)} tests are left to make test, from {left[0]} on.")


if __name__ == "__main__":
    sys.exit(main())
