"""A rule of diagnosis: what a text that was printed means, as a sentence with what to do. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

Says = Callable[[re.Match[str]], str]


@dataclass(frozen=True)
class Rule:
    """What a text that matches means. `frames` must match too, where it is given: what the exception passed through. Where
    it names something, that is what is said."""

    pattern: re.Pattern[str]
    says: Says
    frames: re.Pattern[str] | None = None

    def sentence(self, text: str, frames: str = "") -> str:
        passed = self.frames.search(frames) if self.frames else None
        if self.frames and passed is None:
            return ""
        found = self.pattern.search(text)
        return self.says(passed if passed and passed.groupdict() else found) if found else ""


def rule(pattern: str, says: Says | str, frames: str = "") -> Rule:
    """`says` as text has the pattern's groups in braces."""
    words = says if callable(says) else (lambda found, text=says: text.format(**found.groupdict()))
    return Rule(re.compile(pattern), words, re.compile(frames) if frames else None)
