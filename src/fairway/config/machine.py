"""Stops everything of this machine's Fairway.

By its folders alone, without Django and its database: that would take ten times as long, and could not be done while a
database is away.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from fairway.drivers.hosts.tunnel import close_all
from fairway.drivers.proxy.caddy import FoundCaddy


def stop_everything(data: Path) -> None:
    """Stop the applications of this machine's runtimes, then their resources, and the proxy, and close the tunnels to other
    hosts; volumes, data and containers are kept. What cannot be stopped does not keep the others: its failure is raised at
    the end.

    The wanted state of placements and resources is not changed, so the next ``fairway up`` starts them again.
    """
    with ExitStack() as last_first:
        last_first.callback(close_all, data)
        last_first.callback(FoundCaddy(data / "caddy").stop)
        last_first.callback(_stop_resources, data)
        last_first.callback(_stop_applications, data)


def _stop_applications(data: Path) -> None:
    instances = data / "process" / "instances"
    if not (instances.is_dir() and any(instances.iterdir())):
        return
    from fairway.drivers.runtimes.process.runtime import ProcessRuntime

    runtime = ProcessRuntime(data)
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(lambda one: runtime.ensure_stopped(one.name), runtime.instances()))


def _stop_resources(data: Path) -> None:
    """Every server, whatever kind it is: its shim knows how it wants to be asked."""
    folders = data / "resources"
    names = [place.name for place in folders.iterdir() if place.name[0] != "."] if folders.is_dir() else []
    if not names:
        return
    from fairway.drivers.resources.supervised import Supervised

    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(lambda name: Supervised(data, name).ensure_stopped(), names))
