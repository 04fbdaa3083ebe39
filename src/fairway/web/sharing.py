"""Renders a fragment once for all viewers who would see the same, by recording what the rendering reads of its viewer.

Fragments do not declare what they depend on, so nothing can be forgotten: a viewer who equals the first one in everything
that the rendering read would get the same bytes. Language and time zone always count as read.
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
    """Something with a viewer."""

    viewer: Viewer


Fact = tuple[Any, ...]  # the name of something an actor is, or of a question with what was asked: ("is_among", {1, 2})
One = TypeVar("One", bound=Watching)
Drawn = TypeVar("Drawn")
Draw = Callable[[Actor, str, str], Drawn]  # for this person, in this language and time zone


class WatchedActor(Actor):
    """An actor that records which of its attributes were read, and what its methods were asked.

    `repr`, comparing, hashing and copying read all attributes.
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
    """The facts that reading an attribute depends on: all of them for `vars` and copying, none for its class."""
    if name == "__class__":
        return ()
    return [(field.name,) for field in fields(Actor)] if name.startswith("_") else [(name,)]


def what_was_read(actor: WatchedActor) -> frozenset[Fact]:
    return frozenset(object.__getattribute__(actor, "_read"))


def shared(draw: Draw[Drawn], watching: Iterable[One]) -> Iterator[tuple[Drawn, list[One]]]:
    """Render once per group of viewers who are equal in what the rendering reads; yields each result with its group.

    If a rendering fails, its group is left out; an unreachable database is raised.
    """
    yield from _shared(draw, watching, frozenset())


def _shared(draw: Draw[Drawn], watching: Iterable[One], known: frozenset[Fact]) -> Iterator[tuple[Drawn, list[One]]]:
    """`known` are the facts that are known to matter; a rendering may find more."""
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
    """Groups of viewers with equal facts, in their original order."""
    asked = list(facts)
    groups: dict[object, list[One]] = defaultdict(list)
    for one in watching:
        viewer = one.viewer
        groups[(viewer.language, viewer.zone, *(_answer(viewer.actor, *fact) for fact in asked))].append(one)
    return list(groups.values())


def _answer(actor: Actor, name: str, *given: Any) -> object:
    """An attribute's value or a method's result, in a form that compares equal; the order of grants does not matter."""
    value = getattr(actor, name)
    if given:
        return value(*given)
    return frozenset(value) if isinstance(value, tuple) else value
