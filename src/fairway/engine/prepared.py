"""Queries that workers repeat several times a second, as SQL that Django compiles once.

Django takes a millisecond or more to compile such a query, the database a tenth of that to answer it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.models import QuerySet

MOMENT = datetime(1970, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)  # placeholder for the current time in the compiled SQL


class Prepared:
    """A query set whose only parameter is the current time. `make` is called once per database vendor."""

    def __init__(self, make: Callable[[datetime], QuerySet[Any]]) -> None:
        self._make = make
        self._written: dict[str, tuple[str, tuple[Any, ...]]] = {}

    def rows(self, now: datetime) -> list[tuple[Any, ...]]:
        """The rows at time `now`, as raw values of the database driver, not as model instances."""
        if connection.vendor not in self._written:
            self._written[connection.vendor] = self._make(MOMENT).query.sql_with_params()
        words, values = self._written[connection.vendor]
        mark, moment = (connection.ops.adapt_datetimefield_value(one) for one in (MOMENT, now))
        with connection.cursor() as cursor:
            cursor.execute(words, [moment if value == mark else value for value in values])
            return list(cursor.fetchall())


def moment(value: str | datetime) -> datetime:
    """A time value of the database driver as an aware datetime. SQLite returns text in UTC without saying so."""
    said = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return said if said.tzinfo else said.replace(tzinfo=UTC)
