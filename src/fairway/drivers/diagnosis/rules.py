"""A rule of diagnosis: it turns printed text into a sentence that says what is wrong and what to do. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

Says = Callable[[re.Match[str]], str]


@dataclass(frozen=True)
class Rule:
    """`says` makes the sentence if the text matches `pattern`. If `frames` is given, it must also match the frames that the
    exception passed through; if it has named groups, the sentence is made from them."""

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
    """Make a rule. `says` may be a text with the pattern's groups in braces."""
    words = says if callable(says) else (lambda found, text=says: text.format(**found.groupdict()))
    return Rule(re.compile(pattern), words, re.compile(frames) if frames else None)
