"""Questions that workers ask several times a second, as SQL that Django writes once.

Django takes a millisecond or more to write such a question, the database a tenth of that to answer it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.models import QuerySet

MOMENT = datetime(1970, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)  # stands for the moment of each asking in what Django writes


class Prepared:
    """A query set about a moment, and nothing else that changes. `make` is asked for it once for each kind of database."""

    def __init__(self, make: Callable[[datetime], QuerySet[Any]]) -> None:
        self._make = make
        self._written: dict[str, tuple[str, tuple[Any, ...]]] = {}

    def rows(self, now: datetime) -> list[tuple[Any, ...]]:
        """What it finds at `now`, as the database says it: numbers and words, no objects of ours."""
        if connection.vendor not in self._written:
            self._written[connection.vendor] = self._make(MOMENT).query.sql_with_params()
        words, values = self._written[connection.vendor]
        mark, moment = (connection.ops.adapt_datetimefield_value(one) for one in (MOMENT, now))
        with connection.cursor() as cursor:
            cursor.execute(words, [moment if value == mark else value for value in values])
            return list(cursor.fetchall())


def moment(value: str | datetime) -> datetime:
    """A moment as the database says it: SQLite's are in UTC and do not say so."""
    said = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return said if said.tzinfo else said.replace(tzinfo=UTC)
