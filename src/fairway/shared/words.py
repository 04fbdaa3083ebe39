"""Sentences in the language of whoever listens, without knowing how languages are looked up.

Rooms and drivers write English templates; the web process hands in gettext at its start (`speak_through`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

_translate: Callable[[str], str] = str


def speak_through(translate: Callable[[str], str]) -> None:
    """From now on every sentence goes through `translate`, at the moment it is said."""
    global _translate
    _translate = translate


def together(said: Iterable[tuple[str, str]]) -> list[str]:
    """What was said of several things, ``(name, sentence)``: each sentence once, after the names it applies to."""
    names: dict[str, list[str]] = {}
    for name, sentence in said:
        names.setdefault(sentence, []).append(name)
    return [f"{', '.join(some)}: {sentence}" for sentence, some in names.items()]


def translate(template: str, **values: object) -> str:
    """The template in the listener's language, its ``{names}`` filled in."""
    words = _translate(template)
    return words.format(**values) if values else words
