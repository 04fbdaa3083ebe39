"""What a running container's inspection does not tell: which program runs first, and what it last ended with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from docker import errors

from fairway.drivers.runtimes.docker import plan, readback
from fairway.drivers.runtimes.docker.daemon import Daemon
from fairway.shared.failures import Failure


def running_first(daemon: Daemon, container: Mapping[str, Any]) -> str:
    """The program that runs before the application in a container that has a launcher. Costs nothing in any other."""
    command = container["Config"].get("Cmd") or ()
    if not any(word.startswith(plan.LAUNCHERS) for word in command):
        return ""
    try:
        with daemon.asking("list a container's processes") as api:
            return plan.running_first(api.top(container["Id"]), command)
    except (errors.NotFound, Failure):  # it ended meanwhile
        return ""


def last_exit_code(daemon: Daemon, container: Mapping[str, Any]) -> int | None:
    """The code a container ended with before it was started again. The Engine's state forgets it; its events keep it while
    they are among the last 256 (moby ``daemon/events``).

    Both ends of the time asked for are the Engine's own: where its clock is behind ours, it would wait for our present.
    """
    since, until = readback.moment(container["Created"]), readback.moment(container["State"].get("StartedAt", ""))
    if since is None or until is None:
        return None
    chosen = {"container": container["Id"], "event": "die"}
    with daemon.asking("read a container's events") as api:
        events = api.events(since=int(since.timestamp()), until=until.timestamp(), filters=chosen, decode=True)
        codes = [str(event["Actor"]["Attributes"].get("exitCode", "")) for event in events]
    return int(codes[-1]) if codes and codes[-1] else None
