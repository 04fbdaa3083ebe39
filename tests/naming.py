"""The names of tests are the same in every process and at every moment.

A run is spread over several processes, each of which collects all tests: pytest-xdist refuses to begin when one of them
arrives at another name than the others. A name with the second in which its file was read does that now and then only.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterable

_NUMBER = re.compile(r"\d{10,19}")
_ADDRESS = re.compile(r" at 0x[0-9a-f]{6,}")  # of an object in memory, as its repr says it
_DAY = 86_400


def unsteady(names: Iterable[str], now: float | None = None) -> list[str]:
    """The names that say when, or in which process, they were collected."""
    now = time.time() if now is None else now
    return [name for name in names if _ADDRESS.search(name) or _of_now(name, now) or _temporary(name)]


def _of_now(name: str, now: float) -> bool:
    """Whether a number in it is a moment within two days: in seconds, milliseconds, microseconds or nanoseconds."""
    return any(
        abs(int(number) / scale - now) < 2 * _DAY
        for number in _NUMBER.findall(name)
        for scale in (1, 1_000, 1_000_000, 1_000_000_000)
    )


def _temporary(name: str) -> bool:
    return any(
        f"{tempfile.gettempdir()}/{prefix}" in name for prefix in (tempfile.gettempprefix(), "pytest-of-", "fairway-")
    )
