"""Cleans facts that are only displayed, such as a commit's author and time. They come from anywhere, so a malformed
one is cleaned or dropped and never stops any work.
"""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

_TURNS = frozenset(
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)  # bidirectional controls: they change the direction of the text around them
_FIRST, _LAST = datetime(1970, 1, 2, tzinfo=UTC), datetime(9990, 1, 1, tzinfo=UTC)


def one_line(text: str, longest: int) -> str:
    """The text as one line of at most `longest` characters, without characters that cannot be displayed or stored."""
    return " ".join(plain_text(text, 4 * longest).split())[:longest]


def plain_text(text: str, longest: int) -> str:
    """The text in at most `longest` characters, lines kept, without characters that cannot be displayed or stored."""
    cut = text[: 4 * longest].replace("\r\n", "\n").replace("\r", "\n")
    return "".join(sign for sign in cut if sign in "\n\t" or _is_shown(sign)).strip()[:longest]


def parse_timestamp(seconds: str) -> datetime | None:
    """The time of a Unix timestamp in seconds, given as text; None if it is not a number or lies outside 1970–9989."""
    try:
        found = datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return found if _FIRST <= found < _LAST else None


def _is_shown(sign: str) -> bool:
    return unicodedata.category(sign) not in {"Cc", "Cs", "Cn", "Co"} and sign not in _TURNS
