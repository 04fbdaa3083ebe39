"""Telling a full disk from every other trouble, whoever met it: the operating system, SQLite or PostgreSQL."""

from __future__ import annotations

import errno
from collections.abc import Iterator

FULL = "The disk of the machine Fairway runs on is full. Free some space there; Fairway goes on by itself."
_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT})
_SQLITE = "database or disk is full"
_POSTGRES = "53100"  # SQLSTATE disk_full


def is_disk_full(problem: BaseException) -> bool:
    """Whether this error, or one that it came from, says that there is no room left."""
    return any(_says_full(one) for one in _causes(problem))


def _says_full(problem: BaseException) -> bool:
    if isinstance(problem, OSError) and problem.errno in _ERRNOS:
        return True
    return _SQLITE in str(problem) or getattr(problem, "sqlstate", None) == _POSTGRES


def _causes(problem: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    one: BaseException | None = problem
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or one.__context__
