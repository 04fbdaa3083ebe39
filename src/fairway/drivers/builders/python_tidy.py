"""Removes paths and times from an environment, so that equal content has an equal digest wherever it was made."""

from __future__ import annotations

import os
from pathlib import Path

_LITTER = ("activate", "activate.*", "activate_this.py", "deactivate.bat", "pydoc.bat")


def tidy(venv: Path) -> None:
    """Remove files from a virtual environment that tell where or when it was made."""
    for pattern in _LITTER:
        for script in (venv / "bin").glob(pattern):
            script.unlink()
    # A copy of a module in bin: programs started there would import it instead of the module.
    for program in (venv / "bin").glob("*.py"):
        if any(venv.glob(f"lib/python*/site-packages/{program.name}")):
            program.unlink()
    for name in (".lock", ".gitignore", "CACHEDIR.TAG"):
        (venv / name).unlink(missing_ok=True)
    for record in venv.glob("lib/python*/site-packages/*.dist-info"):
        _tidy_record(record)


def _tidy_record(folder: Path) -> None:
    gone = [name for name in ("uv_cache.json", "direct_url.json") if _is_local(folder / name)]
    for name in gone:
        (folder / name).unlink()
    record = folder / "RECORD"
    if gone and record.is_file():
        lines = record.read_text().splitlines(keepends=True)
        kept = [line for line in lines if not any(f"{folder.name}/{name}," in line for name in gone)]
        draft = record.with_name("RECORD.draft")
        draft.write_text("".join(kept))
        os.replace(draft, record)


def _is_local(path: Path) -> bool:
    """Whether a record of an installation names something of this machine (a folder, a time) and not an index."""
    return path.is_file() and (path.name == "uv_cache.json" or '"file:' in path.read_text())
