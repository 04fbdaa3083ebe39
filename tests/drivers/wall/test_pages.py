"""The port of Fairway's pages is closed to applications, and open to one that asks Fairway who somebody is."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import pytest

from fairway.drivers.runtimes.contract import ArtifactRef, InstanceSpec, NullProgress
from fairway.drivers.runtimes.process import ProcessRuntime
from fairway.drivers.runtimes.process.bundle import seal
from fairway.drivers.wall.abilities import PORTS, abilities
from tests.services.waiting import wait_for

pytestmark = pytest.mark.skipif(
    not any(layer.name == PORTS and layer.stands for layer in abilities().layers()), reason="ports cannot be closed here"
)
PROGRAM = """
import os, pathlib, socket, time
try:
    socket.create_connection(("127.0.0.1", int(os.environ["PAGES"])), timeout=10).close()
    told = "reached"
except OSError as problem:
    told = f"refused: {problem}"
print(f"the pages were {told}", flush=True)
time.sleep(3600)
"""


def bundle(data: Path) -> ArtifactRef:
    draft = data / "bundles" / ".draft"
    (draft / "app").mkdir(parents=True)
    (draft / "app" / "main.py").write_text(PROGRAM)
    return seal(draft, {"command": ["{python}", "main.py"], "kind": "python"})


def what_it_reached(runtime: ProcessRuntime, artifact: ArtifactRef, pages: int, *, asks: bool) -> str:
    spec = InstanceSpec(
        f"{'asking' if asks else 'other'}.test", "d1", 0, artifact, port=None, environment={"PAGES": str(pages)},
        asks_fairway=asks,
    )  # fmt: skip
    instance = runtime.ensure_started(spec, NullProgress())
    log = runtime.places.instance(instance.name) / "logs" / "output.log"
    wait_for(lambda: log.is_file() and "the pages were" in log.read_text(), "the application has tried")
    return log.read_text()


def test_only_an_application_that_asks_reaches_them(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "run").mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as pages:
        port = pages.getsockname()[1]
        threading.Thread(target=_answer, args=(pages,), daemon=True).start()
        (data / "run" / "web.json").write_text(json.dumps({"port": port}))  # as the process that serves them records it
        runtime = ProcessRuntime.open({}, data=data)
        artifact = bundle(data)
        try:
            assert "the pages were refused" in what_it_reached(runtime, artifact, port, asks=False)
            assert "the pages were reached" in what_it_reached(runtime, artifact, port, asks=True)
        finally:
            for instance in runtime.instances():
                runtime.ensure_removed(instance.name, grace=0.2)


def _answer(pages: socket.socket) -> None:
    while True:
        try:
            pages.accept()[0].close()
        except OSError:
            return
