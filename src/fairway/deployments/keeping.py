"""Versions that rooms above want to keep although no placement runs them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

Pins = Callable[[], Iterable[str]]

_pins: list[Pins] = []


def pin(*sources: Pins) -> None:
    """Register a function that returns digests to keep; it is called before artifacts are collected. Call this once, when
    the app starts."""
    _pins.extend(source for source in sources if source not in _pins)


def pinned() -> set[str]:
    """Every digest that a room above needs."""
    return {digest for source in _pins for digest in source()}
