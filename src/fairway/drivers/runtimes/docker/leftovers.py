"""Finds files that an instance wrote into its container, from the Engine's comparison with the image. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from fairway.drivers.runtimes.contract import Written
from fairway.drivers.runtimes.written import worth_showing

ADDED, DELETED = 1, 2  # kinds of the Engine API's ContainerChanges
ENGINES = ("/.dockerenv", "/sbin/docker-init", "/usr/sbin/docker-init")
SYSTEM = ("/tmp", "/var/tmp", "/run", "/var/run", "/var/cache", "/var/log", "/proc", "/sys", "/dev", "/etc", "/root/.cache")  # noqa: S108 -- named, not used


def written(changes: Iterable[Mapping[str, Any]], *, folder: str, given: Collection[str] = ()) -> tuple[Written, ...]:
    """The files among the changes of a container that runs in `folder`. `given` are the absolute paths that were put there
    by others: files, and the targets of volumes."""
    kinds = {str(change["Path"]): int(change["Kind"]) for change in changes}
    folders = {posixpath.dirname(path) for path in kinds}
    files = [path for path, kind in kinds.items() if kind != DELETED and path not in folders and not _is_others(path, given)]
    names = (_within(path, folder) for path in files)
    shown = worth_showing(names, lambda path: kinds.get(posixpath.join(folder, path)) == ADDED)
    return tuple(replace(file, folder=posixpath.join(folder, file.folder) if file.folder else "") for file in shown)


def _is_others(path: str, given: Collection[str]) -> bool:
    return path in ENGINES or any(path == folder or path.startswith(f"{folder}/") for folder in (*SYSTEM, *given))


def _within(path: str, folder: str) -> str:
    """The path as the application names it: relative to its folder, else absolute."""
    inside = folder.rstrip("/") + "/"
    return path.removeprefix(inside) if path.startswith(inside) else path
