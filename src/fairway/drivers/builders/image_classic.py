"""Builds with the Engine's classic builder over its API, for machines whose Docker client has no ``docker buildx``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any

from fairway.drivers.builders.image_plan import ImageBuild, build_failure, keep
from fairway.drivers.builders.running import SHOWN_LINES
from fairway.drivers.runtimes.contract import Progress
from fairway.drivers.runtimes.docker.daemon import Daemon
from fairway.drivers.runtimes.docker.streams import json_lines
from fairway.shared.failures import Failure, Refused

NAME = "classic builder"
RED, PLAIN = "\x1b[91m", "\x1b[0m"
CPU_PERIOD = 100_000  # microseconds; the kernel's default


def query(build: ImageBuild) -> dict[str, str]:
    """The parameters of ``POST /build`` (Engine API 1.41, ``ImageBuild``)."""
    return {
        "t": build.tag,
        "dockerfile": build.dockerfile,
        "target": build.target,
        "buildargs": json.dumps(dict(build.arguments)),
        "labels": json.dumps(dict(build.labels)),
        "networkmode": build.network,
        "memory": str(build.limits.memory_bytes),
        "memswap": str(build.limits.memory_bytes),
        "cpuperiod": str(CPU_PERIOD),
        "cpuquota": str(round(build.limits.cpus * CPU_PERIOD)),
        "rm": "true",
        "forcerm": "true",
    }


def run(daemon: Daemon, build: ImageBuild, context: IO[bytes], progress: Progress, check: Callable[[], None]) -> str:
    """Build and return the image's id. If `check` raises, the connection is closed, which makes the Engine stop the build
    and remove its container. Raises the failure that `build_failure` returns if the build fails."""
    last: list[str] = []
    image_id = ""

    def explain(text: str, status: int | None) -> Failure:
        return build_failure(text, last, build.limits)

    with daemon.asking("build an image", explain):
        headers = {"Content-Type": "application/x-tar"}
        with daemon.stream("POST", "/build", query=query(build), headers=headers, body=context) as stream:
            for event in json_lines(stream.chunks(check)):
                if "error" in event:
                    raise explain(_error(event), None)
                image_id = str((event.get("aux") or {}).get("ID") or image_id)
                for name, line in lines(event):
                    progress.line(line, stream=name)
                    keep(last, line)
    if not image_id:
        raise Refused("The build ended without an image.", detail="\n".join(last[-SHOWN_LINES:]))
    return image_id


def lines(event: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(stream, line) for each log line of one event: the output of a step, and the first and last lines of pulling a base
    image.

    The classic builder marks output on stderr by painting it red; here the stream's name says so instead.
    """
    text = str(event.get("stream", ""))
    is_error = text.startswith(RED)
    text = text.removeprefix(RED).removesuffix(PLAIN) if is_error else text
    yield from (("stderr" if is_error else "stdout", line) for line in text.splitlines() if line.strip())
    if "status" in event and "progressDetail" not in event and not event.get("id"):
        yield "stdout", str(event["status"])


def _error(event: Mapping[str, Any]) -> str:
    return str((event.get("errorDetail") or {}).get("message") or event["error"])
