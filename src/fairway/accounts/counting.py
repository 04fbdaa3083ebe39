"""Counts what may happen very often, so that it becomes few events: nobody can flood the chain."""

from __future__ import annotations

import time

from django.core.cache import cache

WINDOW = 60 * 60  # seconds


def counted(what: str) -> int:
    """Count one more within the hour (`WINDOW`); the count if it is the 1st, 2nd, 4th, 8th …, else 0."""
    key = f"{what}:{int(time.time() // WINDOW)}"
    count = int(cache.get(key, 0)) + 1
    cache.set(key, count, WINDOW)
    return 0 if count & (count - 1) else count
