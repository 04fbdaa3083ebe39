"""Which folders a program needs besides its own file: a Python or Node outside the system's folders has libraries beside
it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path


def homes_of(programs: Iterable[str], search: str, *, private: Path) -> tuple[Path, ...]:
    """The folders to read for these programs and for all programs on the search path `search`. Folders that contain
    Fairway's data (`private`) or our home folder are left out."""
    starts = [Path(program) for program in programs if os.path.exists(program)]
    folders = [Path(folder) for folder in search.split(":") if os.path.isdir(folder)]
    found = {path for start in starts for path in (start.resolve(), *_home(start.resolve().parent))}
    found |= {path for folder in folders for path in (folder.resolve(), *_home(folder.resolve()))}
    found |= {Path(sys.base_prefix).resolve()}
    return tuple(sorted(path for path in found if _is_harmless(path, private.resolve())))


def _home(folder: Path) -> tuple[Path, ...]:
    """``<prefix>`` if `folder` is ``<prefix>/bin`` and the libraries are in ``<prefix>/lib``."""
    home = folder.parent
    is_one = folder.name == "bin" and (home / "lib").is_dir() and home.name != ".local"
    return (home,) if is_one else ()


def _is_harmless(path: Path, private: Path) -> bool:
    people = Path(os.path.expanduser("~")).resolve()
    return not private.is_relative_to(path) and not people.is_relative_to(path)
