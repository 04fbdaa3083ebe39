"""What a source holds that does not go into a bundle or an image. Each function of type `Reason` says why; "" means that it
goes in.

A name alone says little: a folder ``node_modules`` may be a part of a site, ``venv`` may be content, ``env`` an environment.
So folders that a build creates itself are recognized by what lies in them or beside them. A folder that is published as it
is goes in whole, except for version control, byte code, and files that file managers write.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from fairway.shared.left_out import MADE_AGAIN, always_out

BYTE_CODE = "__pycache__"
CACHES = frozenset({BYTE_CODE, ".pytest_cache", ".mypy_cache", ".ruff_cache"})
Reason = Callable[[Path], str]


def of_published(path: Path) -> str:
    """The reason for a folder whose files are served as they are."""
    return always_out(path.name) or (MADE_AGAIN if path.name == BYTE_CODE else "")


def of_source(path: Path) -> str:
    """The reason for the source of a program."""
    is_again = path.name in CACHES or (path / "pyvenv.cfg").is_file()
    return always_out(path.name) or (MADE_AGAIN if is_again else "")


def of_node(path: Path) -> str:
    """The reason for a source whose packages npm installs."""
    is_again = path.name == "node_modules" and (path.parent / "package.json").is_file()
    return of_source(path) or (MADE_AGAIN if is_again else "")


HIDDEN = "that are hidden, which visitors are not shown"


def of_shown(path: Path) -> str:
    """The reason for a folder of which only the files shown to visitors go in."""
    return of_published(path) or (HIDDEN if _hides(path.name) else "")


def nothing(path: Path) -> str:
    """No reason, for builds that decide for themselves what they use."""
    return ""


def excluded(root: Path, reason: Reason) -> Iterator[tuple[str, str]]:
    """(relative path, reason) of everything that does not go in. What lies below an excluded folder is not listed."""
    for folder, folders, files in os.walk(root):
        for name in sorted((*folders, *files)):
            if why := reason(Path(folder, name)):
                yield str(Path(folder, name).relative_to(root)), why
        folders[:] = [name for name in folders if not reason(Path(folder, name))]


def hidden_files(published: Path, reason: Reason) -> list[str]:
    """The files that visitors are not shown, because a part of their path begins with a dot. ``.well-known`` is shown."""
    found = []
    for folder, folders, files in os.walk(published):
        folders[:] = sorted(name for name in folders if not reason(Path(folder, name)))
        inside = os.path.relpath(folder, published)
        is_hidden = any(_hides(part) for part in Path(inside).parts)
        for name in sorted(files):
            if (is_hidden or _hides(name)) and not reason(Path(folder, name)):
                found.append(name if inside == "." else f"{inside}/{name}")
    return found


def _hides(name: str) -> bool:
    return name.startswith(".") and name not in (".", ".well-known")
