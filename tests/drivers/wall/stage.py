"""A data directory with secrets, two applications and what listens beside them; one of the two attacks everything else.

Run as a program (``python stage.py FOLDER LANDLOCK_ONLY``) it tells what the attacker reached, so that tests that are root
can look at a Fairway that is not.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from fairway.drivers.runtimes.contract import ArtifactRef, Instance, InstanceSpec, NullProgress, Volume
from fairway.drivers.runtimes.process import ProcessRuntime
from fairway.drivers.runtimes.process.bundle import seal
from fairway.drivers.wall import abilities as known
from fairway.drivers.wall.abilities import Abilities

ATTACKER = Path(__file__).parent / "attacker"
SECRET = "the-key-of-all-fields"
Answer = dict[str, Any]


class Stage:
    """The scene in `folder`, whose data directory is ``folder/data``."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        for name in ("keys", "caddy", "run", "uploads"):
            (self.data / name).mkdir(parents=True, exist_ok=True)
        self.data.chmod(0o700)
        self.secrets = [self.data / name for name in ("fairway.sqlite3", "keys/fields", "caddy/token", "uploads/other.zip")]
        for place in self.secrets:
            place.write_text(SECRET)
        self.runtime = ProcessRuntime.open({}, data=self.data)

    def bundle(self) -> ArtifactRef:
        draft = self.data / "bundles" / ".draft"
        shutil.copytree(ATTACKER, draft / "app", ignore=shutil.ignore_patterns("__pycache__"))
        return seal(draft, {"command": ["{python}", "main.py"], "kind": "python"})

    @contextmanager
    def applications(self) -> Iterator[tuple[Instance, Instance]]:
        """The attacker, and another one of whom it wants something."""
        artifact = self.bundle()
        try:
            yield self.start("evil.test", artifact), self.start("other.test", artifact, DATABASE_PASSWORD=SECRET)
        finally:
            for instance in self.runtime.instances():
                self.runtime.ensure_removed(instance.name, grace=0.2)

    def start(self, placement: str, artifact: ArtifactRef, **environment: str) -> Instance:
        volume = Volume(f"files-of-{placement}", "/data")
        spec = InstanceSpec(placement, "d1", 0, artifact, environment=environment, volumes=(volume,))
        instance = self.runtime.ensure_started(spec, NullProgress())
        _answers(instance)
        return instance

    def pids(self, instance: Instance) -> list[int]:
        state = json.loads((self.runtime.places.instance(instance.name) / "state.json").read_text())
        return [state["minder"][0], state["app"][0]]

    def targets(self, evil: Instance, other: Instance, **more: list[Any]) -> Answer:
        places = self.runtime.places
        volume = places.volume("files-of-other.test") / "kept"
        mine, theirs = places.instance(evil.name), places.instance(other.name)
        files = [*self.secrets, volume, theirs / "work/app/main.py", theirs / "logs/output.log", mine / "state.json"]
        folders = [self.data, self.data / "bundles", theirs, volume.parent, places.home("other.test"), mine]
        return {
            "files": [*map(str, files), "/etc/shadow"],
            "folders": list(map(str, folders)),
            "pids": [os.getpid(), self.pids(evil)[0], *self.pids(other)],
            "ports": [int(other.address.rpartition(":")[2]), *more.get("ports", [])],
            "sockets": more.get("sockets", []),
            "words": [SECRET],
            "variables": ["FAIRWAY_STAGE", "DATABASE_PASSWORD"],
        }

    def attack(self) -> tuple[Answer, Answer]:
        """(what worked as it should, what the attacker reached)."""
        os.environ["FAIRWAY_STAGE"] = "not the application's business"
        with ExitStack() as stack:
            web = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            port = int(web.getsockname()[1])
            (self.data / "run" / "fairway.json").write_text(json.dumps({"port": port}))
            admin = stack.enter_context(socket.socket(socket.AF_UNIX))
            admin.bind(str(self.data / "caddy" / "admin.sock"))
            admin.listen()
            evil, other = stack.enter_context(self.applications())
            post(other, "/work", {})  # which leaves a file in its volume
            worked = post(evil, "/work", {})
            targets = self.targets(evil, other, ports=[port], sockets=[str(self.data / "caddy" / "admin.sock")])
            before = _looks(self.data)
            reached = post(evil, "/attack", targets)
            return worked, {**reached, "changed": sorted(_looks(self.data) ^ before)}


def post(instance: Instance, path: str, content: Answer) -> Answer:
    request = urllib.request.Request(f"http://{instance.address}{path}", json.dumps(content).encode())
    with urllib.request.urlopen(request, timeout=240) as answer:
        found: Answer = json.loads(answer.read())
    return found


def _answers(instance: Instance) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"http://{instance.address}/", timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"{instance.name} does not answer")


def _looks(data: Path) -> set[str]:
    """Names, modes and owners of what is Fairway's or the other application's."""
    found = {place for place in data.rglob("*") if "evil.test" not in str(place) and "__pycache__" not in str(place)}
    return {f"{place} {place.lstat().st_mode:o} {place.lstat().st_uid}" for place in {data, *found}}


def main(folder: str, landlock_only: str) -> None:
    if landlock_only == "yes":
        here = known.abilities()
        known.abilities.cache_clear()
        lesser = Abilities(here.landlock)
        for module in list(sys.modules.values()):
            if getattr(module, "abilities", None) is known.abilities and module is not known:
                module.abilities = lambda: lesser  # type: ignore[attr-defined]
    worked, reached = Stage(Path(folder)).attack()
    print(json.dumps({"worked": worked, "reached": reached}))


if __name__ == "__main__":
    main(*sys.argv[1:])
