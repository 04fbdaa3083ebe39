"""Small source folders for the tests of this package."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

EXAMPLES = Path(__file__).parents[3] / "examples"


def make(folder: Path, files: Mapping[str, str]) -> Path:
    """Write `files` (path → text) below `folder` and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder
