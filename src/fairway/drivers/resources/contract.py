"""What a kind of resource can do, and the facts it exchanges. Pure: no Django, no I/O.

All methods that change something are *ensure* methods: a step may run twice after a crash, so a second call with the same
argument must adopt what the first call made. Failures are `fairway.shared.failures`. Long calls poll `Progress.check()`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from fairway.drivers.runtimes.contract import OutputLine, Progress

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class ServerSpec:
    """Everything needed to run one server. `name` is a file name and is never reused. `password` is the administrator's.
    `require` names the layers of the wall without which the server must not start (see `fairway.drivers.wall`)."""

    name: str
    version: str
    port: int
    password: str = field(repr=False)
    require: tuple[str, ...] = ()


class ServerState(StrEnum):
    ABSENT = "absent"  # never started here, or put away
    RUNNING = "running"
    RESTARTING = "restarting"  # it ended, and starts again after its back-off
    STOPPED = "stopped"  # deliberately
    FAILED = "failed"  # it should run, but its shim is gone


@dataclass(frozen=True)
class Seen:
    """The observed state of a server. `restarts` counts since the last deliberate start; `exit_code` is that of its last
    end."""

    state: ServerState
    restarts: int = 0
    exit_code: int | None = None
    started_at: datetime | None = None


@dataclass(frozen=True)
class Facts:
    """What a server reports about itself: its exact version, its size on disk in bytes, its open connections, and their
    maximum."""

    version: str
    size_bytes: int
    connections: int
    most_connections: int


@dataclass(frozen=True)
class Login:
    """A user name and its password."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Address:
    """Where a server listens and how to sign in. `database` is the one to use, as clients call it: a name or a number."""

    host: str
    port: int
    database: str
    login: Login


@dataclass(frozen=True)
class Content:
    """What a database contains: the number of rows by table (``schema.table``), or of keys."""

    rows: Mapping[str, int]

    @property
    def tables(self) -> int:
        return len(self.rows)

    @property
    def total(self) -> int:
        return sum(self.rows.values())


class ResourceDriver(Protocol):
    """One kind of resource on one data directory. What it is, its `Engine` says."""

    @property
    def kind(self) -> str: ...

    @property
    def versions(self) -> tuple[str, ...]:
        """The newest first; a resource keeps the version it was made with."""

    def fetch(self, version: str, progress: Progress) -> None:
        """Download the programs if they are missing. Raises `Retry` if the index cannot be reached, `NeedsPerson` if it
        offers none that fit."""

    def programs(self, version: str) -> Path:
        """The folder that `fetch` fills."""

    def ensure_data(self, spec: ServerSpec, progress: Progress, *, may_be_new: bool) -> None:
        """Make the data folder if it is missing and `may_be_new`. Raises `Refused` if the data is gone, `NeedsPerson` if a
        required layer of the wall is missing."""

    def ensure_running(self, spec: ServerSpec, progress: Progress) -> None:
        """Start the server if it does not run, and wait until it answers. Raises `Retry` while another process holds the
        data, or if the server ends or does not answer; `Refused` if its data is gone; `NeedsPerson` if a required layer of
        the wall is missing.
        """

    def ensure_stopped(self, name: str) -> None: ...

    def ensure_put_away(self, name: str) -> Path | None:
        """Stop the server and move its data aside, where nothing starts on it. Returns the new folder; None if there was no
        data."""

    def seen(self, name: str) -> Seen: ...

    def has_data(self, name: str) -> bool:
        """Whether the data is in its folder."""

    def look(self, spec: ServerSpec) -> Facts:
        """Ask the server. Raises `Retry` if it does not answer."""

    def log(self, name: str, *, tail: int) -> list[OutputLine]: ...

    def ensure_database(self, spec: ServerSpec, database: str) -> None:
        """Create a database that only its logins may enter."""

    def ensure_login(self, spec: ServerSpec, database: str, login: Login) -> None:
        """Create a login that has all rights in this database and none in others."""

    def ensure_no_login(self, spec: ServerSpec, database: str, user: str) -> None:
        """Remove a login and end its connections. What it created stays."""

    def address(self, spec: ServerSpec, database: str, login: Login) -> Address:
        """Where an application finds this database. Raises `Retry` if only the server knows and does not answer."""

    def databases(self, spec: ServerSpec) -> list[str]:
        """Every database that was created with `ensure_database` or `put_in_place`."""

    def dump(self, spec: ServerSpec, database: str, to: Path, progress: Progress) -> Content:
        """Write a consistent copy of a database to the file `to`, and return what it contains. Raises `Refused` or
        `NeedsPerson`; then there is no file."""

    def look_into(self, spec: ServerSpec, dump: Path, progress: Progress) -> Content:
        """Restore a dump into a temporary database, count its rows, and drop it. Raises `Refused` if the dump cannot be
        restored."""

    def restore(self, spec: ServerSpec, dump: Path, database: str, progress: Progress) -> Content:
        """Restore a dump beside the database `database`, in the place of what an earlier attempt left there, and return what
        it contains. Raises `Refused`; then nothing is left of it."""

    def put_in_place(self, spec: ServerSpec, dump: Path, database: str, progress: Progress) -> None:
        """Let the database have what `restore` restored from this dump. What it had is kept beside it until the next time.

        Nothing happens if an earlier attempt has done so: else what is kept would be replaced by what was restored. Raises
        `Retry` while the database is in use; then nothing has changed.
        """

    def forget_restored(self, spec: ServerSpec, database: str) -> None:
        """Remove what was restored beside a database and will not be put in place."""
