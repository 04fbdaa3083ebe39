"""The Pythons that applications are built with: those of this machine, and those that are fetched if an application asks for
one.

Fetched Pythons lie in ``<data>/pythons/``, one folder per version, which is read-only once it is made; bundles link to it.
The Python that Fairway runs with is used wherever it fits, so that nothing is fetched without need.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import uv
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from fairway.drivers.builders.layers import erase, locked, protect
from fairway.drivers.builders.running import Ceiling, Finished, run
from fairway.drivers.builders.surroundings import build_environment
from fairway.drivers.runtimes.contract import NullProgress, Progress
from fairway.shared.failures import NeedsPerson, Refused

DOWNLOADS = ("on", "off", "only")
_NAME = re.compile(r"python(?P<minor>3\.\d+)")
_SLOWEST_DOWNLOAD = 300.0  # seconds
# Short timeouts (in seconds) and one retry, so that a machine without internet access fails soon.
_HURRIED = {"UV_HTTP_TIMEOUT": "10", "UV_HTTP_CONNECT_TIMEOUT": "5", "UV_HTTP_RETRIES": "1"}


@dataclass(frozen=True)
class PythonSource:
    """Whether Pythons may be fetched, and from where. `downloads` is ``on``, ``off``, or ``only``; with ``only``
    applications get fetched Pythons and never this machine's. `mirror` is the address of a folder laid out like the
    releases of python-build-standalone, or of a list of downloads (which ends in ``.json``); "" means uv's default.
    Raises `NeedsPerson` for another value of `downloads`.
    """

    downloads: str = "on"
    mirror: str = ""

    def __post_init__(self) -> None:
        if self.downloads not in DOWNLOADS:
            raise NeedsPerson(
                f"FAIRWAY_PYTHON_DOWNLOADS is “{self.downloads[:40]}”; set it to one of {', '.join(DOWNLOADS)}, and start "
                "Fairway again."
            )


@dataclass(frozen=True)
class Interpreter:
    """One Python: the path of its program, and its full version."""

    path: str
    version: str


class Pythons:
    """The Pythons that builds of one data directory can use."""

    def __init__(self, data: Path, source: PythonSource) -> None:
        self.place = data / "pythons"
        self._data = data
        self._source = source
        self._versions: dict[str, str] = {}

    def provide(self, asked: str, file: str, progress: Progress) -> Interpreter:
        """The Python that an application asks for (``3.12``, ``>=3.11``, "" for any). It is fetched if it is not on this
        machine.

        `file` names the file that asks for it, for the error message. Raises `Refused` if `asked` is no version,
        `NeedsPerson` if there is no such Python.
        """
        wanted = wanted_versions(asked)
        own = Interpreter(str(getattr(sys, "_base_executable", sys.executable)), ".".join(map(str, sys.version_info[:3])))
        is_only = self._source.downloads == "only"
        if is_only and not asked:
            wanted = wanted_versions(asked := ".".join(own.version.split(".")[:2]))
        if not is_only and wanted.contains(own.version, prereleases=True):
            return own
        found: Interpreter | Finished | None = self._newest(wanted)
        if found is None and self._source.downloads != "off":
            # This lock lies elsewhere, because uv locks the folder of Pythons itself.
            with locked(self._data / "cache" / ".pythons.lock", progress):
                found = self._newest(wanted) or self._fetched(asked, wanted, progress)
        if isinstance(found, Interpreter):
            self._touch(found)
            return found
        raise self._missing(asked, file, own, found)

    def trim(self, using: Iterable[Path], *, older_than: float) -> None:
        """Delete fetched Pythons that no build used for `older_than` seconds and to which none of the environments in
        `using` links."""
        linked = {link.resolve() for path in using for link in (path / "bin").glob("python*") if link.is_symlink()}
        for path in sorted(self.place.glob("cpython-*")):
            is_used = any(program.is_relative_to(path.resolve()) for program in linked)
            if not is_used and path.stat().st_mtime < time.time() - older_than:
                erase(path)

    def _touch(self, python: Interpreter) -> None:
        """Mark a fetched Python as used: a build that has just begun has no environment that links to it yet."""
        folder = Path(python.path).parent.parent
        if folder.parent == self.place:
            os.utime(folder)

    def _missing(self, asked: str, file: str, own: Interpreter, failed: Finished | None) -> NeedsPerson:
        known = {python.version for python in self.here()} | ({own.version} if self._source.downloads != "only" else set())
        shown = ", ".join(sorted(known, key=Version)) or "none"
        why = "downloads of Python are turned off (FAIRWAY_PYTHON_DOWNLOADS)"
        if failed is not None:
            why = f"it could not be downloaded ({_reason(failed)})"
        says = f" in {file}" if file else ""
        return NeedsPerson(
            f"The application asks for Python {asked}{says}, which is not on this machine (here: {shown}), and {why}. "
            f"Install it here, or change {file or 'requires-python or .python-version'}.",
            detail=failed.detail if failed else "",
        )

    def here(self, wanted: SpecifierSet | None = None) -> Iterator[Interpreter]:
        """All Pythons on this machine, fetched ones first. With `wanted`, only those whose minor version may fit."""
        seen = set()
        for folder in self._folders():
            for program in sorted(folder.glob("python3.*")) if folder.is_dir() else ():
                real = os.path.realpath(program)
                named = _NAME.fullmatch(program.name)
                if named and real not in seen and os.access(program, os.X_OK) and _may_be(named["minor"], wanted):
                    seen.add(real)
                    if version := self._version_of(str(program)):
                        yield Interpreter(str(program), version)

    def _folders(self) -> list[Path]:
        """Folders that may hold Pythons. Folders of shims are left out: a shim starts whichever version a user set for
        the shell."""
        fetched = [folder / "bin" for folder in sorted(self.place.glob("cpython-*")) if not folder.is_symlink()]
        if self._source.downloads == "only":
            return fetched
        home = Path(os.environ.get("HOME") or "/nonexistent")
        roots = (Path(os.environ.get("PYENV_ROOT") or home / ".pyenv"), home / ".local/share/uv/python")
        kept = [
            folder / "bin" for folder in (*sorted((roots[0] / "versions").glob("3*")), *sorted(roots[1].glob("cpython-*")))
        ]
        named = [Path(folder) for folder in os.environ.get("PATH", "").split(":") if folder]
        usual = [Path("/usr/local/bin"), Path("/usr/bin"), *sorted(Path("/opt").glob("*ython*/bin"))]
        own = Path(sys.prefix) / "bin"
        return [*fetched, *(folder for folder in (*named, *usual, *kept) if folder.name != "shims" and folder != own)]

    def _newest(self, wanted: SpecifierSet) -> Interpreter | None:
        fitting = [python for python in self.here(wanted) if wanted.contains(python.version)]
        return max(fitting, key=lambda python: Version(python.version), default=None)

    def _fetched(self, asked: str, wanted: SpecifierSet, progress: Progress) -> Interpreter | Finished:
        """Fetch the Python; if that fails, returns how uv ended."""
        progress.line(f"Python {asked} is not on this machine: it is downloaded once, for all applications.")
        self.place.mkdir(parents=True, mode=0o700, exist_ok=True)
        mirror = self._source.mirror
        option = "--python-downloads-json-url" if mirror.partition("?")[0].endswith(".json") else "--mirror"
        finished = self._ask(
            *(uv.find_uv_bin(), "python", "install", "--no-bin", "--no-cache", "--no-progress"),
            *("--install-dir", str(self.place), *((option, mirror) if mirror else ()), _request(asked)),
            seconds=_SLOWEST_DOWNLOAD,
            progress=progress,
        )
        found = self._newest(wanted) if not finished.code else None
        if found is None:
            return finished
        protect(Path(found.path).parent.parent)
        for path in self.place.iterdir():
            # Links for minor versions would later point to another patch version under the bundles that use them.
            if path.is_symlink():
                path.unlink()
        return found

    def _version_of(self, program: str) -> str:
        """The version of a CPython; "" for another implementation or a program that does not run."""
        if program not in self._versions:
            words = "import sys; print(sys.implementation.name, '.'.join(map(str, sys.version_info[:3])))"
            kind, _, version = self._ask(program, "-S", "-I", "-c", words).output.strip().partition(" ")
            self._versions[program] = version if kind == "cpython" and re.fullmatch(r"3\.\d+\.\d+", version) else ""
        return self._versions[program]

    def _ask(self, *argv: str, seconds: float = 60.0, progress: Progress | None = None) -> Finished:
        home = self._data / "cache" / "home"
        home.mkdir(parents=True, exist_ok=True)
        environment = {"UV_PYTHON_DOWNLOADS": "manual", "UV_COMPILE_BYTECODE": "1", **_HURRIED, **build_environment(home)}
        return run(
            argv,
            cwd=home,
            env=environment,
            progress=Checking(progress) if progress else NullProgress(),
            ceiling=Ceiling(seconds),
            keep_output=True,
        )


class Checking(NullProgress):
    """A progress that drops all output but still raises when the work is cancelled."""

    def __init__(self, progress: Progress) -> None:
        self.check = progress.check  # type: ignore[method-assign]


def _may_be(minor: str, wanted: SpecifierSet | None) -> bool:
    """Whether some patch of a minor version is wanted. This saves starting the program, which takes a while."""
    return wanted is None or any(wanted.contains(f"{minor}.{patch}") for patch in range(100))


def wanted_versions(asked: str) -> SpecifierSet:
    """The versions that a request allows. ``3.11.4`` asks for 3.11, because its newest patch has the security fixes.
    Raises `Refused` if it is no version."""
    exact = re.fullmatch(r"(\d+(?:\.\d+)?)(?:\.\d+)?", asked)
    try:
        return SpecifierSet(f"=={exact[1]}.*" if exact else asked)
    except InvalidSpecifier:
        raise Refused(f"“{asked[:80]}” is not a Python version; correct requires-python or .python-version.") from None


def _request(asked: str) -> str:
    """The request in the form that uv expects."""
    exact = re.fullmatch(r"(\d+\.\d+)\.\d+", asked)
    return exact[1] if exact else asked


def _reason(finished: Finished) -> str:
    """The line of uv's output that says most, without its prefix."""
    lines = [re.sub(r"^(?:error|cause|Caused by)\s*:\s*", "", line.strip()) for line in finished.tail if line.strip()]
    plain = [line for line in lines if not line.startswith(("hint", "warning"))]
    return (plain or ["uv gave no reason"])[-1].rstrip(".")[:200]
