"""One rendering for everybody who would see the same, found out by watching what it read about its viewer.

Nobody declares what a fragment depends on, so nobody can forget anything: whoever equals the first viewer in all that the
rendering asked about them would have been shown these very bytes. Language and time zone count as always read.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from functools import partial
from typing import Any, Protocol, TypeVar

from django.db import InterfaceError, OperationalError

from fairway.accounts.rules import Actor
from fairway.web.viewers import Viewer

log = logging.getLogger(__name__)


class Watching(Protocol):
    """Whoever has a viewer behind it."""

    viewer: Viewer


Fact = tuple[Any, ...]  # the name of something an actor is, or of a question with what was asked: ("is_among", {1, 2})
One = TypeVar("One", bound=Watching)
Drawn = TypeVar("Drawn")
Draw = Callable[[Actor, str, str], Drawn]  # for this person, in this language and time zone


class WatchedActor(Actor):
    """An actor that remembers which of its facts were looked at, and what it was asked.

    `repr`, comparing, hashing and taking it apart look at all of its facts.
    """

    def __init__(self, actor: Actor) -> None:
        object.__setattr__(self, "_actor", actor)
        object.__setattr__(self, "_read", set())

    def __getattribute__(self, name: str) -> Any:
        own = object.__getattribute__(self, "_actor")
        value, read = getattr(own, name), object.__getattribute__(self, "_read")
        if callable(value) and not name.startswith("_"):
            return partial(_asked, read, name, value)
        read.update(_facts_behind(name))
        return value


def _asked(read: set[Fact], name: str, question: Callable[..., Any], *given: Any) -> Any:
    read.add((name, *given))
    return question(*given)


def _facts_behind(name: str) -> Sequence[Fact]:
    """Taking an actor apart (`vars`, copying) is looking at everything; asking of what class it is, is not."""
    if name == "__class__":
        return ()
    return [(field.name,) for field in fields(Actor)] if name.startswith("_") else [(name,)]


def what_was_read(actor: WatchedActor) -> frozenset[Fact]:
    return frozenset(object.__getattribute__(actor, "_read"))


def shared(draw: Draw[Drawn], watching: Iterable[One]) -> Iterator[tuple[Drawn, list[One]]]:
    """Draw as often as people differ in what the drawing reads of them; each result with those it is for.

    Where drawing fails, those who would have seen it fail, too, are left out; a database that is away is raised.
    """
    yield from _shared(draw, watching, frozenset())


def _shared(draw: Draw[Drawn], watching: Iterable[One], known: frozenset[Fact]) -> Iterator[tuple[Drawn, list[One]]]:
    """`known` are the facts that were found to matter; a drawing may come across more."""
    for alike in _grouped(watching, known):
        viewer = alike[0].viewer
        watched = WatchedActor(viewer.actor)
        outcome: list[Drawn] = []
        try:
            outcome.append(draw(watched, viewer.language, viewer.zone))
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            log.exception("a fragment could not be rendered")
        read = what_was_read(watched) | known
        first, *others = _grouped(alike, read)
        for drawn in outcome:
            yield drawn, first
        yield from _shared(draw, (one for group in others for one in group), read)


def _grouped(watching: Iterable[One], facts: frozenset[Fact]) -> Sequence[list[One]]:
    """Those who are the same in these facts, in the order they came."""
    asked = list(facts)
    groups: dict[object, list[One]] = defaultdict(list)
    for one in watching:
        viewer = one.viewer
        groups[(viewer.language, viewer.zone, *(_answer(viewer.actor, *fact) for fact in asked))].append(one)
    return list(groups.values())


def _answer(actor: Actor, name: str, *given: Any) -> object:
    """Grants are the same in any order."""
    value = getattr(actor, name)
    if given:
        return value(*given)
    return frozenset(value) if isinstance(value, tuple) else value
