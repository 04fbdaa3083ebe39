"""A whole Fairway of its own: real processes, real Caddy, a data directory in a temporary folder; driven by HTTP only."""

from __future__ import annotations

import ctypes
import hashlib
import http.client
import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from fairway.deployments.rules import ACTIVE
from tests.services.ports import free_port
from tests.services.sharing import Facts, shared
from tests.services.waiting import PATIENCE, eventually, wait_for

__all__ = ["wait_for"]

PR_SET_PDEATHSIG = 1
DATABASE = "fairway.sqlite3"
_libc = ctypes.CDLL(None)
ENDED = {"live", "superseded", "failed", "errored", "cancelled"}


@dataclass
class Answer:
    """What came back: status, body and headers."""

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Installation:
    """``fairway up --demo`` below `data` (`options` may say otherwise); `environ` is added to its environment.

    A new one on SQLite begins with the tables, and the demo's people, that the run made once, unless `makes_tables`: making
    them takes longer than all the rest of a first start.
    """

    data: Path
    environ: dict[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ("--demo",)
    process: subprocess.Popen[bytes] | None = None
    port: int = 0
    proxy_port: int = 0
    makes_tables: bool = False

    def __post_init__(self) -> None:
        self.port = self.port or free_port()
        self.proxy_port = self.proxy_port or free_port()

    # --- its processes

    def start(self) -> Installation:
        command = [sys.executable, "-m", "fairway.config.up", *self.options, "--data", str(self.data)]
        command += ["--port", str(self.port), "--proxy-port", str(self.proxy_port)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FAIRWAY_")}
        environment |= {"FAIRWAY_LEASE_SECONDS": "3", "FAIRWAY_ALLOW_FILE_SOURCES": "1", **self.environ}
        self.data.parent.mkdir(parents=True, exist_ok=True)
        if not (self.makes_tables or self.data.exists() or self.environ.get("FAIRWAY_DATABASE_URL")):
            self._bring_tables()
        self.log = self.data.parent / f"{self.data.name}.log"
        with open(self.log, "ab") as output:
            where = {"env": environment, "stdout": output, "stderr": output, "start_new_session": True}
            self.process = subprocess.Popen(command, **where, preexec_fn=_end_with_us)  # noqa: PLW1509 -- one system call
        wait_for(lambda: self._is_dead() or self._answers(), "Fairway answers")
        assert not self._is_dead(), self.log.read_text()[-4000:]
        wait_for(lambda: self.visit("nobody.localhost").status == 404, "the proxy answers")
        return self

    def _bring_tables(self) -> None:
        if "--demo" in self.options:
            shutil.copytree(shared("demo")["folder"], self.data)  # with the modes of its files
        else:
            self.data.mkdir(mode=0o700)
            shutil.copyfile(shared("tables")["file"], self.data / DATABASE)
            (self.data / DATABASE).chmod(0o600)

    def stop(self) -> None:
        """End everything of it, applications and proxy included."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=PATIENCE)

    def pid_of(self, name: str) -> int:
        """The process that does ``web`` or ``worker``; they are the supervisor's children, in the order they were made. It
        waits for the next one when one has just ended."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")

        def first() -> int:
            pids = [int(pid) for pid in children.read_text().split()]
            return next((pid for pid in pids if _is_doing(pid, name, self.port) and not _is_dying(pid)), 0)

        return eventually(first, f"the {name} of {self.data} runs")

    def kill_worker(self) -> None:
        """SIGKILL; the supervisor starts another."""
        os.kill(self.pid_of("worker"), signal.SIGKILL)

    def kill_control_plane(self) -> None:
        """SIGKILL to the supervisor, web and worker at once. Applications and proxy live on."""
        assert self.process is not None
        for pid in (self.process.pid, self.pid_of("web"), self.pid_of("worker")):
            os.kill(pid, signal.SIGKILL)
        self.process.wait(timeout=PATIENCE)

    def processes(self) -> dict[int, str]:
        """Everything that runs for this data directory, by pid: the control plane, Caddy, shims and applications."""
        return {pid: words for pid, words in _all_processes() if pid != os.getpid() and _is_about(pid, words, self.data)}

    def kill_everything(self) -> None:
        """SIGKILL to all of it, as when the machine goes down: all stand still first, so that none sees another die."""
        while found := self.processes():
            for number in (signal.SIGSTOP, signal.SIGKILL):
                for pid in found:
                    with suppress(ProcessLookupError):
                        os.kill(pid, number)
            if self.process is not None:
                self.process.wait(timeout=PATIENCE)

    def _answers(self) -> bool:
        return ask(self.port, "GET", "/api/v1/health", {"Host": "localhost"}).status == 200

    def _is_dead(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    # --- its doors

    def api(self, method: str, path: str, body: Any = None, *, token: str | None = None, raw: bytes | None = None) -> Answer:
        headers = {"Authorization": f"Bearer {token or self.sign_in['token']}", "Host": f"localhost:{self.port}"}
        content = raw if raw is not None else json.dumps(body).encode() if body is not None else None
        if content is not None:
            headers["Content-Type"] = "application/octet-stream" if raw is not None else "application/json"
        return ask(self.port, method, f"/api/v1{path}", headers, content)

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """`api`, insisting on success."""
        answer = self.api(method, path, body, **more)
        assert answer.status < 300, f"{method} {path}: {answer.status} {answer.text}"
        return answer.json if answer.body else None

    def visit(self, host: str, path: str = "/", **headers: str) -> Answer:
        """Ask an application through the proxy."""
        return ask(self.proxy_port, "GET", path, {"Host": f"{host}:{self.proxy_port}", **headers})

    @property
    def sign_in(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.data / "demo" / "sign-in.json").read_text())
        return found

    # --- what tests do with it

    def upload(self, folder: Path) -> dict[str, str]:
        """Upload a folder; returns the source it makes."""
        stored = self.call("POST", "/uploads", raw=packed(folder))
        return {"kind": "archive", "upload": stored["checksum"]}

    def create(self, slug: str, source: dict[str, str], **more: Any) -> Any:
        return self.call("POST", "/applications", {"name": slug, "slug": slug, "source": source, **more})

    def deploy(self, slug: str, environment: str = "staging", **more: Any) -> int:
        """Ask for a deployment; returns its number."""
        wanted = {"application": slug, "environment": environment, **more}
        number: int = self.call("POST", "/deployments", wanted)["id"]
        return number

    def deployment(self, number: int) -> Any:
        return self.call("GET", f"/deployments/{number}")

    def ended(self, number: int, seconds: float = PATIENCE) -> Any:
        """Wait until it has ended; returns it."""
        wait_for(lambda: self.glimpse(number)[0], f"deployment {number} ends", seconds=seconds)
        return self.deployment(number)

    def glimpse(self, number: int) -> tuple[bool, str]:
        """Whether a deployment is over, and its step; asked of the database. Tests wait most of their time, and each answer
        of the web process costs the machine some 20 ms of a core."""
        wanted = "SELECT status, step FROM fairway_deployment WHERE id = ?"
        with suppress(sqlite3.OperationalError, psycopg.OperationalError):
            if url := self.environ.get("FAIRWAY_DATABASE_URL"):
                with psycopg.connect(url, connect_timeout=2) as served:
                    found = served.execute(wanted.replace("?", "%s"), (number,)).fetchone()
            else:
                with closing(sqlite3.connect(self._file, uri=True)) as database:
                    found = database.execute(wanted, (number,)).fetchone()
            if found:
                return found[0] not in ACTIVE, found[1]
        shown = self.deployment(number)
        return shown["status"] in ENDED, shown["step"]

    @property
    def _file(self) -> str:
        return f"file:{self.data / DATABASE}?mode=ro"

    def live(self, number: int, seconds: float = PATIENCE) -> Any:
        """Wait until it has ended, and insist that it is live."""
        found = self.ended(number, seconds)
        assert found["status"] == "live", f"{found['status']}: {found.get('sentence')}\n{self.log_of(number)}"
        return found

    def reached(self, number: int, step: str, seconds: float = PATIENCE) -> None:
        """Wait until the step has begun."""
        wait_for(lambda: self.glimpse(number)[1] == step, f"deployment {number} reaches {step}", seconds=seconds)

    def log_of(self, number: int) -> str:
        return self.api("GET", f"/deployments/{number}/log/raw").text

    def placement(self, slug: str, environment: str = "staging") -> Any:
        return self.call("GET", f"/applications/{slug}/environments/{environment}/placement")

    def instances(self, slug: str, environment: str = "staging") -> list[Path]:
        """The instance directories of the process runtime: what is really there."""
        return sorted((self.data / "process" / "instances").glob(f"fairway-{slug}.{environment}-*"))


def _end_with_us() -> None:
    """Everything of an installation ends when its test process does, even when that is killed."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGINT)


@contextmanager
def tables_for_all() -> Iterator[Facts]:
    """An SQLite database as an installation has it before anybody is in it, made by a first start's own command.

    It is kept for the next run, under a name made of the migrations and of what was installed beside them.
    """
    root = Path(__file__).parents[2]
    makers = [*sorted((root / "src/fairway/migrations").glob("*.py")), root / "uv.lock"]
    key = hashlib.sha256(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in makers)).hexdigest()[:16]
    kept = root / "artifacts" / "tables" / f"{key}.sqlite3"
    if not kept.exists():
        with TemporaryDirectory(prefix="fairway-tables-") as place:
            environment = {name: value for name, value in os.environ.items() if not name.startswith("FAIRWAY_")}
            environment |= {"FAIRWAY_DATA": place, "DJANGO_SETTINGS_MODULE": "fairway.config.settings"}
            migrate = [sys.executable, "-m", "django", "migrate", "--verbosity", "0", "--skip-checks"]
            subprocess.run(migrate, env=environment, check=True)
            with closing(sqlite3.connect(Path(place) / DATABASE)) as made:
                made.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            kept.parent.mkdir(parents=True, exist_ok=True)
            draft = kept.with_suffix(f".{os.getpid()}")
            shutil.copyfile(Path(place) / DATABASE, draft)
            draft.rename(kept)
    yield {"file": str(kept)}


MAKE_PEOPLE = """
import django
django.setup()
from fairway.config.demo import ensure_demo_people
from fairway.environments.commands import ensure_default_environments
ensure_default_environments()
ensure_demo_people()
"""


@contextmanager
def demo_for_all() -> Iterator[Facts]:
    """The same database with the demo's people, whose passwords take a third of a first start to hash, and the file that
    says them. Everything else, keys too, each installation makes for itself."""
    with TemporaryDirectory(prefix="fairway-demo-") as folder:
        place, begun = Path(folder) / "data", Path(folder) / "begun"
        for one in (place, begun):
            one.mkdir(mode=0o700)
        shutil.copyfile(shared("tables")["file"], place / DATABASE)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FAIRWAY_")}
        environment |= {"FAIRWAY_DATA": str(place), "DJANGO_SETTINGS_MODULE": "fairway.config.settings"}
        subprocess.run([sys.executable, "-c", MAKE_PEOPLE], env=environment, check=True)
        with closing(sqlite3.connect(place / DATABASE)) as made:
            made.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copyfile(place / DATABASE, begun / DATABASE)
        (begun / DATABASE).chmod(0o600)
        shutil.copytree(place / "demo", begun / "demo")
        yield {"folder": str(begun)}


@contextmanager
def installed(data: Path, **environ: str) -> Iterator[Installation]:
    """A running installation, ended with everything of it."""
    one = Installation(data, environ)
    try:
        yield one.start()
    finally:
        one.stop()


def ask(port: int, method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> Answer:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.request(method, path, body, headers)
        with connection.getresponse() as response:
            return Answer(response.status, response.read(), {k.lower(): v for k, v in response.getheaders()})


def packed(folder: Path) -> bytes:
    """The folder as a tar, as the command line would send it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for place in sorted(folder.rglob("*")):
            if not {"node_modules", ".venv", "__pycache__"} & set(place.parts):
                archive.add(place, place.relative_to(folder), recursive=False)
    return buffer.getvalue()


def _all_processes() -> Iterator[tuple[int, str]]:
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            with suppress(OSError):
                yield int(place.name), (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")


def _is_about(pid: int, words: str, data: Path) -> bool:
    """Named on its command line, where it works or what it has open; the dead that nobody has waited for have none."""
    if not words or str(data) in words:
        return bool(words)
    for place in (Path(f"/proc/{pid}/cwd"), *Path(f"/proc/{pid}/fd").glob("*")):
        with suppress(OSError):
            if place.readlink().is_relative_to(data):
                return True
    return False


def _is_doing(pid: int, name: str, port: int) -> bool:
    """The web process listens on the port, the worker does not."""
    listens = any(
        _inode(line) in _sockets(pid) for line in Path("/proc/net/tcp").read_text().splitlines()[1:] if _listens(line, port)
    )
    return listens if name == "web" else not listens


def _listens(line: str, port: int) -> bool:
    fields = line.split()
    return fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port


def _inode(line: str) -> str:
    return line.split()[9]


def _sockets(pid: int) -> set[str]:
    found = set()
    with suppress(FileNotFoundError):  # it has ended meanwhile
        for place in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                target = os.readlink(place)
                if target.startswith("socket:["):
                    found.add(target[8:-1])
    return found


def _is_dying(pid: int) -> bool:
    """Whether it has ended, even if nobody has waited for it yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True
