"""What the workflow tests do with an installation: ship versions of the tiny application, hold things, see what is left."""

from __future__ import annotations

import fcntl
import http.client
import itertools
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fairway.drivers.proxy.admin import AdminSocket
from tests.services.gate import Gate
from tests.services.installation import Answer, Installation, wait_for
from tests.services.waiting import PATIENCE
from tests.workflows import tinyapp

_numbers = itertools.count(1)


@dataclass
class Desk:
    """One installation, and a folder for the versions that are shipped to it."""

    fairway: Installation
    folder: Path
    made: list[str] = field(default_factory=list)  # the slugs of applications
    gates: list[Gate] = field(default_factory=list)

    # --- shipping

    def new(self, slug: str, version: str = "1", *, spec: dict[str, Any] | None = None, **knobs: Any) -> str:
        """A new application; returns its slug, made unique."""
        slug = f"{slug}{next(_numbers)}"
        self.fairway.create(slug, self.source(version, **knobs), spec={**tinyapp.SPEC, **(spec or {})})
        self.made.append(slug)
        return slug

    def tidy(self) -> None:
        """Nothing of a test that is over needs to run, be watched or be looked at while the others go on."""
        for slug in self.made:
            for environment in ("staging", "production"):
                with suppress(OSError, http.client.HTTPException):
                    self.fairway.api("DELETE", f"/applications/{slug}/environments/{environment}/placement")
        self.made.clear()
        for gate in self.gates:
            gate.open()

    def source(self, version: str, **knobs: Any) -> dict[str, str]:
        return self.fairway.upload(tinyapp.make(self.folder / f"source-{next(_numbers)}", version, **knobs))

    def ship(self, slug: str, version: str, environment: str = "staging", **knobs: Any) -> int:
        """Ask for a deployment of a new version; returns its number."""
        return self.fairway.deploy(slug, environment, source=self.source(version, **knobs))

    def launched(self, slug: str, **knobs: Any) -> tuple[str, int]:
        """A new application that is live in staging as version 1; returns slug and deployment."""
        slug = self.new(slug, **knobs)
        number = self.fairway.deploy(slug)
        self.fairway.live(number)
        return slug, number

    def cancel(self, number: int) -> None:
        self.fairway.call("POST", f"/deployments/{number}/cancellation", {"reason": "changed my mind"})

    def roll_back(self, slug: str, environment: str = "staging", **more: Any) -> int:
        wanted = {"application": slug, "environment": environment, **more}
        number: int = self.fairway.call("POST", "/rollbacks", wanted)["id"]
        return number

    def act(self, slug: str, act: str, environment: str = "staging") -> Any:
        return self.fairway.call("POST", f"/applications/{slug}/environments/{environment}/placement/{act}", {})

    def scale(self, slug: str, replicas: int) -> None:
        where = f"/applications/{slug}/environments/staging/placement/replicas"
        self.fairway.call("PUT", where, {"replicas": replicas})

    def configure(self, slug: str, environment: str = "staging", **given: Any) -> None:
        self.fairway.call("PUT", f"/applications/{slug}/environments/{environment}/configuration", given)

    def visitors(self, slug: str, pause: float, environment: str = "staging") -> Visitors:
        """People who look at the application as long as the `with` block lasts."""
        return Visitors(self.fairway.proxy_port, f"{slug}.{environment}.localhost", pause)

    # --- looking

    def says(self, slug: str, path: str = "/", environment: str = "staging") -> dict[str, Any]:
        """What the application answers through the proxy."""
        answer = self.visit(slug, path, environment)
        assert answer.status == 200, f"{answer.status} {answer.text[:200]}"
        found: dict[str, Any] = answer.json
        return found

    def visit(self, slug: str, path: str = "/", environment: str = "staging") -> Answer:
        return self.fairway.visit(f"{slug}.{environment}.localhost", path)

    def names(self, slug: str, environment: str = "staging") -> list[str]:
        return [place.name for place in self.fairway.instances(slug, environment)]

    def state_of(self, instance: str) -> dict[str, Any]:
        """What the shim of an instance wrote last."""
        try:
            found: dict[str, Any] = json.loads((self.instance_folder(instance) / "state.json").read_text())
        except (OSError, ValueError):
            return {}
        return found

    def instance_folder(self, instance: str) -> Path:
        return self.fairway.data / "process" / "instances" / instance

    def generation(self, slug: str, environment: str = "staging") -> str:
        """The deployment label that the route directory names, "" without an open route."""
        try:
            target = os.readlink(self.routes / "open" / f"{slug}.{environment}.localhost")
        except FileNotFoundError:
            return ""
        return Path(target).name.partition("~")[0]

    def in_flight(self, slug: str, environment: str = "staging") -> int:
        """Requests that the proxy has open to the application's instances."""
        counts = AdminSocket(self.fairway.data / "caddy" / "admin.sock").in_flight()
        addresses = {f"127.0.0.1:{self.state_of(name).get('port')}" for name in self.names(slug, environment)}
        return sum(count for address, count in counts.items() if address in addresses)

    @property
    def routes(self) -> Path:
        return self.fairway.data / "caddy" / "routes"

    def events(self, verb: str, **more: Any) -> list[Any]:
        query = "&".join(f"{name}={value}" for name, value in {"verb": verb, "limit": 200, **more}.items())
        found: list[Any] = self.fairway.call("GET", f"/events?{query}")["items"]
        return found

    def history(self, slug: str) -> list[Any]:
        found: list[Any] = self.fairway.call("GET", f"/deployments?application={slug}&limit=200")["items"]
        return found

    # --- insisting

    def serves(
        self,
        slug: str,
        number: int,
        version: str,
        *,
        replicas: int = 1,
        environment: str = "staging",
        services: tuple[str, ...] = (),
    ) -> None:
        """Route, running instances, what answers and what the API says are one and the same deployment; `services` are those
        that run beside the main one."""
        names = [f"fairway-{slug}.{environment}-d{number}-{replica}" for replica in range(replicas)]
        names += [f"fairway-{slug}.{environment}-d{number}-{service}-0" for service in services]
        assert self.names(slug, environment) == names
        assert self.generation(slug, environment) == f"d{number}"
        assert self.says(slug, environment=environment)["version"] == version
        placement, deployment = self.fairway.placement(slug, environment), self.fairway.deployment(number)
        assert (placement["current"], placement["version"]) == (number, version)
        assert deployment["status"] == "live"
        assert {self.state_of(name)["digest"] for name in names} == {placement["digest"]}
        assert deployment["served_digest"] == placement["digest"]

    def settles(self, slug: str, number: int, version: str, *, replicas: int = 1, environment: str = "staging") -> None:
        """Wait until `serves` holds."""

        def holds() -> bool:
            try:
                self.serves(slug, number, version, replicas=replicas, environment=environment)
            except (AssertionError, KeyError):
                return False
            return True

        try:
            wait_for(holds, f"{slug} is served by {number}")
        except AssertionError:
            self.serves(slug, number, version, replicas=replicas)
            raise

    def is_whole(self) -> None:
        """The chain of events is unbroken."""
        found = self.fairway.call("GET", "/audit/verification")
        assert found["is_intact"], found

    # --- holding

    def gate(self, *, is_closed: bool = True) -> Gate:
        """What a knob of the tiny application can name by its port: a build, a start or a request waits until it is open."""
        self.gates.append(Gate(is_closed=is_closed))
        return self.gates[-1]

    @contextmanager
    def instance_locked(self, slug: str, number: int) -> Iterator[None]:
        """Nobody can start, stop or remove the deployment's first instance meanwhile."""
        place = self.fairway.data / "process" / "locks"
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        with locked(place / f"fairway-{slug}.staging-d{number}-0"):
            yield

    @contextmanager
    def routes_locked(self) -> Iterator[None]:
        """Nobody can change a route meanwhile."""
        with locked(self.routes / ".lock"):
            yield

    def reconciled(self, rounds: int = 2) -> None:
        """Wait until the reconciler has looked at everything so many times from now on. It touches its lock before each."""
        lock = self.fairway.data / "run" / "reconciler.lock"
        seen = {lock.stat().st_mtime_ns}
        wait_for(lambda: seen.add(lock.stat().st_mtime_ns) or len(seen) > rounds + 1, "the reconciler looks")

    def worker_is_there(self) -> None:
        def found() -> bool:
            try:
                return bool(self.fairway.pid_of("worker"))
            except AssertionError:
                return False

        wait_for(found, "a worker runs")

    def kill_worker(self) -> None:
        self.worker_is_there()
        self.fairway.kill_worker()


