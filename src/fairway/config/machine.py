"""Stops everything that Fairway runs on this machine.

It reads only the folders of the data directory. With Django and its database it would take ten times as long, and would not
work while the database cannot be reached.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from fairway.drivers.hosts.tunnel import close_all
from fairway.drivers.proxy.caddy import FoundCaddy


def stop_everything(data: Path) -> None:
    """Stop the applications of this machine's runtimes, then their resources and the proxy, and close the tunnels to other
    hosts. Volumes, data and containers are kept. If something cannot be stopped, the rest is stopped all the same, and the
    error is raised at the end.

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
        list(pool.map(lambda instance: runtime.ensure_stopped(instance.name), runtime.instances()))


def _stop_resources(data: Path) -> None:
    """Stop the servers of all resources. The shim of each knows which signal stops it, so the kind does not matter."""
    folders = data / "resources"
    names = [folder.name for folder in folders.iterdir() if folder.name[0] != "."] if folders.is_dir() else []
    if not names:
        return
    from fairway.drivers.resources.supervised import Supervised

    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(lambda name: Supervised(data, name).ensure_stopped(), names))
