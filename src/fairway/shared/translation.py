"""Translates sentences without depending on Django.

Rooms and drivers write English templates; each process that has Django installs gettext when it starts (`use_translator`).
"""

from __future__ import annotations

from collections.abc import Callable

_translate: Callable[[str], str] = str


def use_translator(translate: Callable[[str], str]) -> None:
    """Translate every sentence with `translate` from now on, each time it is formatted."""
    global _translate
    _translate = translate


def translate(template: str, **values: object) -> str:
    """The template in the reader's language, with its ``{names}`` filled in."""
    words = _translate(template)
    return words.format(**values) if values else words
