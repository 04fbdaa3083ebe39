"""What a kind of resource can do, and the facts it exchanges. Pure: no Django, no I/O.

All verbs are *ensure* verbs: a step may run twice after a crash, so calling one again with the same argument must adopt what
the first call made. Failures are `fairway.shared.failures`. Long verbs poll `Progress.check()`.
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
    """Everything needed to run one server. `name` is a file name and never used again; `password` is the administrator's.
    `require` are the walls without which nothing starts here (see `fairway.drivers.wall`)."""

    name: str
    version: str
    port: int
    password: str = field(repr=False)
    require: tuple[str, ...] = ()


class ServerState(StrEnum):
    ABSENT = "absent"  # never started here, or put away
    RUNNING = "running"
    RESTARTING = "restarting"  # it ended and waits for its back-off
    STOPPED = "stopped"  # deliberately
    FAILED = "failed"  # nobody minds it any more


@dataclass(frozen=True)
class Seen:
    """A server as it was found. `restarts` since it was last started by somebody; `exit_code` of the last time it ended."""

    state: ServerState
    restarts: int = 0
    exit_code: int | None = None
    started_at: datetime | None = None


@dataclass(frozen=True)
class Facts:
    """What a server says of itself: its exact version, bytes on disk, and open connections of how many at most."""

    version: str
    size_bytes: int
    connections: int
    most_connections: int


@dataclass(frozen=True)
class Login:
    """A way in: the user name and the password."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Address:
    """Where a server is and how to sign in; `database` is the one to use."""

    host: str
    port: int
    database: str
    login: Login


@dataclass(frozen=True)
class Content:
    """What lies in one database: rows by table (``schema.table``)."""

    rows: Mapping[str, int]

    @property
    def tables(self) -> int:
        return len(self.rows)

    @property
    def total(self) -> int:
        return sum(self.rows.values())


class ResourceDriver(Protocol):
    """One kind of resource on one data directory."""

    kind: str
    versions: tuple[str, ...]  # the newest first; a resource keeps its own

    def fetch(self, version: str, progress: Progress) -> None:
        """Have the programs here. `Retry` when the index cannot be reached, `NeedsPerson` when it has none that fit."""

    def ensure_data(self, spec: ServerSpec, progress: Progress, *, may_be_new: bool) -> None:
        """Have a data folder. It is made only where `may_be_new`; `Refused` where there was data and is none."""

    def ensure_running(self, spec: ServerSpec, progress: Progress) -> None:
        """Have the server run and answer. `Retry` while another holds the data; `Refused` with its last words if it ends."""

    def ensure_stopped(self, name: str) -> None: ...

    def ensure_put_away(self, name: str) -> Path | None:
        """Stop it and move its data aside, to where nothing starts on it; the place, None if there was nothing."""

    def seen(self, name: str) -> Seen: ...

    def has_data(self, name: str) -> bool:
        """Whether its data is where it belongs."""

    def look(self, spec: ServerSpec) -> Facts:
        """Ask the server. Raises `Retry` when it does not answer."""

    def log(self, name: str, *, tail: int) -> list[OutputLine]: ...

    def ensure_database(self, spec: ServerSpec, database: str) -> None:
        """A database that only those who were let in may enter."""

    def ensure_login(self, spec: ServerSpec, database: str, login: Login) -> None:
        """Let somebody in, with all rights in this database and none elsewhere."""

    def ensure_no_login(self, spec: ServerSpec, database: str, user: str) -> None:
        """Let somebody in no longer, end their connections, and keep what they made."""

    def address(self, spec: ServerSpec, database: str, login: Login) -> Address: ...

    def databases(self, spec: ServerSpec) -> list[str]:
        """Every database that was made for somebody."""

    def dump(self, spec: ServerSpec, database: str, to: Path, progress: Progress) -> Content:
        """A consistent copy of a database as a file, and what lay in it. `Refused` or `NeedsPerson`, and then no file."""

    def look_into(self, spec: ServerSpec, dump: Path, progress: Progress) -> Content:
        """Restore a dump into a throw-away database, count, and remove it. `Refused` for a dump that cannot be restored."""

    def restore(self, spec: ServerSpec, dump: Path, database: str, progress: Progress) -> Content:
        """Make a database that does not exist yet what the dump holds. `Refused`, and then there is no such database."""
