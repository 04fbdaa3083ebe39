"""The walls around what a build runs: install and build scripts are somebody else's code, like the application itself.

A build writes only into its own staging folder and into package caches that belong to its application alone, so that the
scripts of one application cannot change what another application's build trusts.
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
    """The walls around the builds of the application with the slug `name`, in the data directory `data`."""

    data: Path
    name: str

    def cache(self, kind: str) -> Path:
        """The application's own package cache of that kind (``uv``, ``npm``); it is created and marked as used."""
        folder = self.data / "cache" / kind / self.name
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        os.utime(folder)
        return folder

    @property
    def are_owned(self) -> bool:
        """Whether builds run as a user of their own. If they do not, scripts could change a cached file through a hard
        link to it, so files are copied wherever scripts can reach them."""
        return abilities().own_user

    def order(
        self, program: str, environment: Mapping[str, str], *, staging: Path, also: Sequence[Path], reads: Sequence[Path]
    ) -> dict[str, Any]:
        """The order for `enclosure` that walls in `program`. The build may write to `staging`, `also` and the caches,
        whose files become its user's, and read `reads`."""
        writes = [staging, self.cache("uv"), self.cache("npm"), *also]
        user = None
        if self.are_owned:
            user = Users(self.data / "process" / "users").of(f"build.{self.name}")
            owners.hand_over(self.cache("uv"), user)
            owners.hand_over(self.cache("npm"), user)
            for path in (staging, *also):
                owners.take_back(path, user)
        found = shutil.which(program, path=environment["PATH"]) or program
        paths = homes_of([found], environment["PATH"], private=self.data)
        closed = (*ports.CLOSED, *fairways(self.data))
        need = plan.Need(
            reads=(*paths, *reads),
            writes=tuple(writes),
            temporary=Path(environment["TMPDIR"]),
            closed=closed,
            group=group_of(self.data, self._group, closed),
        )
        return plan.order(abilities(), need, data=self.data, user=user)

    @property
    def _group(self) -> str:
        """The name of a group for each running tool, so that it can be removed when that tool has ended."""
        return f"build.{self.name}.{os.getpid()}-{threading.get_ident()}"

    def forget(self) -> None:
        """Remove the group of the last order: nothing runs behind it any more."""
        Groups(self.data).remove(self._group)

    def take_back(self, folder: Path) -> None:
        """Give the result of a build to Fairway's own user, so that no later build can change it."""
        if self.are_owned:
            owners.take_back(folder, os.geteuid(), all_names=True)


def lend(environment: Mapping[str, str], home: Path) -> tuple[dict[str, str], tuple[Path, ...]]:
    """The environment and the folders it names, for a build whose user may not read the operator's own files. Files that
    others cannot read (an ``.npmrc``) are copied into `home`, and the environment names the copies."""
    lent, folders = dict(environment), []
    for name, value in environment.items():
        path = Path(value)
        if name in ("PATH", "HOME", "TMPDIR") or not value.startswith("/") or path.is_relative_to(home):
            continue
        if path.is_file() and not path.stat().st_mode & 0o004:
            copy = home / f".lent-{name.lower()}"
            shutil.copyfile(path, copy)
            copy.chmod(0o600)
            lent[name] = str(copy)
        elif path.exists():
            folders.append(path)
    return lent, tuple(folders)
