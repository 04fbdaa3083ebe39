"""Workers held at chosen moments of the deploy workflow (see moments/sitecustomize.py), to be killed or stopped there."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from tests.services.installation import Installation, installed, wait_for
from tests.services.postgres import PostgresServer
from tests.services.waiting import PATIENCE
from tests.workflows.desk import Desk

HOOKS = Path(__file__).parent / "moments"
LEASE = 2.0  # seconds
LOOKS_EVERY = 5.0  # seconds; every second, each live version cost a tenth of a core as long as its test lasted
SETTINGS = {
    "FAIRWAY_LEASE_SECONDS": str(LEASE),
    "FAIRWAY_HEALTH_SECONDS": "20",
    "FAIRWAY_WORKER_SLOTS": "10",
    "FAIRWAY_WATCH_SECONDS": "3600",
    "FAIRWAY_WATCH_EVERY_SECONDS": str(LOOKS_EVERY),
    "PYTHONPATH": str(HOOKS),
}


@dataclass
class Moments:
    """Where the deployments of an installation are held."""

    folder: Path

    def arm(self, slug: str, *moments: str) -> None:
        """Hold the application's next deployment whenever it reaches one of these."""
        (self.folder / slug).mkdir(exist_ok=True)
        for moment in moments:
            (self.folder / slug / moment).touch()

    def let_go(self, slug: str, moment: str) -> None:
        (self.folder / slug / f"{moment}.held").unlink(missing_ok=True)
        (self.folder / slug / moment).unlink()

    def holder(self, slug: str, moment: str) -> int:
        """The process that is held there; 0 while none is."""
        try:
            return int((self.folder / slug / f"{moment}.held").read_text())
        except FileNotFoundError:
            return 0

    def await_holder(self, slug: str, moment: str) -> int:
        wait_for(lambda: self.holder(slug, moment), f"{slug} is held at {moment}")
        return self.holder(slug, moment)

    def forget(self, slug: str) -> None:
        """Forget who let go of its runs so far."""
        for place in self.folder.glob(f"{slug}.let-go-by-*"):
            place.unlink()

    def has_let_go(self, slug: str, pid: int) -> bool:
        """Whether that worker is through with a run of the application, in whichever way."""
        return (self.folder / f"{slug}.let-go-by-{pid}").exists()


@dataclass
class Workers:
    """The second workers of an installation: further processes on the same database and the same machine."""

    fairway: Installation
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, **environ: str) -> subprocess.Popen[bytes]:
        ours = {"FAIRWAY_DATA": str(self.fairway.data), "DJANGO_SETTINGS_MODULE": "fairway.config.settings"}
        ours |= {"FAIRWAY_PORT": str(self.fairway.port), "FAIRWAY_PROXY_PORT": str(self.fairway.proxy_port)}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("FAIRWAY_")}
        environment = inherited | ours | self.fairway.environ | environ
        command = [sys.executable, "-m", "tests.workflows.another_worker"]
        with open(self.fairway.log, "ab") as output:
            worker = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        self.started.append(worker)
        wait_for(lambda: self.is_seen(worker.pid), "another worker is there")
        return worker

    def is_seen(self, pid: int) -> bool:
        return any(name.endswith(f":{pid}") for (name,) in rows(self.fairway, "SELECT name FROM fairway_worker"))

    def kill(self, pid: int) -> None:
        """SIGKILL, and another in its place: by the supervisor, or here."""
        os.kill(pid, signal.SIGKILL)
        for worker in [one for one in self.started if one.pid == pid]:
            worker.wait()
            self.started.remove(worker)
            self.start()

    def end_all(self) -> None:
        for worker in self.started:
            worker.kill()
            worker.wait()
        self.started.clear()


@dataclass(frozen=True)
class Spread:
    """An installation on PostgreSQL with all that a test may do to it."""

    desk: Desk
    moments: Moments
    workers: Workers
    server: PostgresServer


def rows(fairway: Installation, query: str, *given: object) -> list[tuple[Any, ...]]:
    """Ask the installation's database itself."""
    if url := fairway.environ.get("FAIRWAY_DATABASE_URL"):
        with psycopg.connect(url) as connection:
            return connection.execute(query.replace("?", "%s"), given).fetchall()  # type: ignore[arg-type]
    with sqlite3.connect(f"file:{fairway.data}/fairway.sqlite3?mode=ro", uri=True, timeout=PATIENCE) as database:
        found = database.execute(query, given).fetchall()
    database.close()
    return found


@contextmanager
def holding(folder: Path, **environ: str) -> Iterator[tuple[Installation, Moments]]:
    """An installation whose workers can be held."""
    moments = Moments(folder / "moments")
    moments.folder.mkdir()
    where = {"FAIRWAY_TEST_MOMENTS": str(moments.folder)}
    with installed(folder / ".local" / "fairway", **SETTINGS, **where, **environ) as fairway:
        yield fairway, moments


def most_held(pids: Iterable[int]) -> int:
    return Counter(pids).most_common(1)[0][0]


def fall_asleep(fairway: Installation, pid: int) -> None:
    """SIGSTOP between two transactions: a worker that sleeps within one keeps everybody else from writing meanwhile."""
    while True:
        os.kill(pid, signal.SIGSTOP)
        wait_for(lambda: _has_stopped(pid), f"every thread of {pid} has stopped")  # one may begin to write until then
        if _can_be_written(fairway):
            return
        os.kill(pid, signal.SIGCONT)
        time.sleep(0.02)


def _has_stopped(pid: int) -> bool:
    tasks = Path(f"/proc/{pid}/task").glob("*/stat")
    return all(task.read_text().rpartition(")")[2].split()[0] in "TtZX" for task in tasks)


def _can_be_written(fairway: Installation) -> bool:
    if url := fairway.environ.get("FAIRWAY_DATABASE_URL"):
        with psycopg.connect(url) as connection:
            found = connection.execute(
                "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'"
            )
            return found.fetchone() is None
    database = sqlite3.connect(fairway.data / "fairway.sqlite3", timeout=1, isolation_level=None)
    try:
        database.execute("BEGIN IMMEDIATE")
        database.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return False
    finally:
        database.close()
    return True
