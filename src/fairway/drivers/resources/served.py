"""What the drivers of all engines have in common: one supervised server per resource, its data, and its first answer."""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from fairway.drivers.builders.running import Finished
from fairway.drivers.resources.contract import Seen, ServerSpec, ServerState
from fairway.drivers.resources.engines import Engine
from fairway.drivers.resources.programs import Fetched, ensure_programs, programs_folder
from fairway.drivers.resources.supervised import Order, Supervised
from fairway.drivers.runtimes.contract import NullProgress, OutputLine, Progress
from fairway.drivers.runtimes.process import walls
from fairway.drivers.wall.abilities import abilities
from fairway.shared.failures import NeedsPerson, Refused, Retry
from fairway.shared.translation import translate

ANSWERS_WITHIN = 120.0  # seconds; after a crash a server first replays its log
LOOK_EVERY = 0.1


class Served(ABC):
    """Implements the part of `ResourceDriver` that is about the server itself."""

    engine: ClassVar[Engine]
    packages: ClassVar[Mapping[str, Fetched]]

    def __init__(self, data: Path) -> None:
        self._root = data.resolve()

    @property
    def kind(self) -> str:
        return self.engine.kind

    @property
    def versions(self) -> tuple[str, ...]:
        return tuple(self.packages)

    # -- what an engine says

    @abstractmethod
    def _make(self, server: Supervised, spec: ServerSpec, progress: Progress) -> None:
        """Make the data and keep it (`Supervised.keep`)."""

    @abstractmethod
    def _order(self, server: Supervised, spec: ServerSpec) -> Order:
        """How the server is started."""

    @abstractmethod
    def _knock(self, spec: ServerSpec) -> str:
        """Connect once as the administrator. Returns why that does not work; "" if it does."""

    # -- the server

    def fetch(self, version: str, progress: Progress) -> None:
        ensure_programs(self._root, self._package(version), progress)

    def ensure_data(self, spec: ServerSpec, progress: Progress, *, may_be_new: bool) -> None:
        server = self._server(spec.name)
        with server.alone(progress):
            if server.has_data():
                return
            server.refuse_if_emptied()
            if not may_be_new:
                raise Refused(
                    translate("The data of {name} is gone; nothing is started on an empty folder.", name=spec.name)
                )
            if why := walls.missing(abilities(), spec.require):
                raise NeedsPerson(why)
            self._make(server, spec, progress)

    def ensure_running(self, spec: ServerSpec, progress: Progress) -> None:
        server = self._server(spec.name)
        with server.alone(progress):
            server.ensure_running(self._order(server, spec), spec.require, progress)
        self._await_answer(server, spec, progress)

    def _await_answer(self, server: Supervised, spec: ServerSpec, progress: Progress) -> None:
        until = time.monotonic() + ANSWERS_WITHIN
        while True:
            progress.check()
            why = self._knock(spec)
            seen = server.seen()
            is_up = seen.state is ServerState.RUNNING
            if is_up and not why:  # however often it was started again before
                return
            if not is_up or seen.restarts > 2:
                words = " ".join(line.text for line in server.log(4)) or "–"
                raise Retry(
                    translate(
                        "{server} ended while it was starting; its last words: {words}",
                        server=self.engine.label,
                        words=words,
                    )
                )
            if time.monotonic() > until:
                raise Retry(translate("{server} runs and does not answer: {why}", server=self.engine.label, why=why))
            time.sleep(LOOK_EVERY)

    def ensure_stopped(self, name: str) -> None:
        server = self._server(name)
        with server.alone(NullProgress()):
            server.ensure_stopped()

    def ensure_put_away(self, name: str) -> Path | None:
        server = self._server(name)
        with server.alone(NullProgress()):
            server.ensure_stopped()
            return server.put_away()

    def seen(self, name: str) -> Seen:
        return self._server(name).seen()

    def has_data(self, name: str) -> bool:
        return self._server(name).has_data()

    def log(self, name: str, *, tail: int) -> list[OutputLine]:
        return self._server(name).log(tail)

    # -- inside

    def _server(self, name: str) -> Supervised:
        return Supervised(self._root, name)

    def programs(self, version: str) -> Path:
        """The folder of the programs that `fetch` brought."""
        return programs_folder(self._root, self._package(version))

    def _package(self, version: str) -> Fetched:
        """The programs of this version. Raises `NeedsPerson` if this Fairway has none."""
        if version not in self.packages:
            raise NeedsPerson(
                translate(
                    "This Fairway has no {server} {version}; it has {known}.",
                    server=self.engine.label,
                    version=version,
                    known=", ".join(self.packages),
                )
            )
        return self.packages[version]

    def _silent(self, why: str) -> Retry:
        return Retry(translate("{server} does not answer: {why}", server=self.engine.label, why=why))

    def _broken(self, why: str) -> Retry:
        return Retry(translate("The connection to {server} broke: {why}", server=self.engine.label, why=why))

    def _not_made(self, done: Finished) -> Refused | NeedsPerson:
        return program_failure(done, translate("{server} could not make its data folder.", server=self.engine.label))


def variables_of(server: Supervised) -> dict[str, str]:
    """The environment variables of a server's programs."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": str(server.temporary)}


def program_failure(done: Finished, sentence: str) -> Refused | NeedsPerson:
    """The failure of a program. A full disk needs a person."""
    if "No space left on device" in done.detail or "errno 28" in done.detail:
        return NeedsPerson(translate("{sentence} The disk is full: free some space, then try again.", sentence=sentence))
    last = next((line for line in reversed(done.tail) if line.strip()), "")
    return Refused(f"{sentence} {last}".strip(), detail=done.detail)


def words_of(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def size_of(folder: Path) -> int:
    """The size of a folder on disk, in bytes."""
    total = 0
    for parent, _, files in os.walk(folder):
        for name in files:
            try:
                total += os.lstat(os.path.join(parent, name)).st_blocks * 512
            except OSError:  # the file was removed meanwhile
                continue
    return total
