"""Waiting in tests: for what happens, never for a time.

What comes is met at once. `PATIENCE` is only ever used up by what does not come, so it is long enough for a machine whose
processors belong to others.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 600.0  # seconds
SOONEST, LATEST = 0.04, 0.5  # seconds between two looks
SHARE = 0.15  # of the time waited so far: looking costs the machine something, too


def eventually(look: Callable[[], T], what: str = "", *, seconds: float = PATIENCE) -> T:
    """The first truthy thing that `look` sees; fails naming `what` when it never comes."""
    began = time.monotonic()
    while not (seen := look()):
        waited = time.monotonic() - began
        if waited > seconds:
            raise AssertionError(f"waited {seconds:.0f} s in vain: {what or look}")
        time.sleep(min(max(SOONEST, waited * SHARE), LATEST))
    return seen


def wait_for(look: Callable[[], object], what: str, *, seconds: float = PATIENCE) -> None:
    """`eventually`, of something that may not even answer yet."""

    def sees() -> object:
        try:
            return look()
        except (OSError, http.client.HTTPException):
            return False

    eventually(sees, what, seconds=seconds)
