"""Recognizes a full disk in errors of the operating system, SQLite and PostgreSQL."""

from __future__ import annotations

import errno
from collections.abc import Iterator

FULL = "The disk of the machine Fairway runs on is full. Free some space there; Fairway goes on by itself."
_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT})
_SQLITE = "database or disk is full"
_POSTGRES = "53100"  # SQLSTATE disk_full


def is_disk_full(problem: BaseException) -> bool:
    """Whether this error, or one of its causes, says that no space is left."""
    return any(_says_full(cause) for cause in _causes(problem))


def _says_full(problem: BaseException) -> bool:
    if isinstance(problem, OSError) and problem.errno in _ERRNOS:
        return True
    return _SQLITE in str(problem) or getattr(problem, "sqlstate", None) == _POSTGRES


def _causes(problem: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = problem
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__
