"""Which folders a program needs beside itself: a Python or Node that lies anywhere brings its libraries along."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path


def homes_of(programs: Iterable[str], search: str, *, private: Path) -> tuple[Path, ...]:
    """The folders to read for these programs and for all on the path `search`; none that holds Fairway's data (`private`)
    or is somebody's home."""
    starts = [Path(program) for program in programs if os.path.exists(program)]
    folders = [Path(folder) for folder in search.split(":") if os.path.isdir(folder)]
    found = {place for start in starts for place in (start.resolve(), *_home(start.resolve().parent))}
    found |= {place for folder in folders for place in (folder.resolve(), *_home(folder.resolve()))}
    found |= {Path(sys.base_prefix).resolve()}
    return tuple(sorted(place for place in found if _is_harmless(place, private.resolve())))


def _home(folder: Path) -> tuple[Path, ...]:
    """``<prefix>`` for ``<prefix>/bin`` where the libraries lie beside it."""
    home = folder.parent
    is_one = folder.name == "bin" and (home / "lib").is_dir() and home.name != ".local"
    return (home,) if is_one else ()


def _is_harmless(place: Path, private: Path) -> bool:
    people = Path(os.path.expanduser("~")).resolve()
    return not private.is_relative_to(place) and not people.is_relative_to(place)
