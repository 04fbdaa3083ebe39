"""How the files of a folder import each other: which folder must be on the module path, and which files a file leads to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import PurePosixPath

from fairway.drivers.builders.detection.python_syntax import Source

MOST_FOLLOWED = 200  # files that are followed from one entry at most


class Modules:
    """The files of one folder as modules. `source_of` returns a parsed file."""

    def __init__(self, files: tuple[str, ...], source_of: Callable[[str], Source]) -> None:
        self.files = frozenset(files)
        self._source_of = source_of
        self._below: dict[str, frozenset[str]] = {}

    def place_of(self, file: str) -> tuple[str, str] | None:
        """(folder for the module path, dotted module name) of a file; None if it cannot be imported by a name.

        The folder is the one from which most of the file's imports are found; if several are equal, ``src`` or the topmost.
        """
        folders = [folder for folder in _above(file) if self._is_module(file, folder)]
        level = max((_dots(name) for name in self._source_of(file).needed), default=0)
        inside = [folder for folder in folders if _module(file, folder).count(".") >= level]
        if not folders:
            return None
        folder = max(
            inside or folders[:1],
            key=lambda candidate: (self._found_from(candidate, file), candidate == "src", -len(candidate)),
        )
        return folder, _module(file, folder)

    def needs_on_path(self, file: str) -> str | None:
        """The folder that must be on the module path to run a file as a program; ``.`` for the top. None if nothing must
        be added, for example because it is the file's own folder, which Python adds."""
        location = self.place_of(file)
        if location is None or location[0] == folder_of(file) or not self._found_from(location[0], file):
            return None
        return location[0] or "."

    def file_of(self, module: str, folder: str = "") -> str:
        """The file of a module below `folder`; "" if there is none."""
        path = f"{folder}/{module.replace('.', '/')}".lstrip("/")
        return next((name for name in (f"{path}/__init__.py", f"{path}.py") if name in self.files), "")

    def reached_from(self, file: str, folder: str) -> tuple[str, ...]:
        """The file and all files of the folder that importing it imports."""
        found, waiting = {file: None}, [file]
        while waiting and len(found) < MOST_FOLLOWED:
            current = waiting.pop()
            near = [other for name in self._source_of(current).needed for other in self._named(name, current, folder)]
            waiting += [other for other in dict.fromkeys(near) if other not in found]
            found |= dict.fromkeys(near)
        return tuple(found)

    @cached_property
    def imported(self) -> frozenset[str]:
        """The files that other files of the folder import."""
        return frozenset(
            near
            for file in self.files
            for name in self._source_of(file).needed
            for folder in {"", folder_of(file)}
            for near in self._named(name, file, folder)
            if near != file
        )

    def is_local(self, name: str, file: str, folder: str) -> bool:
        """Whether the top-level module `name`, imported in `file`, belongs to this source."""
        return any(name in self._names_below(parent) for parent in {folder, "", "src", folder_of(file)})

    def _named(self, name: str, file: str, folder: str) -> Iterator[str]:
        """The files that importing `name` executes. The name is dotted; a relative one begins with dots."""
        if dots := _dots(name):
            parents = PurePosixPath(file).parents
            folder = _text(parents[min(dots, len(parents)) - 1])
        parts = name.lstrip(".").split(".")
        for end in range(1, len(parts) + 1):
            if found := self.file_of(".".join(parts[:end]), folder):
                yield found

    def _found_from(self, folder: str, file: str) -> int:
        """How many of the modules that a file imports lie in `folder`."""
        names = {name.partition(".")[0] for name in self._source_of(file).needed if not name.startswith(".")}
        return len(names & self._names_below(folder))

    def _names_below(self, folder: str) -> frozenset[str]:
        """The modules and packages that lie directly in a folder."""
        if folder not in self._below:
            start = f"{folder}/" if folder else ""
            inside = [name.removeprefix(start) for name in self.files if name.startswith(start)]
            self._below[folder] = frozenset(name.partition("/")[0].removesuffix(".py") for name in inside)
        return self._below[folder]

    def _is_module(self, file: str, folder: str) -> bool:
        module = _module(file, folder)
        hidden = f"{file.removesuffix('.py')}/__init__.py" in self.files  # a package hides the module of the same name
        *folders, name = module.split(".")
        # Servers can import a file with a hyphen in its name, although no import statement can.
        return not hidden and all(part.isidentifier() for part in (*folders, name.replace("-", "_")))


def folder_of(file: str) -> str:
    """The folder of a file; "" for the top."""
    return _text(PurePosixPath(file).parent)


def _text(path: PurePosixPath) -> str:
    return "" if path == PurePosixPath(".") else path.as_posix()


def _dots(name: str) -> int:
    return len(name) - len(name.lstrip("."))


def _above(file: str) -> list[str]:
    """The folders that contain a file, the topmost first."""
    return [_text(parent) for parent in reversed(PurePosixPath(file).parents)]


def _module(file: str, folder: str) -> str:
    path = PurePosixPath(file).relative_to(folder or ".").with_suffix("")
    parts = path.parts[:-1] if path.name == "__init__" else path.parts
    return ".".join(parts)
