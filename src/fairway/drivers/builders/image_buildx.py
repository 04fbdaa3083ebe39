"""Builds with BuildKit through ``docker buildx``: started from an argv list, with the context on stdin and an environment
that no source can change.

Dockerfiles with ``RUN --mount`` need BuildKit. The Engine's API offers BuildKit only over a session protocol that no Python
client implements; the client program does. Build arguments are passed in the argv with name and value: if they were taken
from the environment (``--build-arg NAME``), the ``PATH``, ``LD_PRELOAD`` or ``DOCKER_CONFIG`` of a compose file would apply
to the client itself. Build arguments are no secrets: Docker keeps them in the image's history.
"""

from __future__ import annotations

import os
import queue
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

from fairway.drivers.builders.image_plan import ImageBuild, build_failure, keep
from fairway.drivers.runtimes.contract import Progress
from fairway.drivers.runtimes.docker.streams import POLL_SECONDS

NAME = "buildx"
LOOK_SECONDS: Final = 10
STOP_SECONDS: Final = 10
_KEPT_VARIABLES: Final = ("PATH", "HOME", "DOCKER_CONFIG", "XDG_RUNTIME_DIR", "TMPDIR", "LANG")


def is_present(client: str = "docker") -> bool:
    """Whether the Docker client on this machine has the buildx plugin."""
    program = shutil.which(client)
    if program is None:
        return False
    try:
        argv = [program, "buildx", "version"]
        asked = subprocess.run(argv, capture_output=True, env=client_environment(), timeout=LOOK_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


def argv(build: ImageBuild, *, id_file: Path, client: str = "docker") -> list[str]:
    """The command. BuildKit has no limits of memory and CPU for a build, so none are passed; the caller logs that."""
    arguments = [part for name, text in sorted(build.arguments.items()) for part in ("--build-arg", f"{name}={text}")]
    labels = [part for name, text in sorted(build.labels.items()) for part in ("--label", f"{name}={text}")]
    target = ["--target", build.target] if build.target else []
    return [
        *(client, "buildx", "build", "--progress", "plain", "--load", "--provenance", "false"),
        *("--iidfile", str(id_file), "--tag", build.tag, "--file", build.dockerfile, "--network", build.network),
        *(*target, *arguments, *labels, "-"),
    ]


def client_environment(host: str = "") -> dict[str, str]:
    """The client's environment: the variables of this process that it needs, and the Engine's address."""
    ours = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    engine = {"DOCKER_HOST": host} if host else {}
    return {**ours, **engine, "DOCKER_BUILDKIT": "1", "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}


def run(
    command: list[str],
    build: ImageBuild,
    *,
    host: str,
    context: IO[bytes],
    progress: Progress,
    check: Callable[[], None],
) -> None:
    """Run the command to its end and log each line of its output. Stops the whole process group if `check` raises. Raises
    the failure that `build_failure` returns if the build fails."""
    process = subprocess.Popen(
        command,
        stdin=context,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=client_environment(host),
        start_new_session=True,
    )
    last: list[str] = []
    with process:
        try:
            _follow(process, progress, check, last)
        finally:
            _stop(process)
    if process.returncode != 0:
        raise build_failure(last[-1] if last else f"buildx ended with code {process.returncode}", last, build.limits)


def _follow(process: subprocess.Popen[bytes], progress: Progress, check: Callable[[], None], last: list[str]) -> None:
    printed: queue.Queue[Any] = queue.Queue()
    reader = threading.Thread(target=_read, args=(process, printed), name="buildx-output", daemon=True)
    reader.start()
    while True:
        check()
        with suppress(queue.Empty):
            line = printed.get(timeout=POLL_SECONDS)
            if line is None:
                process.wait()
                return
            progress.line(line)
            keep(last, line)


def _read(process: subprocess.Popen[bytes], printed: queue.Queue[Any]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        printed.put(line.decode("utf-8", "replace").rstrip("\r\n"))
    printed.put(None)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Send TERM, then KILL, to the whole group unless it has ended. BuildKit stops when its client disconnects."""
    if process.poll() is not None:
        return
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
            return
