"""The entries that Fairway brings along: folders with an ``entry.yaml`` beside what is deployed."""

from __future__ import annotations

import functools
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

from fairway.accounts.rules import NotVisible
from fairway.catalog.rules import FILE, Entry, parse_entry

SHELF = Path(__file__).with_name("entries")
ICON = "icon.svg"
_ABOUT = (FILE, ICON)  # about the entry, not of the application


@functools.cache
def entries() -> tuple[Entry, ...]:
    """All entries, by title."""
    found = [read(folder) for folder in SHELF.iterdir() if (folder / FILE).is_file()]
    return tuple(sorted(found, key=lambda entry: entry.title.casefold()))


def get_entry(identifier: str) -> Entry:
    """Raises `NotVisible` if there is none."""
    found = next((entry for entry in entries() if entry.id == identifier), None)
    if found is None:
        raise NotVisible("entry", identifier[:40])
    return found


def read(folder: Path) -> Entry:
    """The entry in a folder. Raises `Invalid`, whose field names file and line."""
    return parse_entry(folder.name, (folder / FILE).read_text())


def icon_of(entry: Entry) -> bytes:
    return (SHELF / entry.id / ICON).read_bytes()


def packed(entry: Entry) -> bytes:
    """What is deployed, as a tar. The same files always give the same bytes, so that two installations share what is
    built."""
    folder, buffer = SHELF / entry.id, io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for file in _files(folder):
            about = tarfile.TarInfo(file.relative_to(folder).as_posix())
            about.size, about.mode = file.stat().st_size, 0o644
            with file.open("rb") as content:
                archive.addfile(about, content)
    return buffer.getvalue()


def _files(folder: Path) -> Iterator[Path]:
    for file in sorted(folder.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts and file.relative_to(folder).as_posix() not in _ABOUT:
            yield file
