"""Secrets are masked by value at every sink: whatever prints them, they come out as ``••••``.

Source: coolify#7019, Dokploy#4693: masking by key let passwords through in logs and failure mails.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable
from urllib.parse import quote

MASK = "••••"
SHORTEST = 4  # shorter values are ordinary words and digits; masking them would eat the log


class Masker:
    """Replaces the given values, and their URL-quoted and base64 forms, in any text."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        forms: set[str] = set()
        for value in values:
            for line in {value, *value.splitlines()}:
                if len(line.strip()) >= SHORTEST:
                    forms |= {line, quote(line, safe=""), b64encode(line.encode()).decode()}
        ordered = sorted(forms, key=len, reverse=True)  # longest first: a secret may contain another
        self._pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def __call__(self, text: str) -> str:
        return self._pattern.sub(MASK, text) if self._pattern else text
