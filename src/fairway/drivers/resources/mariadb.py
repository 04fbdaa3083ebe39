"""MariaDB: a real server from the packages of this machine's Debian or Ubuntu, unpacked without root.

Everybody signs in with a password. The server listens on the loopback address only; its socket lies in its own data folder.
Only Fairway uses the administrator ``fairway``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymysql

from fairway.drivers.builders.running import Ceiling, Finished, run
from fairway.drivers.resources import mariadb_accounts as accounts
from fairway.drivers.resources import mariadb_copies as copies
from fairway.drivers.resources.contract import LOOPBACK, Address, Content, Facts, Login, ServerSpec
from fairway.drivers.resources.debian import DebianPackage, libraries
from fairway.drivers.resources.engines import MARIADB
from fairway.drivers.resources.mariadb_accounts import ADMINISTRATOR, Connection
from fairway.drivers.resources.served import Served, program_failure, size_of, variables_of, words_of
from fairway.drivers.resources.supervised import Order, Supervised
from fairway.drivers.runtimes.contract import Progress
from fairway.drivers.runtimes.process.bundle import disk_failure
from fairway.shared.failures import Refused
from fairway.shared.translation import translate

PACKAGES = {"10.11": DebianPackage("mariadb", "10.11", ("mariadb-server-core", "mariadb-client-core", "mariadb-client"))}
CONNECT_WITHIN = 5  # seconds
MOST_CONNECTIONS = 100
SETTINGS = {
    "bind-address": LOOPBACK,
    "socket": "socket",  # in the data folder
    "pid-file": "pid",
    "max-connections": str(MOST_CONNECTIONS),
    "innodb-buffer-pool-size": "64M",
    "performance-schema": "OFF",
    "character-set-server": "utf8mb4",
    "collation-server": "utf8mb4_unicode_ci",
    "default-time-zone": "+00:00",
    "event-scheduler": "OFF",
    "local-infile": "OFF",
    "log-warnings": "1",
}
MAKING = Ceiling(seconds=300.0)
LONGEST = Ceiling(seconds=6 * 3600.0)
Error = pymysql.MySQLError


class MariaDB(Served):
    """Implements `ResourceDriver`."""

    engine = MARIADB
    packages = PACKAGES

    # -- the server

    def _make(self, server: Supervised, spec: ServerSpec, progress: Progress) -> None:
        draft = server.prepare()
        programs = self.programs(spec.version)
        first = server.temporary / "first.sql"
        try:
            with open(os.open(first, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write("\n".join(f"{line};" for line in accounts.first(spec.password)) + "\n")
            wall = server.wall_for_making(draft, programs)
            argv = (
                *(str(programs / "usr/bin/mariadb-install-db"), "--no-defaults", f"--basedir={programs / 'usr'}"),
                *(f"--datadir={draft}", f"--extra-file={first}", "--auth-root-authentication-method=normal"),
                *("--skip-test-db", "--skip-name-resolve", "--cross-bootstrap", "--innodb-log-file-size=48M"),
            )
            env = self._variables(server, spec)
            done = run(argv, cwd=draft, env=env, progress=progress, ceiling=MAKING, wall=wall)
        finally:
            first.unlink(missing_ok=True)
        if done.code or not (draft / "mysql").is_dir():
            raise self._not_made(done)
        server.note(kind=self.kind, version=spec.version)
        server.keep(draft)

    def _order(self, server: Supervised, spec: ServerSpec) -> Order:
        if server.has_data() and not (server.data / "mysql").is_dir():
            raise server.gone()
        programs = self.programs(spec.version)
        settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
        argv = (
            *(str(programs / "usr/sbin/mariadbd"), "--no-defaults", f"--basedir={programs / 'usr'}"),
            *(f"--datadir={server.data}", f"--tmpdir={server.temporary}", f"--port={spec.port}"),
            *("--skip-name-resolve", "--skip-log-bin", *settings),
        )
        return Order(argv, self._variables(server, spec), programs, spec.port)

    def _variables(self, server: Supervised, spec: ServerSpec) -> dict[str, str]:
        return {**variables_of(server), "LD_LIBRARY_PATH": libraries(self.programs(spec.version))}

    def _knock(self, spec: ServerSpec) -> str:
        try:
            self._connect(spec).close()
        except Error as error:
            return words_of(error)
        return ""

    def look(self, spec: ServerSpec) -> Facts:
        with self._connection(spec) as connection:
            version = str(accounts.ask(connection, "SELECT VERSION()")[0][0]).partition("-")[0]
            others = (
                "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() AND USER <> 'system user'"
            )
            count = int(accounts.ask(connection, others)[0][0])
        return Facts(version, size_of(self._server(spec.name).data), count, MOST_CONNECTIONS)

    # -- who may sign in

    def ensure_database(self, spec: ServerSpec, database: str) -> None:
        with self._connection(spec) as connection:
            accounts.ensure_database(connection, database)

    def ensure_login(self, spec: ServerSpec, database: str, login: Login) -> None:
        with self._connection(spec) as connection:
            accounts.ensure_login(connection, database, login)

    def ensure_no_login(self, spec: ServerSpec, database: str, user: str) -> None:
        with self._connection(spec) as connection:
            accounts.ensure_no_login(connection, user)

    def address(self, spec: ServerSpec, database: str, login: Login) -> Address:
        return Address(LOOPBACK, spec.port, database, login)

    def databases(self, spec: ServerSpec) -> list[str]:
        with self._connection(spec) as connection:
            return accounts.databases(connection)

    # -- copies

    def dump(self, spec: ServerSpec, database: str, to: Path, progress: Progress) -> Content:
        """Tables with their rows as of one moment, then what depends on them. The rows are counted in a throw-away database
        into which the file was restored, because no other connection sees the moment that was dumped."""
        parts = [to.with_name(f"{to.name}.{number}") for number in range(3)]
        try:
            with self._connection(spec) as connection:
                if not accounts.has_database(connection, database):
                    raise Refused(translate("This server has no database {name}.", name=database))
                views = copies.views(connection, database)
            for part, words in zip(parts, copies.dump_words(database, views), strict=True):
                if words:
                    done = self._tool(spec, "mariadb-dump", (*words, f"--result-file={part}"), to.parent, progress)
                    if done.code:
                        raise program_failure(done, translate("The dump of {name} failed.", name=database))
            try:
                copies.join(parts, to)
            except OSError as error:
                raise disk_failure(error, f"writing {to.name}") from error
            return self.look_into(spec, to, progress)
        except BaseException:
            to.unlink(missing_ok=True)
            raise
        finally:
            for part in parts:
                part.unlink(missing_ok=True)

    def look_into(self, spec: ServerSpec, dump: Path, progress: Progress) -> Content:
        with self._connection(spec) as connection:
            copies.forget(connection, copies.THROW_AWAY)
            accounts.make(connection, copies.THROW_AWAY)
        try:
            return self._restored(spec, dump, copies.THROW_AWAY, progress)
        finally:
            with self._connection(spec) as connection:
                copies.forget(connection, copies.THROW_AWAY)

    def restore(self, spec: ServerSpec, dump: Path, database: str, progress: Progress) -> Content:
        draft = f"{database}{copies.DRAFT}"
        with self._connection(spec) as connection:
            copies.forget(connection, draft)
            accounts.make(connection, draft)
        try:
            content = self._restored(spec, dump, draft, progress)
            with self._connection(spec) as connection:
                copies.mark(connection, draft)
            return content
        except BaseException:
            self.forget_restored(spec, database)
            raise

    def put_in_place(self, spec: ServerSpec, dump: Path, database: str, progress: Progress) -> None:
        draft = f"{database}{copies.DRAFT}"
        with self._connection(spec) as connection:
            if not copies.exists(connection, draft):
                return
            accounts.ensure_database(connection, database)
            if copies.is_marked(connection, draft):
                copies.swap(connection, draft, database)
            copies.drop_dependents(connection, database)
        self._load(spec, dump, database, progress, owner=database)
        self.forget_restored(spec, database)

    def forget_restored(self, spec: ServerSpec, database: str) -> None:
        with self._connection(spec) as connection:
            copies.forget(connection, f"{database}{copies.DRAFT}")

    def _restored(self, spec: ServerSpec, dump: Path, database: str, progress: Progress) -> Content:
        self._load(spec, dump, database, progress)
        with self._connection(spec, database) as connection:
            return copies.content(connection, database)

    def _load(self, spec: ServerSpec, dump: Path, database: str, progress: Progress, *, owner: str = "") -> None:
        """Read a dump into a database as a helper who may do nothing elsewhere; with `owner`, only what depends on tables,
        in that name."""
        source = dump.with_name(f"{dump.name}.sql")
        try:
            if not copies.extract(dump, source, owner):
                raise Refused(translate("The copy cannot be restored."))
            with self._connection(spec) as connection:
                helper = accounts.make_helper(connection, database, may_name_owner=bool(owner))
            words = (f"--database={database}", "--batch", "--abort-source-on-error", f"--execute=source {source}")
            done = self._tool(spec, "mariadb", words, dump.parent, progress, helper)
            if done.code:
                raise program_failure(done, translate("The copy cannot be restored."))
        except OSError as error:
            raise disk_failure(error, f"reading {dump.name}") from error
        finally:
            source.unlink(missing_ok=True)
            with self._connection(spec) as connection:
                accounts.drop_helper(connection)

    def _tool(
        self, spec: ServerSpec, name: str, words: Sequence[str], folder: Path, progress: Progress, login: Login | None = None
    ) -> Finished:
        login = login or Login(ADMINISTRATOR, spec.password)
        program = self.programs(spec.version) / "usr/bin" / name
        where = ("--no-defaults", f"--host={LOOPBACK}", "--protocol=TCP", f"--port={spec.port}", f"--user={login.user}")
        env = {**self._variables(self._server(spec.name), spec), "MYSQL_PWD": login.password}
        argv = (str(program), *where, "--default-character-set=utf8mb4", *words)
        return run(argv, cwd=folder, env=env, progress=progress, ceiling=LONGEST)

    # -- inside

    def _connect(self, spec: ServerSpec, database: str | None = None) -> Connection:
        return pymysql.connect(
            host=LOOPBACK,
            port=spec.port,
            user=ADMINISTRATOR,
            password=spec.password,
            database=database,
            connect_timeout=CONNECT_WITHIN,
            charset="utf8mb4",
            autocommit=True,
        )

    @contextmanager
    def _connection(self, spec: ServerSpec, database: str | None = None) -> Iterator[Any]:
        """A connection as administrator. Raises `Retry` if the server does not answer."""
        try:
            connection = self._connect(spec, database)
        except Error as error:
            raise self._silent(words_of(error)) from None
        with connection:
            try:
                yield connection
            except pymysql.OperationalError as error:
                raise self._broken(words_of(error)) from None
