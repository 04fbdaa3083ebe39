"""Turns what a program needs and what this machine can do into the order for `enclosure`. Reads folders, changes nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fairway.drivers.wall.abilities import Abilities

# This machine's programs and the files they need to start. An administrator can add other folders.
SYSTEM: Final = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/nix", "/gnu", "/snap", "/sys"),
    "/var/cache/fontconfig",
)
READABLE: Final = ("/proc",)  # never writable, because the application's user may be Fairway's, too
USABLE: Final = ("/dev",)
# The parts of /run that programs see: for resolving names, the sockets of this machine's databases, NixOS' programs.
RUN: Final = (
    *("/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager", "/run/nscd", "/run/current-system"),
    *("/run/opengl-driver", "/run/postgresql", "/run/mysqld", "/run/redis", "/run/valkey"),
)
SKELETON: Final = "mode=0755,size=4m"
SCRATCH: Final = "mode=1777,size=25%"
TEMPORARY: Final = ("/tmp", "/var/tmp")  # noqa: S108
SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108


@dataclass(frozen=True)
class Need:
    """What one program must reach: folders it reads (and executes from), folders it writes to, and its own temporary folder.
    `closed` are the ports it must not reach, as (first, last). `group` is a control group to which they are closed already.
    """

    reads: tuple[Path, ...]
    writes: tuple[Path, ...]
    temporary: Path
    closed: tuple[tuple[int, int], ...] = ()
    group: str = ""


def order(here: Abilities, need: Need, *, data: Path, user: int | None) -> dict[str, Any]:
    """The walls to put up around one program. `user` is its own user id, None for ours."""
    reads, writes = _real(need.reads), _real((*need.writes, need.temporary))
    wanted: dict[str, Any] = {}
    if here.view:
        wanted["view"] = _view(reads, writes, need.temporary.resolve(), data.resolve(), as_user=here.view == "user")
    if need.group:
        wanted["group"] = need.group
    if here.landlock:
        wanted["landlock"] = _landlock(here, reads, writes, need)
    if os.geteuid() == 0:
        uid, gid = (user, user) if user is not None else (0, os.getegid())
        wanted["user"] = [uid, gid]
    return {**wanted, "walled": True}


def without(closed: Iterable[tuple[int, int]], port: int) -> tuple[tuple[int, int], ...]:
    """These ranges of ports without `port`, the program's own."""
    parts: list[tuple[int, int]] = []
    for first, last in closed:
        if first <= port <= last:
            parts += [part for part in ((first, port - 1), (port + 1, last)) if part[0] <= part[1]]
        else:
            parts.append((first, last))
    return tuple(parts)


def _real(paths: Iterable[Path]) -> list[str]:
    return sorted({str(path.resolve()) for path in paths if path.exists()})


def _view(reads: list[str], writes: list[str], temporary: Path, data: Path, *, as_user: bool) -> dict[str, Any]:
    needed = [*reads, *writes]
    hidden = {str(data), *_private_folders(as_user)}
    hidden |= set() if as_user else {top for path in needed if (top := _first_closed(path))}
    covered = [(path, SKELETON) for path in sorted(hidden) if not _below(path, [*hidden - {path}, *TEMPORARY, "/run"])]
    is_inside = any(_below(path, TEMPORARY) for path in needed)
    covered += [(path, SCRATCH if is_inside else str(temporary)) for path in TEMPORARY]
    covered += [("/run", SKELETON), (SHARED_MEMORY, SCRATCH)]
    tops = [path for path, _ in covered]
    shown = [(path, "write") for path in writes if _below(path, tops)]
    shown += [(path, "read") for path in (*reads, *RUN) if _below(path, tops) and not _below(path, writes)]
    return {"as_user": as_user, "covered": covered, "shown": sorted(_outermost(shown), key=lambda one: one[0].count("/"))}


def _private_folders(as_user: bool) -> set[str]:
    """The home folder of Fairway's user, if the program runs as that user."""
    home = os.path.realpath(os.path.expanduser("~"))
    return {home} if as_user and home != "/" and os.path.isdir(home) else set()


def _first_closed(path: str) -> str:
    """The topmost folder above `path` that other users may not pass through; "" if there is none."""
    closed = (folder for folder in reversed(Path(path).parents) if not folder.stat().st_mode & 0o001)
    return next((str(folder) for folder in closed if str(folder) != "/"), "")


def _outermost(shown: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Leave out each path that appears anyway with a folder above it. A writable path inside a folder that may only be read
    stays."""
    return [
        (path, way)
        for path, way in shown
        if not any(_below(path, [other]) and (kind == way or kind == "write") for other, kind in shown if other != path)
    ]


def _below(path: str, tops: Iterable[str]) -> bool:
    return any(path == top or path.startswith(top.rstrip("/") + "/") for top in tops)


def _landlock(here: Abilities, reads: list[str], writes: list[str], need: Need) -> dict[str, Any]:
    own = (*TEMPORARY, *RUN) if here.view else ()
    paths = [(path, "read") for path in (*SYSTEM, *READABLE, *reads, *(RUN if here.view else ()))]
    paths += [(path, "use") for path in USABLE]
    paths += [(path, "write") for path in (SHARED_MEMORY, *writes, *(path for path in own if path in TEMPORARY))]
    return {"version": here.landlock, "paths": paths, "ports": [] if need.group else [list(pair) for pair in need.closed]}
