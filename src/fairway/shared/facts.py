"""Facts that are only shown: who wrote a commit, and when. They come from anywhere, and an odd one never stops any work."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # they turn the text around them
_FIRST, _LAST = datetime(1970, 1, 2, tzinfo=UTC), datetime(9990, 1, 1, tzinfo=UTC)


def words(text: str, longest: int) -> str:
    """Any text as one line of at most `longest` characters, without what cannot be shown or stored."""
    return " ".join(lines(text, 4 * longest).split())[:longest]


def lines(text: str, longest: int) -> str:
    """Any text as lines of at most `longest` characters in all, without what cannot be shown or stored."""
    cut = text[: 4 * longest].replace("\r\n", "\n").replace("\r", "\n")
    return "".join(sign for sign in cut if sign in "\n\t" or _is_shown(sign)).strip()[:longest]


def moment(seconds: str) -> datetime | None:
    """The moment that many seconds (a number, as text) after 1970 began; None for what is no number or no time of ours."""
    try:
        found = datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return found if _FIRST <= found < _LAST else None


def _is_shown(sign: str) -> bool:
    return unicodedata.category(sign) not in {"Cc", "Cs", "Cn", "Co"} and sign not in _TURNS
