"""The walls around what a build runs: install and build scripts are somebody else's code, like the application itself.

A build writes into its own staging folder and into package caches that belong to its application alone, so that what one
application's scripts do to a cache is trusted by no other application's build.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairway.drivers.runtimes.process import ports
from fairway.drivers.runtimes.process.walls import fairways, group_of
from fairway.drivers.wall import owners, plan
from fairway.drivers.wall.abilities import abilities
from fairway.drivers.wall.groups import Groups
from fairway.drivers.wall.programs import homes_of
from fairway.drivers.wall.users import Users


@dataclass(frozen=True)
class BuildWalls:
    """The walls around the builds of one application (`name`, a slug) in one data directory."""

    data: Path
    name: str

    def cache(self, kind: str) -> Path:
        """The application's own package cache of that kind (``uv``, ``npm``)."""
        place = self.data / "cache" / kind / self.name
        place.mkdir(parents=True, mode=0o700, exist_ok=True)
        os.utime(place)
        return place

    @property
    def are_owned(self) -> bool:
        """Whether builds run as a user of their own. Where not, files that share an inode with a cache could be changed
        through it, so nothing that scripts can reach is linked."""
        return abilities().own_user

    def order(
        self, program: str, environment: Mapping[str, str], *, staging: Path, also: Sequence[Path], reads: Sequence[Path]
    ) -> dict[str, Any]:
        """The order for `enclosure` around one tool; what it writes in is its own from now on."""
        writes = [staging, self.cache("uv"), self.cache("npm"), *also]
        user = None
        if self.are_owned:
            user = Users(self.data / "process" / "users").of(f"build.{self.name}")
            owners.hand_over(self.cache("uv"), user)
            owners.hand_over(self.cache("npm"), user)
            for place in (staging, *also):
                owners.take_back(place, user)
        found = shutil.which(program, path=environment["PATH"]) or program
        places = homes_of([found], environment["PATH"], private=self.data)
        closed = (*ports.CLOSED, *fairways(self.data))
        need = plan.Need(
            reads=(*places, *reads),
            writes=tuple(writes),
            temporary=Path(environment["TMPDIR"]),
            closed=closed,
            group=group_of(self.data, self._group, closed),
        )
        return plan.order(abilities(), need, data=self.data, user=user)

    @property
    def _group(self) -> str:
        """One for each tool that runs, so that each can be forgotten when its tool has ended."""
        return f"build.{self.name}.{os.getpid()}-{threading.get_ident()}"

    def forget(self) -> None:
        """Nothing runs behind the last order any more."""
        Groups(self.data).remove(self._group)

    def take_back(self, place: Path) -> None:
        """Make what a build made Fairway's own, so that no later build can change it."""
        if self.are_owned:
            owners.take_back(place, os.geteuid(), all_names=True)


def lend(environment: Mapping[str, str], home: Path) -> tuple[dict[str, str], tuple[Path, ...]]:
    """The environment with copies of the operator's own files it names (an ``.npmrc``), which a build's user may not read;
    and the folders it names. The copies lie in `home`."""
    lent, folders = dict(environment), []
    for name, value in environment.items():
        place = Path(value)
        if name in ("PATH", "HOME", "TMPDIR") or not value.startswith("/") or place.is_relative_to(home):
            continue
        if place.is_file() and not place.stat().st_mode & 0o004:
            copy = home / f".lent-{name.lower()}"
            shutil.copyfile(place, copy)
            copy.chmod(0o600)
            lent[name] = str(copy)
        elif place.exists():
            folders.append(place)
    return lent, tuple(folders)