@contextmanager
def locked(place: Path) -> Iterator[None]:
    lock = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


@dataclass
class Visitors:
    """A small constant load: one keeps its connection, one opens new ones, one asks for what takes 1.5 s. At most 60/s."""

    port: int
    host: str
    pause: float = 0.03
    failed: list[str] = field(default_factory=list)
    sent: int = 0
    seen: set[str] = field(default_factory=set)

    def __enter__(self) -> Visitors:
        self._stop = threading.Event()
        self._lock = threading.Lock()
        works = [(True, "/", self.pause), (False, "/", self.pause), (False, "/slow?s=1.5", 0.0)]
        self._threads = [threading.Thread(target=self._visit, args=work) for work in works]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _visit(self, keep: bool, path: str, pause: float) -> None:
        connection = self._connection()
        while not self._stop.is_set():
            try:
                self._ask(connection, path)
            except (OSError, http.client.HTTPException) as error:
                self._note(f"{path}: {type(error).__name__} {error}")
                connection.close()
            if not keep:
                connection.close()
            self._stop.wait(pause)
        connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def _ask(self, connection: http.client.HTTPConnection, path: str) -> None:
        connection.request("GET", path, headers={"Host": self.host})
        with closing(connection.getresponse()) as answer:
            body = answer.read()
        if answer.status != 200:
            self._note(f"{path}: {answer.status} {dict(answer.headers).get('X-Fairway-Page', '')}")
            return
        with self._lock:
            self.sent += 1
            self.seen.add(json.loads(body)["version"])

    def _note(self, what: str) -> None:
        with self._lock:
            self.sent += 1
            self.failed.append(f"{time.strftime('%X')} {what}")
