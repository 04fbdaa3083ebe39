"""A private, real PostgreSQL server for tests: own directory, own socket, no TCP, gone afterwards."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
import pytest

from tests.services.sharing import Facts, shared
from tests.services.waiting import PATIENCE, eventually

numbers = itertools.count(1)
NOBODY = 65534  # initdb refuses root


def find_binaries() -> Path | None:
    """The folder with initdb and postgres: the newest of Debian's, else what PATH offers."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda place: int(place.parts[4]), reverse=True)
    if debian:
        return debian[0].parent
    found = shutil.which("initdb", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/bin"]))
    return Path(found).resolve().parent if found else None


def binaries_or_skip() -> Path:
    """The binaries, or a skip."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed (initdb not found); on Debian: apt-get install postgresql")
    return binaries


@dataclass
class Postgres:
    """A server that runs: its programs, and the folder of its socket and its data."""

    binaries: Path
    folder: Path

    def connect(self, database: str) -> psycopg.Connection:
        return psycopg.connect(host=str(self.folder), user="fairway", dbname=database, autocommit=True)

    def create_database(self, name: str, *, like: str = "template1") -> str:
        """A new database, whose name begins so, empty or with what there is in `like`; returns its URL."""
        name = f"{name}_{os.getpid()}_{next(numbers)}"  # other test processes make databases here, too
        with self.connect("postgres") as connection:
            make = psycopg.sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            connection.execute(make.format(psycopg.sql.Identifier(name), psycopg.sql.Identifier(like)))
        return self._url(name)

    def _url(self, name: str) -> str:
        return f"postgres://fairway@/{name}?host={quote(str(self.folder), safe='')}"


class PostgresServer(Postgres):
    """A server of one's own that lives as long as the `with` block, and can be stopped and started."""

    def __init__(self, binaries: Path) -> None:
        super().__init__(binaries, Path(tempfile.mkdtemp(prefix="fairway-pg-")))
        self._process: subprocess.Popen[bytes] | None = None
        self._as_other: dict[str, object] = {}
        if os.geteuid() == 0:
            os.chown(self.folder, NOBODY, NOBODY)
            self._as_other = {"user": NOBODY, "group": NOBODY, "extra_groups": []}

    @property
    def _common(self) -> dict[str, object]:
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        return {"cwd": self.folder, "env": environment, "stdin": subprocess.DEVNULL, **self._as_other}

    def __enter__(self) -> PostgresServer:
        data = self.folder / "data"
        make = [self.binaries / "initdb", "-D", data, "-U", "fairway", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(make, check=True, stdout=subprocess.DEVNULL, **self._common)  # type: ignore[call-overload]
        self.start()
        return self

    def start(self) -> None:
        """Answer, for the first time or again after `stop`."""
        data = self.folder / "data"
        quick = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=16MB", "max_connections=200"]
        local = ["listen_addresses=", f"unix_socket_directories={self.folder}", "log_min_messages=fatal"]
        options = [word for setting in quick + local for word in ("-c", setting)]
        self._process = subprocess.Popen(  # type: ignore[call-overload]
            [self.binaries / "postgres", "-D", data, *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **self._common,
        )
        self._await_answer()

    def stop(self) -> None:
        """Disconnect everybody and be gone; what was committed stays."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)  # "fast" shutdown
        try:
            self._process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(timeout=PATIENCE)

    def _await_answer(self) -> None:
        assert self._process is not None
        eventually(self._answers, "PostgreSQL answers")

    def _answers(self) -> bool:
        assert self._process is not None
        try:
            self.connect("postgres").close()
        except psycopg.OperationalError:
            if self._process.poll() is not None:
                raise
            return False
        return True

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def server_for_all() -> Iterator[Facts]:
    """The server that a test run shares, from start to end."""
    with PostgresServer(binaries_or_skip()) as server:
        yield {"binaries": str(server.binaries), "folder": str(server.folder)}


class SharedPostgres(Postgres):
    """The one private PostgreSQL of the whole test run."""

    def create_with_tables(self, name: str) -> str:
        """A new database in which all migrations have been made: the run makes them once, since they take some seconds."""
        return self.create_database(name, like=self.tables())

    def tables(self) -> str:
        """The name of the database that is copied for that."""
        return str(shared("postgres tables")["name"])


def shared_server() -> SharedPostgres:
    """It is started if it does not run."""
    facts = shared("postgres")
    return SharedPostgres(Path(facts["binaries"]), Path(facts["folder"]))


@contextmanager
def tables_for_all() -> Iterator[Facts]:
    """The database that `create_with_tables` copies. Nobody is connected to it: PostgreSQL copies no other."""
    url = shared_server().create_database("tables")
    with tempfile.TemporaryDirectory(prefix="fairway-tables-") as place:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FAIRWAY_")}
        environment |= {"FAIRWAY_DATA": place, "FAIRWAY_DATABASE_URL": url}
        environment["DJANGO_SETTINGS_MODULE"] = "fairway.config.settings"
        migrate = [sys.executable, "-m", "django", "migrate", "--verbosity", "0", "--skip-checks"]
        subprocess.run(migrate, env=environment, check=True)
    yield {"name": urlsplit(url).path.strip("/")}


@pytest.fixture(scope="session")
def postgres_server() -> SharedPostgres:
    """`shared_server`; import this fixture into a conftest to use it."""
    return shared_server()
