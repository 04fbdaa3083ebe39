"""Common parts of the schemas: strict input, cursors, and short forms of things."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from django.db.models import Model, QuerySet
from ninja import Path, Schema
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from fairway.shared.names import EARLIEST_YEAR, LATEST_YEAR
from fairway.shared.urls import masked

# Old rows may contain secrets in URLs, which are refused today; they are masked.
ShownFacts = Annotated[dict[str, Any], AfterValidator(masked)]
ShownText = Annotated[str, AfterValidator(masked)]
MOST_PER_PAGE = 200
DEEPEST = 32
RESOURCE = "/resources/{place}/{name}"  # where a resource is: the slug of its environment, and its name
LARGEST = 2**53  # beyond it, JSON parsers read integers differently (RFC 8259)


def _what_cannot_be_stored(value: Any, depth: int = 0) -> tuple[tuple[str | int, ...], str] | None:
    """The path and reason of a value that cannot be stored: NUL, a lone surrogate, infinity, or nesting deeper than
    `DEEPEST`; None if all can be stored."""
    if depth > DEEPEST:
        return (), f"is nested more than {DEEPEST} levels deep."
    if isinstance(value, str) and ("\x00" in value or any("\ud800" <= letter <= "\udfff" for letter in value)):
        return (), "holds a character that cannot be stored; remove it."
    if isinstance(value, float) and not math.isfinite(value):
        return (), "is not a finite number."
    inside: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inside = [(str(name), part) for name, inner in value.items() for part in (name, inner)]
    elif isinstance(value, list):
        inside = list(enumerate(value))
    for name, inner in inside:
        if found := _what_cannot_be_stored(inner, depth + 1):
            return (name, *found[0]), found[1]
    return None


def _storable(value: str) -> str:
    if found := _what_cannot_be_stored(value):
        raise PydanticCustomError("unstorable", "{why}", {"why": found[1]})
    return value


class Given(Schema):
    """Base of all input: unknown keys are refused, so that a typing error is noticed."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _is_storable(cls, data: Any) -> Any:
        if found := _what_cannot_be_stored(getattr(data, "_obj", data)):
            why = PydanticCustomError("unstorable", "{why}", {"why": found[1]})
            raise ValidationError.from_exception_data(cls.__name__, [InitErrorDetails(type=why, loc=found[0], input=None)])
        return data


class Asked(BaseModel):
    """Base of all query parameters. `PermissionAuth` refuses unknown ones, because ninja passes only the known ones."""


def _checked_year(value: datetime) -> datetime:
    if not EARLIEST_YEAR <= value.year <= LATEST_YEAR:
        years = {"least": EARLIEST_YEAR, "most": LATEST_YEAR}
        raise PydanticCustomError("far_away", "must lie between the years {least} and {most}.", years)
    return value


Moment = Annotated[AwareDatetime, AfterValidator(_checked_year)]
Text = Annotated[str, AfterValidator(_storable)]
Slug = Annotated[str, Path(max_length=80), AfterValidator(_storable)]
Number = Annotated[int, Path(ge=0, le=LARGEST)]


class Paged(Asked):
    """`cursor` is the `next` of the previous page; `limit` is the number of items, at most 200."""

    cursor: int | None = Field(None, ge=1, le=LARGEST)
    limit: int = Field(50, ge=1, le=MOST_PER_PAGE)


Item = TypeVar("Item")
Row = TypeVar("Row", bound=Model)


class Page(Schema, Generic[Item]):
    """Newest first. `next` is the cursor of the following page, null on the last."""

    items: list[Item]
    next: int | None


def page_of(
    chosen: QuerySet[Row], wanted: Paged, show: Callable[[Sequence[Row]], list[Any]], by: str = "pk"
) -> dict[str, Any]:
    """One page of rows below the cursor, newest first; `by` is the column that orders them. It never counts all rows."""
    if wanted.cursor is not None:
        chosen = chosen.filter(**{f"{by}__lt": wanted.cursor})
    rows = list(chosen[: wanted.limit + 1])
    kept = rows[: wanted.limit]
    following = getattr(kept[-1], by) if len(rows) > wanted.limit else None
    return {"items": show(kept), "next": following}


class Named(Schema):
    """The slug and name of a thing."""

    slug: str
    name: str


class Reason(Given):
    reason: str = Field("", max_length=500)


class LockShown(Schema):
    owner: str
    reason: str
    at: datetime
    until: datetime | None


class Confirmed(Given):
    """The name, typed by whoever asks."""

    confirmed: str = Field(max_length=80)
