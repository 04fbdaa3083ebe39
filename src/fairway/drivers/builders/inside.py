"""Checks that the paths a source names in requirement files, project files, lock files and settings lie inside it.

A package manager reads the files that it is pointed at and quotes what it cannot parse. Through a path that leaves the
source, the log would show files of this machine. The walls (`walls`) prevent that, too; the check here tells the person who
wrote the path its file and line. These functions only read.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import unquote

from fairway.shared.failures import Refused
from fairway.shared.source_text import read_source

_URL = re.compile(r"[a-z][a-z0-9+.-]+:", re.I)
_LOCAL_URL = re.compile(r"(?:file|link|portal|workspace|git\+file|hg\+file|svn\+file|bzr\+file):", re.I)
SHOWN = 80  # characters of a value that are shown in a sentence


@dataclass(frozen=True)
class Source:
    """The folder of an application. No path in its files may lead out of it."""

    folder: Path

    def text(self, name: str) -> str | None:
        """The text of a file; None if it does not exist, is no regular file, or lies outside."""
        path = self.folder / name
        if not path.is_file() or not self.holds(path):
            return None
        return read_source(path)

    def holds(self, path: Path) -> bool:
        """Whether a path lies inside once all links are resolved."""
        return Path(os.path.realpath(path)).is_relative_to(self.folder.resolve())

    def check(self, value: str, *, file: str, line: int) -> None:
        """Raises `Refused` for a path or a ``file:`` URL that leaves the source. Relative paths start at the folder of
        `file`. Values that are no paths are accepted."""
        path = local_path(value)
        if path is None:
            return
        if "$" in path or path.startswith("~") or not self.holds((self.folder / file).parent / path):
            self.refuse(value, "leads out of the source; put what it names into the source", file=file, line=line)

    def refuse(self, value: str, why: str, *, file: str, line: int) -> NoReturn:
        """Raises `Refused`, with a sentence that names the file, the line and the value."""
        raise Refused(f"{file}, line {line}: “{value.strip()[:SHOWN]}” {why}.")


def local_path(value: str) -> str | None:
    """The path that a value stands for: the one of a ``file:`` URL, or the value itself. None for other URLs."""
    text = value.strip()
    if _LOCAL_URL.match(text):
        rest = unquote(
            text.partition(":")[2]
            if not text.lower().startswith(("git+", "hg+", "svn+", "bzr+"))
            else text[text.index(":") + 1 :]
        )
        return re.sub(r"^//(?:localhost)?(?=/)", "", rest).partition("#")[0].partition("?")[0]
    if _URL.match(text) and not re.match(r"[a-z]:[\\/]", text, re.I):
        return None
    return text


def is_path(value: str) -> bool:
    """Whether the version of a dependency is a path, and not a version, a tag or a repository (``user/name``)."""
    if re.match(r"(?:\.{1,2}(?:[\\/]|$)|[\\/]|~[\\/]|[a-z]:[\\/])", value, re.I) or _LOCAL_URL.match(value):
        return True
    return not _URL.match(value) and ".." in re.split(r"[\\/]", value)


def line_of(text: str, value: str) -> int:
    """The number of the first line that contains a value, for error messages; 1 if the file writes it in another form."""
    forms = (value, value.replace("\\", "\\\\"), value.replace("/", "\\/"))
    return next((number for number, line in enumerate(text.splitlines(), 1) if any(form in line for form in forms)), 1)
