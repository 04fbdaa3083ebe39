"""Translates sentences without depending on Django.

Rooms and drivers write English templates; each process that has Django installs gettext when it starts (`use_translator`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

_translate: Callable[[str], str] = str


def use_translator(translate: Callable[[str], str]) -> None:
    """Translate every sentence with `translate` from now on, each time it is formatted."""
    global _translate
    _translate = translate


def together(said: Iterable[tuple[str, str]]) -> list[str]:
    """Sentences about several things, given as ``(name, sentence)``: each sentence once, after the names it applies to."""
    names: dict[str, list[str]] = {}
    for name, sentence in said:
        names.setdefault(sentence, []).append(name)
    return [f"{', '.join(some)}: {sentence}" for sentence, some in names.items()]


def translate(template: str, **values: object) -> str:
    """The template in the reader's language, with its ``{names}`` filled in."""
    words = _translate(template)
    return words.format(**values) if values else words
