"""Several sentences as one text."""

from __future__ import annotations

from collections.abc import Iterable

ENDS = (".", "!", "?", "…", "。")


def joined(sentences: Iterable[str]) -> str:
    """The sentences one after the other. Those that end with a person's own words, such as the reason of a lock, get a full
    stop before the next one begins."""
    *before, last = [one for one in map(str.strip, sentences) if one] or [""]
    return " ".join([*(one if one.endswith(ENDS) else f"{one}." for one in before), last])
