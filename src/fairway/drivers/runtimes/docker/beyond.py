"""What the inspection of a running container does not say: which program runs first, and the exit code of its last end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from docker import errors

from fairway.drivers.runtimes.docker import plan, readback
from fairway.drivers.runtimes.docker.daemon import Daemon
from fairway.shared.failures import Failure


def running_first(daemon: Daemon, container: Mapping[str, Any]) -> str:
    """The program that runs before the application, in a container that has a launcher. Other containers cost no request.

    A container that ended meanwhile starts again with its first program.
    """
    command = container["Config"].get("Cmd") or ()
    if not any(word.startswith(plan.LAUNCHERS) for word in command):
        return ""
    try:
        with daemon.asking("list a container's processes") as api:
            return plan.running_first(api.top(container["Id"]), command)
    except (errors.NotFound, Failure):
        return plan.first_program(command)


def last_exit_code(daemon: Daemon, container: Mapping[str, Any]) -> int | None:
    """The code with which a container ended before it was started again. The Engine's state no longer has it; its events do,
    while they are among the last 256 (moby ``daemon/events``).

    Both limits of the period are the Engine's own times. If its clock is behind ours, it would wait until our present.
    """
    since, until = readback.moment(container["Created"]), readback.moment(container["State"].get("StartedAt", ""))
    if since is None or until is None:
        return None
    chosen = {"container": container["Id"], "event": "die"}
    with daemon.asking("read a container's events") as api:
        events = api.events(since=int(since.timestamp()), until=until.timestamp(), filters=chosen, decode=True)
        codes = [str(event["Actor"]["Attributes"].get("exitCode", "")) for event in events]
    return int(codes[-1]) if codes and codes[-1] else None
