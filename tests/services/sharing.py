"""What one test run has only one of: a Docker Engine, a registry, a PostgreSQL server, a Chromium, an OpenID provider,
an SQLite database with all tables, and one with the demo's people.

The process in which a person started pytest owns them. Each starts when a test first asks for it and ends with the run. The
processes of pytest-xdist ask over a unix socket, which `ADDRESS` names; a program without pytest, such as a benchmark,
starts what it asks for itself. Whoever shares keeps apart by names, databases, ports and data directories of its own.
"""

from __future__ import annotations

import atexit
import fcntl
import functools
import importlib
import json
import os
import shutil
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from socket import AF_UNIX, socket
from typing import Any

import pytest

ADDRESS = "FAIRWAY_TEST_SHARED"  # environment variable: the path of the owner's socket
Facts = dict[str, Any]

STARTERS = {  # a function that takes the rest of the words: a context manager that yields facts
    "engine": "tests.services.docker:engine_for_all",
    "registry": "tests.services.docker:registry_for_all",
    "postgres": "tests.services.postgres:server_for_all",
    "postgres tables": "tests.services.postgres:tables_for_all",
    "server programs": "tests.services.server_programs:programs_for_all",
    "tables": "tests.services.installation:tables_for_all",
    "demo": "tests.services.installation:demo_for_all",
    "chromium": "tests.services.browser:chromium_for_all",
    "openid": "tests.services.openid:provider_for_all",
    "github": "tests.services.github:github_for_all",
    "github payloads": "tests.services.github_payloads:payloads_for_all",
}


@functools.cache
def shared(kind: str, *words: str) -> Facts:
    """The facts of a service that the run shares; it is started if it does not run. Skips or fails where it cannot be."""
    place = os.environ.get(ADDRESS)
    answer = _ask(place, [kind, *words]) if place else _own().answer([kind, *words])
    if "skip" in answer:
        pytest.skip(answer["skip"])
    if "fail" in answer:
        pytest.fail(answer["fail"])
    return dict(answer["facts"])


@contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Holds off the other processes of this run: for what is made once and found by all."""
    place = Path(os.environ.get(ADDRESS, tempfile.gettempdir() + "/fairway-tests-alone"))
    with open(place.with_name(f"{place.name}-{name}.lock"), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Owner:
    """Starts services and keeps them until `end`."""

    def __init__(self) -> None:
        self._services: dict[tuple[str, ...], _Service] = {}
        self._lock = threading.Lock()

    def answer(self, words: list[str]) -> Facts:
        with self._lock:
            one = self._services.get(tuple(words))
            if one is None:
                one = self._services[tuple(words)] = _Service(words)
                one.start()
        one.is_known.wait()
        return one.found

    def end(self) -> None:
        for one in self._services.values():
            one.is_over.set()
        for one in self._services.values():
            one.join()


class _Service(threading.Thread):
    """One service. Its thread lives as long as it: the kernel ends a child with the thread that started it."""

    def __init__(self, words: list[str]) -> None:
        super().__init__(name="-".join(words), daemon=True)
        self._words = words
        self.found: Facts = {}
        self.is_known, self.is_over = threading.Event(), threading.Event()

    def run(self) -> None:
        try:
            with _starter(self._words) as facts:
                tell_who_started(self._words[0], list(_descendants(Path("/proc/thread-self"))))
                self.found = {"facts": facts}
                self.is_known.set()
                self.is_over.wait()
        except pytest.skip.Exception as none:
            self.found = {"skip": str(none)}
        except BaseException as failure:  # whoever asked is told
            self.found = {"fail": f"{self.name}: {failure!r}"}
        finally:
            self.is_known.set()


def tell_who_started(kind: str, pids: list[int]) -> None:
    """Called with the processes of a service as soon as it runs; `tests.timing` puts its own function here."""


def _descendants(task: Path) -> Iterator[int]:
    """The processes that this thread has started and that still run, and theirs."""
    with suppress(OSError):  # one has ended meanwhile
        for child in (task / "children").read_text().split():
            yield int(child)
            for thread in Path("/proc", child, "task").iterdir():
                yield from _descendants(thread)


def _starter(words: list[str]) -> AbstractContextManager[Facts]:
    module, _, name = STARTERS[words[0]].partition(":")
    made: AbstractContextManager[Facts] = getattr(importlib.import_module(module), name)(*words[1:])
    return made


@functools.cache
def _own() -> Owner:
    own = Owner()
    atexit.register(own.end)
    return own


def _ask(place: str, words: list[str]) -> Facts:
    with socket(AF_UNIX) as line:
        line.connect(place)
        line.sendall(json.dumps(words).encode() + b"\n")
        with line.makefile("rb") as said:
            answer: Facts = json.loads(said.readline())
            return answer


class _Door(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def __init__(self, place: str, owner: Owner) -> None:
        super().__init__(place, _Visit)
        self.owner = owner


class _Visit(socketserver.StreamRequestHandler):
    server: _Door

    def handle(self) -> None:
        self.wfile.write(json.dumps(self.server.owner.answer(json.loads(self.rfile.readline()))).encode() + b"\n")


def pytest_configure(config: pytest.Config) -> None:
    """Own what the run shares, unless another process does; a run that a test starts shares with the run around it."""
    if os.environ.get(ADDRESS):
        return
    folder = Path(tempfile.mkdtemp(prefix="fairway-run-"))
    owner = Owner()
    door = _Door(str(folder / "shared"), owner)
    os.environ[ADDRESS] = str(folder / "shared")
    serving = threading.Thread(target=door.serve_forever, daemon=True, name="shared services")
    serving.start()

    def end() -> None:
        os.environ.pop(ADDRESS, None)
        door.shutdown()
        serving.join()
        door.server_close()
        owner.end()
        shutil.rmtree(folder, ignore_errors=True)

    config.add_cleanup(end)
