"""Makes the order for the wall around one instance, and gives its folders to its user."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairway.drivers.runtimes.process import ports
from fairway.drivers.runtimes.process.bundle import Bundle
from fairway.drivers.wall import owners, plan
from fairway.drivers.wall.abilities import LAYERS, MISSING, Abilities, abilities
from fairway.drivers.wall.groups import Groups
from fairway.drivers.wall.programs import homes_of
from fairway.drivers.wall.users import Users
from fairway.shared.failures import Refused
from fairway.shared.translation import translate


@dataclass(frozen=True)
class Options:
    """What an environment may say about the walls: the layers without which nothing starts, and further folders of this
    machine that its applications may read."""

    require: tuple[str, ...] = ()
    reads: tuple[Path, ...] = ()

    @classmethod
    def parse(cls, options: Mapping[str, object]) -> Options:
        """Read an environment's options. Raises `Refused` that names the unknown or invalid one."""
        for name in options:
            if name not in cls.__dataclass_fields__:
                raise Refused(
                    translate("The process runtime has no option “{name}”; it knows “require” and “reads”.", name=name)
                )
        return cls(_require(_list(options, "require")), _reads(_list(options, "reads")))

    def refuse_to_show(self, data: Path) -> None:
        """Raises `Refused` if a folder contains Fairway's data or is inside it."""
        for place in self.reads:
            if data.absolute().is_relative_to(place) or place.is_relative_to(data.absolute()):
                sentence = "The option “reads” names “{place}”, where Fairway's own data lies; move yours elsewhere."
                raise Refused(translate(sentence, place=place))


def _list(options: Mapping[str, object], name: str) -> list[str]:
    value = options.get(name) or []
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        sentence = "The option “{name}” must be a list of words, e.g. {example}."
        raise Refused(translate(sentence, name=name, example=EXAMPLES[name]))
    return value


EXAMPLES = {"require": '["user", "files"]', "reads": '["/srv/data"]'}


def _require(words: list[str]) -> tuple[str, ...]:
    for word in words:
        if word not in LAYERS:
            sentence = "The option “require” names “{word}”, which is no wall; there are {walls}."
            raise Refused(translate(sentence, word=word, walls=", ".join(LAYERS)))
    return tuple(words)


def _reads(words: list[str]) -> tuple[Path, ...]:
    for word in words:
        if not word.startswith("/") or Path(word) == Path("/"):
            sentence = "The option “reads” names “{word}”; write a whole path of a folder, e.g. “/srv/data”."
            raise Refused(translate(sentence, word=word))
    return tuple(map(Path, words))


def missing(here: Abilities, require: Sequence[str]) -> str:
    """Why an environment that requires these layers runs nothing here; "" if none is missing."""
    lacking = next((layer for layer in here.layers() if layer.name in require and not layer.stands), None)
    return translate(MISSING, layer=lacking.name, sentence=translate(lacking.sentence)) if lacking else ""


@dataclass(frozen=True)
class Walls:
    """The walls of the instances in one data directory."""

    data: Path
    options: Options

    @property
    def users(self) -> Users:
        """The user ids of placements and builds."""
        return Users(self.data / "process" / "users")

    def own(self, placement: str, folders: Sequence[Path]) -> int | None:
        """Give the folders to the placement's own user and return its id; None if applications have no users of their
        own."""
        if not abilities().own_user:
            return None
        user = self.users.of(placement)
        for folder in folders:
            owners.hand_over(folder, user)
        return user

    def order(
        self,
        name: str,
        bundle: Bundle,
        *,
        user: int | None,
        program: str,
        search: str,
        writes: Sequence[Path],
        temporary: Path,
        port: int,
        asks_fairway: bool = False,
    ) -> dict[str, Any]:
        """The order for `enclosure` around the instance called `name`."""
        homes = homes_of([program, str(bundle.folder / ".venv" / "bin" / "python")], search, private=self.data)
        reads = (bundle.folder, *homes, *self.options.reads)
        pages = () if asks_fairway else fairways(self.data)
        closed = plan.without((*ports.CLOSED, *pages), port)
        group = group_of(self.data, name, closed)
        need = plan.Need(reads=reads, writes=tuple(writes), temporary=temporary, closed=closed, group=group)
        return plan.order(abilities(), need, data=self.data, user=user)


def group_of(data: Path, name: str, closed: tuple[tuple[int, int], ...]) -> str:
    """A control group to which these ports are closed; "" if Landlock closes them."""
    return str(Groups(data).ensure(name, closed)) if abilities().groups else ""


def fairways(data: Path) -> tuple[tuple[int, int], ...]:
    """The ports of Fairway's own pages, as the processes that serve them have recorded."""
    found = {int(os.environ.get("FAIRWAY_PORT") or 0)}
    for file in (data / "run").glob("*.json"):
        with suppress(OSError, ValueError, KeyError, TypeError):
            found.add(int(json.loads(file.read_text())["port"]))
    return tuple((port, port) for port in sorted(found) if port)
