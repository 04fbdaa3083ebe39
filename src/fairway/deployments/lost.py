"""Files that an application writes outside its volumes and loses with its next deployment, grouped as people see them.
Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from fairway.drivers.runtimes.contract import Written

Place = dict[str, Any]  # name ("db.sqlite3", "uploads/"), files (how many), target (of a volume that would keep them, or "")
MOST_NAMED = 5


def places_of(written: Iterable[Written]) -> list[Place]:
    """The files grouped by name: a folder that could become a volume is one entry, any other file is an entry of its own."""
    found: dict[str, Place] = {}
    for one in written:
        name = _name(one)
        place = found.setdefault(name, {"name": name, "files": 0, "target": one.folder})
        place["files"] += 1
    return [found[name] for name in sorted(found)]


def _name(one: Written) -> str:
    if not one.folder:
        return one.path
    below = [str(folder) for folder in PurePosixPath(one.path).parents]
    return next(folder for folder in below if one.folder.endswith(folder)) + "/"


def untold(places: Iterable[Place], dismissed: Sequence[str]) -> list[Place]:
    """Those that nobody has dismissed."""
    return [place for place in places if place["name"] not in dismissed]


def named(places: Sequence[Place]) -> str:
    """The entries as a log names them: ``db.sqlite3, uploads/ (3 files)``; only the first of many."""
    words = [_counted(place) for place in places]
    return ", ".join(words[:MOST_NAMED]) + (" …" if len(words) > MOST_NAMED else "")


def _counted(place: Place) -> str:
    files = "1 file" if place["files"] == 1 else f"{place['files']} files"
    return f"{place['name']} ({files})" if place["name"].endswith("/") else str(place["name"])


def volumes_for(places: Iterable[Place], volumes: Iterable[Sequence[str]]) -> list[tuple[str, str]]:
    """The existing volumes, and one more for each entry that a volume would keep."""
    found = [(name, target) for name, target in volumes]
    for place in places:
        target = place["target"]
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


def is_news(before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]) -> bool:
    """Whether there is an entry that was not there before."""
    return bool({place["name"] for place in after} - {place["name"] for place in before})
