"""What rooms above want kept: versions that no placement runs, but that somebody has plans with."""

from __future__ import annotations

from collections.abc import Callable, Iterable

Pins = Callable[[], Iterable[str]]

_pins: list[Pins] = []


def pin(*sources: Pins) -> None:
    """Ask these, before anything is collected, for the digests that must stay. Registered once, when the app starts."""
    _pins.extend(source for source in sources if source not in _pins)


def pinned() -> set[str]:
    """Every digest that somebody above needs."""
    return {digest for source in _pins for digest in source()}
