"""Programs from the packages of this machine's Debian or Ubuntu, unpacked without root and without installing anything.

``apt-get`` fetches the lists into a folder of Fairway's own, and checks the packages against the distribution's signatures.
Nothing in a package is executed. The libraries that its programs need are unpacked beside them, except libc.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fairway.drivers.builders.layers import erase
from fairway.drivers.builders.running import Ceiling, run
from fairway.drivers.builders.tools import NotOffered, Tools
from fairway.shared.failures import NeedsPerson, Retry
from fairway.shared.translation import translate

PATH = "/usr/bin:/bin:/usr/sbin:/sbin"
LONGEST = Ceiling(900.0)
UNREACHABLE = re.compile(
    r"Could not resolve|Could not connect|Temporary failure|timed out|Unable to connect|Failed to fetch"
)
SYSTEM = re.compile(r"libc6|libc-bin|libperl|.*-perl$|libpam|libsemanage|libsepol|libaudit|libselinux|libdb|libgdbm|libacl")
NAMED = re.compile(r"^'[^']*' ([a-z0-9][a-z0-9+.-]*)_([^_ ]+)_[a-z0-9]+\.deb ", re.M)
VERSION = re.compile(r"^(?:\d+%3a)?([0-9.]+)", re.I)


@dataclass(frozen=True)
class DebianPackage:
    """Packages of a distribution. `version` is the beginning of the version that the first one of them must have."""

    name: str
    version: str
    packages: tuple[str, ...]

    def bring(self, tools: Tools, draft: Path) -> None:
        """Fill `draft`. Raises `Retry` if the distribution cannot be reached, `NeedsPerson` if this machine has no such
        packages, `NotOffered` if they have another version."""
        if not (shutil.which("apt-get", path=PATH) and shutil.which("dpkg-deb", path=PATH)):
            raise NeedsPerson(
                translate(
                    "This server comes from packages of Debian or Ubuntu, and this machine has no apt-get. Run Fairway "
                    "there, or create another kind of resource."
                )
            )
        state = draft / ".apt"
        for folder in ("lists/partial", "archives/partial"):
            (state / folder).mkdir(parents=True)
        (state / "status").touch()  # as if nothing were installed, so that all libraries are named
        try:
            self._unpack(tools, draft, state)
        finally:
            erase(state)

    def _unpack(self, tools: Tools, draft: Path, state: Path) -> None:
        places = (
            *("-o", f"Dir::State={state}", "-o", f"Dir::State::lists={state}/lists", "-o", f"Dir::Cache={state}"),
            *("-o", f"Dir::State::status={state}/status", "-o", "Debug::NoLocking=1"),
            *("-o", "APT::Sandbox::User="),  # the folder is closed to other users
        )
        _run(tools, ("apt-get", *places, "-q", "-o", "APT::Update::Error-Mode=any", "update"), state)
        asked = ("--print-uris", "--no-install-recommends", "-y", "-qq", "install", *self.packages)
        named = NAMED.findall(_run(tools, ("apt-get", *places, *asked), state))
        versions = dict(named)
        found = VERSION.match(versions.get(self.packages[0], ""))
        offered = found[1] if found else ""
        if not offered.startswith(f"{self.version}."):
            raise NotOffered(f"{self.packages[0]}: {offered or 'none'}; wanted: {self.version}")
        wanted = [name for name in versions if name in self.packages or name.startswith(("lib", "zlib", "mariadb"))]
        _run(tools, ("apt-get", *places, "-q", "download", *(name for name in wanted if not SYSTEM.match(name))), state)
        for package in sorted(state.glob("*.deb")):
            _run(tools, ("dpkg-deb", "--extract", str(package), str(draft)), state)


def _run(tools: Tools, argv: Sequence[str], folder: Path) -> str:
    """What the program printed. Raises `Retry` or `NotOffered`."""
    proxies = {
        name: value for name, value in os.environ.items() if name.lower() in {"http_proxy", "https_proxy", "no_proxy"}
    }
    env = {"PATH": PATH, "LC_ALL": "C.UTF-8", "HOME": str(folder), "DEBIAN_FRONTEND": "noninteractive", **proxies}
    done = run(argv, cwd=folder, env=env, progress=tools.progress, ceiling=LONGEST, keep_output=True)
    if done.code and UNREACHABLE.search(done.output):
        raise Retry(
            translate("The packages of this machine's distribution could not be reached; it is tried again."),
            detail=done.detail,
        )
    if done.code:
        raise NotOffered(done.detail)
    return done.output


def libraries(programs: Path) -> str:
    """The folders with the unpacked libraries, for ``LD_LIBRARY_PATH``."""
    return ":".join(str(place) for place in sorted(programs.glob("usr/lib/*-linux-gnu*")))
