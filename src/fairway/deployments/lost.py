"""Files that an application writes outside its volumes and loses with its next deployment, grouped as people see them.
Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from fairway.drivers.runtimes.contract import Written

# name ("db.sqlite3", "uploads/"), files (how many), target (of a volume that would keep them, or "")
WrittenFiles = dict[str, Any]
MOST_NAMED = 5


def group_writes(written: Iterable[Written]) -> list[WrittenFiles]:
    """The files grouped by name: a folder that could become a volume is one entry, any other file is an entry of its own."""
    entries: dict[str, WrittenFiles] = {}
    for file in written:
        name = _name(file)
        entry = entries.setdefault(name, {"name": name, "files": 0, "target": file.folder})
        entry["files"] += 1
    return [entries[name] for name in sorted(entries)]


def _name(file: Written) -> str:
    if not file.folder:
        return file.path
    below = [str(folder) for folder in PurePosixPath(file.path).parents]
    return next(folder for folder in below if file.folder.endswith(folder)) + "/"


def not_dismissed(entries: Iterable[WrittenFiles], dismissed: Sequence[str]) -> list[WrittenFiles]:
    """The entries that nobody has dismissed."""
    return [entry for entry in entries if entry["name"] not in dismissed]


def in_words(entries: Sequence[WrittenFiles]) -> str:
    """The entries as a log names them: ``db.sqlite3, uploads/ (3 files)``; at most `MOST_NAMED` of them."""
    words = [_counted(entry) for entry in entries]
    return ", ".join(words[:MOST_NAMED]) + (" …" if len(words) > MOST_NAMED else "")


def _counted(entry: WrittenFiles) -> str:
    files = "1 file" if entry["files"] == 1 else f"{entry['files']} files"
    return f"{entry['name']} ({files})" if entry["name"].endswith("/") else str(entry["name"])


def volumes_for(entries: Iterable[WrittenFiles], volumes: Iterable[Sequence[str]]) -> list[tuple[str, str]]:
    """The existing volumes, and one more for each entry that a volume would keep."""
    found = [(name, target) for name, target in volumes]
    for entry in entries:
        target = entry["target"]
        if target and target not in [known for _, known in found]:
            found.append((_free_name(PurePosixPath(target).name, {name for name, _ in found}), target))
    return found


def _free_name(wish: str, taken: set[str]) -> str:
    slug = (
        "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in wish.lower()).strip("-")[:30]
        or "data"
    )
    slug = slug if slug[0].isalpha() else f"v-{slug}"
    return next(
        name for number in range(1, len(taken) + 2) if (name := slug if number == 1 else f"{slug}-{number}") not in taken
    )


def has_new_entry(before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]) -> bool:
    """Whether there is an entry that was not there before."""
    return bool({entry["name"] for entry in after} - {entry["name"] for entry in before})
