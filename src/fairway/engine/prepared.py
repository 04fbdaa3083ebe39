"""Queries that are repeated several times a second, by workers or for each request, as SQL that Django compiles once.

Django takes a millisecond or more to compile such a query, the database a tenth of that to answer it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.db.models.query import get_related_populators

MOMENT = datetime(1970, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)  # placeholder for the current time in the compiled SQL
NUMBER, OTHER_NUMBER = 1_678_901_234, 1_234_678_901  # placeholders for ids
TEXT = "1_678_901_234"  # placeholder for a word


@dataclass(frozen=True)
class _Written:
    """What Django makes of a query set: SQL with its values; and for instances of a model, how they come from the rows."""

    words: str
    values: tuple[Any, ...]
    compiler: Any

    @classmethod
    def of(cls, asked: QuerySet[Any]) -> _Written:
        compiler = asked.query.get_compiler(connection=connection)
        words, values = compiler.as_sql()
        return cls(words, values, compiler)

    @cached_property
    def _model(self) -> tuple[Any, slice, list[str], list[Any], dict[int, Any]]:
        """Whose instances they are, which columns are its own, their names; makers of `select_related`; converters."""
        compiler, about = self.compiler, self.compiler.klass_info
        own = slice(about["select_fields"][0], about["select_fields"][-1] + 1)
        names = [column[0].target.attname for column in compiler.select[own]]
        others = get_related_populators(about, compiler.select, connection.alias)  # type: ignore[call-arg]
        return about["model"], own, names, others, compiler.get_converters([column[0] for column in compiler.select])

    def instances(self, rows: list[Any]) -> list[Any]:
        """As `django.db.models.query.ModelIterable` makes them, which would compile the query again."""
        model, own, names, others, converters = self._model
        found = []
        for row in self.compiler.apply_converters(rows, converters) if converters else rows:
            one = model.from_db(connection.alias, names, row[own])
            for other in others:
                other.populate(row, one)
            found.append(one)
        return found


class Prepared:
    """A query set whose only parameters are what it is asked about: the current time; or, with other `marks`, ids (`NUMBER`,
    `OTHER_NUMBER`) or a word (`TEXT`). `make` is called once per database vendor, with the marks. One that uses none of them
    is asked about nothing."""

    def __init__(self, make: Callable[..., QuerySet[Any]], *marks: datetime | int | str) -> None:
        self._make = make
        self._marks = marks or (MOMENT,)
        self._written: dict[str, _Written] = {}

    def rows(self, *asked: datetime | int | str) -> list[tuple[Any, ...]]:
        """The rows for this time, these ids or this word, as raw values of the database driver, not as model instances."""
        return self._rows(self._known(), asked)

    def instances(self, *asked: datetime | int | str) -> list[Any]:
        """The same as instances of the query set's model, with what `select_related` names."""
        written = self._known()
        return written.instances(self._rows(written, asked))

    def first(self, *asked: datetime | int | str) -> Any:
        """The first of the instances; None if there is none."""
        return next(iter(self.instances(*asked)), None)

    def get(self, *asked: datetime | int | str) -> Any:
        """The one instance. Raises its model's `DoesNotExist`."""
        found = self.first(*asked)
        if found is None:
            raise self._known().compiler.klass_info["model"].DoesNotExist
        return found

    def _known(self) -> _Written:
        if connection.vendor not in self._written:
            self._written[connection.vendor] = _Written.of(self._make(*self._marks))
        return self._written[connection.vendor]

    def _rows(self, written: _Written, asked: tuple[datetime | int | str, ...]) -> list[tuple[Any, ...]]:
        wanted = {_stored(mark): _stored(one) for mark, one in zip(self._marks, asked, strict=bool(asked))}
        with connection.cursor() as cursor:
            cursor.execute(written.words, [wanted.get(value, value) for value in written.values])
            return list(cursor.fetchall())


def _stored(value: datetime | int | str) -> Any:
    """The value as this database's driver takes it."""
    return connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value


def moment(value: str | datetime) -> datetime:
    """A time value of the database driver as an aware datetime. SQLite returns text in UTC without saying so."""
    said = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return said if said.tzinfo else said.replace(tzinfo=UTC)
