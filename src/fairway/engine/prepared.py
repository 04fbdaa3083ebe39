"""Queries that are repeated several times a second, by workers or for each request, as SQL that Django compiles once.

Django takes a millisecond or more to compile such a query, the database a tenth of that to answer it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.models import QuerySet

MOMENT = datetime(1970, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)  # placeholder for the current time in the compiled SQL
NUMBER = 1_678_901_234  # placeholder for an id


class Prepared:
    """A query set whose only parameter is the current time; or, with `mark` = `NUMBER`, an id. `make` is called once per
    database vendor, with `mark`."""

    def __init__(self, make: Callable[[Any], QuerySet[Any]], mark: datetime | int = MOMENT) -> None:
        self._make = make
        self._mark = mark
        self._written: dict[str, tuple[str, tuple[Any, ...]]] = {}

    def rows(self, asked: datetime | int) -> list[tuple[Any, ...]]:
        """The rows for this time or id, as raw values of the database driver, not as model instances."""
        if connection.vendor not in self._written:
            self._written[connection.vendor] = self._make(self._mark).query.sql_with_params()
        words, values = self._written[connection.vendor]
        mark, wanted = _stored(self._mark), _stored(asked)
        with connection.cursor() as cursor:
            cursor.execute(words, [wanted if value == mark else value for value in values])
            return list(cursor.fetchall())


def _stored(value: datetime | int) -> Any:
    """The value as this database's driver takes it."""
    return connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value


def moment(value: str | datetime) -> datetime:
    """A time value of the database driver as an aware datetime. SQLite returns text in UTC without saying so."""
    said = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return said if said.tzinfo else said.replace(tzinfo=UTC)
