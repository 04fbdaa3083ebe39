"""Runs one server under the shim that also supervises applications. Its data folder has one holder at a time.

``resources/<name>/`` in the data directory contains ``data`` (the server's own), ``tmp``, ``logs``, the shim's
``state.json``, ``run`` while the server should run, and ``holder``. The shim and all processes of the server inherit a lock
on ``holder``: while it is held, no other server starts on the data, whichever process was killed meanwhile. The file
``made`` says that data was made once.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fairway.drivers.resources.contract import Seen, ServerState
from fairway.drivers.runtimes.contract import NullProgress, OutputLine, Progress
from fairway.drivers.runtimes.process import birth, holding, launch, output, ports, readings, walls
from fairway.drivers.runtimes.process.bundle import disk_failure
from fairway.drivers.runtimes.process.places import Places, read_json, try_lock, wait_for, write_json
from fairway.drivers.wall import owners, plan
from fairway.drivers.wall.abilities import abilities
from fairway.drivers.wall.groups import Groups
from fairway.drivers.wall.users import Users
from fairway.shared.failures import NeedsPerson, Refused, Retry
from fairway.shared.translation import translate

LAST_WORDS = 10.0  # seconds that a shim gets after the grace period to end every process itself
RUN = "run"


@dataclass(frozen=True)
class Order:
    """How to start a server: its command line, environment variables, the folder of its programs, its port, the seconds it
    gets for a clean stop, and the signal that asks for one."""

    argv: tuple[str, ...]
    variables: Mapping[str, str]
    programs: Path
    port: int
    grace: float = 60.0
    stop_signal: int = signal.SIGTERM
    memory_bytes: int | None = None


class Supervised:
    """The server called `name` in this data directory. All its state is on disk."""

    def __init__(self, data: Path, name: str) -> None:
        self._root = data.resolve()  # behind the walls a symlink in the path could not be followed
        self.name = name
        self._places = Places(self._root)
        self.folder = self._root / "resources" / name
        self.data = self.folder / "data"
        self.temporary = self.folder / "tmp"

    @contextmanager
    def alone(self, progress: Progress) -> Iterator[None]:
        """Lock this server against every other change."""
        with self._places.locked(f"resource.{self.name}", progress.check):
            yield

    # -- the data

    def has_data(self) -> bool:
        return self.data.is_dir() and any(self.data.iterdir())

    def prepare(self) -> Path:
        """Make an empty folder for new data. The remains of an earlier attempt are removed."""
        try:
            for folder in (self.folder.parent, self.folder, self.temporary):
                folder.mkdir(mode=0o700, exist_ok=True)
            draft = self.folder / "data.draft"
            _erase(draft)
            draft.mkdir(mode=0o700)
        except OSError as error:
            raise disk_failure(error, f"making the data folder of {self.name}") from error
        return draft

    def keep(self, draft: Path) -> None:
        """Make the draft the data."""
        self.own([draft])
        draft.rename(self.data)
        (self.folder / "made").touch(mode=0o600)

    def refuse_if_emptied(self) -> None:
        """Raises `Refused` if data was made once and is gone."""
        if (self.folder / "made").exists() and not self.has_data():
            raise self.gone()

    def gone(self) -> Refused:
        """The failure of a server whose data is lost."""
        return Refused(
            translate(
                "The data of {name} is not where it was ({place}); nothing is started on an empty folder. "
                "Put it back, or restore a backup into a new resource.",
                name=self.name,
                place=self.data,
            )
        )

    def put_away(self) -> Path | None:
        """Move the whole folder of a stopped server aside. Returns the new folder; None if there is none."""
        away = self._root / "resources" / ".put-away" / self.name
        if self.folder.is_dir():
            if self.seen().state in {ServerState.RUNNING, ServerState.RESTARTING}:
                raise Retry(f"{self.name} still runs; it is stopped first.")
            away.parent.mkdir(mode=0o700, exist_ok=True)
            self.folder.rename(away)
        return away if away.is_dir() else None

    # -- users and walls

    def own(self, folders: Sequence[Path]) -> int | None:
        """Give the folders to the server's own user and return its id; None if this machine cannot give servers users of
        their own."""
        if not abilities().own_user:
            if os.geteuid() == 0:
                raise _as_root()
            return None
        user = Users(self._root / "process" / "users").of(f"resource.{self.name}")
        for folder in folders:
            owners.hand_over(folder, user)
        return user

    def wall_for_making(self, draft: Path, programs: Path) -> dict[str, Any]:
        """The walls around the program that makes the data. It looks up its user name, so it runs as a user that this
        machine knows by name; `keep` then gives the data to the server's own user."""
        user = None
        if abilities().own_user:
            user = pwd.getpwnam("nobody").pw_uid
            owners.take_back(draft, user)
            owners.take_back(self.temporary, user)
        elif os.geteuid() == 0:
            raise _as_root()
        need = plan.Need(reads=(programs,), writes=(draft,), temporary=self.temporary)
        return plan.order(abilities(), need, data=self._root, user=user)

    def wall_for_copies(self, programs: Path) -> dict[str, Any]:
        """The walls around a program that works on copies in `temporary`, as the server's own user. It does not see the
        data."""
        user = self.own([self.temporary])
        need = plan.Need(reads=(programs,), writes=(), temporary=self.temporary)
        return plan.order(abilities(), need, data=self._root, user=user)

    def _wall(self, order: Order) -> dict[str, Any]:
        user = self.own([self.data, self.temporary])
        closed = plan.without((*ports.CLOSED, *walls.fairways(self._root)), order.port)
        group = walls.group_of(self._root, f"resource.{self.name}", closed)
        need = plan.Need(reads=(order.programs,), writes=(self.data,), temporary=self.temporary, closed=closed, group=group)
        return plan.order(abilities(), need, data=self._root, user=user)

    # -- running

    def seen(self) -> Seen:
        """The state of the server. The state file counts only while the shim that wrote it lives."""
        state = read_json(self.folder / "state.json")
        if not self._has_shim(state):
            if not state:
                return Seen(ServerState.ABSENT)
            is_wanted = (self.folder / RUN).exists()
            return Seen(ServerState.FAILED if is_wanted else ServerState.STOPPED, exit_code=state.get("exit_code"))
        is_up = state["state"] == "running" and readings.is_alive(state["app"])
        since = state.get("started_at")
        return Seen(
            ServerState.RUNNING if is_up else ServerState.RESTARTING,
            restarts=int(state.get("restarts", 0)),
            exit_code=state.get("exit_code"),
            started_at=datetime.fromtimestamp(since, UTC) if since else None,
        )

    def ensure_running(self, order: Order, require: Sequence[str], progress: Progress) -> None:
        """Start the server, or adopt the one that runs. Raises `Retry` while another process holds its data."""
        self._await_birth(progress)
        if self.seen().state in {ServerState.RUNNING, ServerState.RESTARTING}:
            return
        if why := walls.missing(abilities(), require):
            raise NeedsPerson(why)
        self.refuse_if_emptied()
        if not self.has_data():
            raise self.gone()
        progress.check()
        try:
            self._start(order)
        except OSError as error:
            raise disk_failure(error, f"starting {self.name}") from error

    def _start(self, order: Order) -> None:
        self._end_orphans()
        for stale in (*self.folder.glob("stop-*"), self.folder / "state.json"):
            stale.unlink(missing_ok=True)
        (self.folder / RUN).touch(mode=0o600)
        with self._held() as lock:
            birth.bear(self._shims(order), self.folder, [lock])

    @contextmanager
    def _held(self) -> Iterator[int]:
        """Take the lock of the data, for the shim to inherit."""
        lock = os.open(self.folder / "holder", os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            is_free, who = try_lock(lock), holding.users(self.data)
            if not is_free or who:
                holder = who or translate("a server that is starting or ending")
                raise Retry(
                    translate(
                        "The data of {name} is still held by {who}; nothing else is started on it.",
                        name=self.name,
                        who=holder,
                    )
                )
            yield lock
        finally:
            os.close(lock)

    def _shims(self, order: Order) -> dict[str, Any]:
        mark = secrets.token_hex(16)
        return {
            "program": order.argv[0],
            "argv": list(order.argv),
            "env": {**order.variables, "TMPDIR": str(self.temporary), "INSTANCE_ID": mark},
            "cwd": str(self.data),
            "folder": str(self.folder),
            "grace": order.grace,
            "stop_signal": int(order.stop_signal),
            "once": False,
            "memory_bytes": order.memory_bytes,
            "pids": None,
            "look_every": launch.LOOK_EVERY,
            "log_bytes": launch.LOG_BYTES,
            "log_files": launch.LOG_FILES,
            "digest": "",
            "port": order.port,
            "mark": mark,
            "boot": readings.boot(),
            "wall": self._wall(order),
            **launch.BACKOFF,
        }

    def ensure_stopped(self, grace: float = 60.0) -> None:
        """Stop the server cleanly; after `grace` seconds, kill it."""
        if not self.folder.is_dir():
            return
        self._await_birth(NullProgress())
        with suppress(FileNotFoundError):
            (self.folder / RUN).rename(self.folder / f"stop-{grace:.3f}")
        state = read_json(self.folder / "state.json")
        if self._has_shim(state) and not readings.send_and_wait(state["minder"], signal.SIGTERM, grace + LAST_WORDS):
            readings.send_and_wait(state["minder"], signal.SIGKILL, LAST_WORDS)
        self._end_orphans()
        if self._has_shim(state):
            raise Retry(f"{self.name} could not be ended: process {state['minder'][0]} does not die. It is tried again.")
        Groups(self._root).remove(f"resource.{self.name}")

    def _end_orphans(self) -> None:
        """End the processes that a killed shim left behind."""
        state = read_json(self.folder / "state.json")
        if not state or state.get("boot") != readings.boot() or (state.get("app") is None and state["state"] == "stopped"):
            return
        if not readings.end_orphans(state.get("app"), str(state.get("mark", "")), self.folder):
            raise Retry(f"Something of {self.name} does not die although it was killed. It is tried again.")

    def _has_shim(self, state: Mapping[str, Any]) -> bool:
        return bool(state) and state.get("boot") == readings.boot() and readings.is_alive(state.get("minder"))

    def _await_birth(self, progress: Progress) -> None:
        """Wait for a shim whose starter was killed before it answered, or for one that is just ending."""
        path = self.folder / "minder.lock"

        def is_settled() -> bool:
            if self.seen().state in {ServerState.RUNNING, ServerState.RESTARTING}:
                return True
            try:
                lock = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            except OSError:
                return True
            try:
                return try_lock(lock)
            finally:
                os.close(lock)

        wait_for(is_settled, progress.check, seconds=birth.LONGEST)

    def log(self, tail: int) -> list[OutputLine]:
        return list(output.read(self.folder / "logs", tail=tail, follow=None))

    def note(self, **facts: Any) -> None:
        """Record facts that later versions of Fairway must know about this data."""
        write_json(self.folder / "facts.json", {**self.noted(), **facts})

    def noted(self) -> dict[str, Any]:
        return read_json(self.folder / "facts.json")


def _as_root() -> NeedsPerson:
    return NeedsPerson(
        translate(
            "This server refuses to run as root, and this machine cannot give it a user of its own; "
            "run Fairway as an ordinary user."
        )
    )


def _erase(folder: Path) -> None:
    if folder.is_dir():
        shutil.rmtree(folder)
