"""``If-Match``: a change is refused when somebody changed the same thing since the caller read it; see decision 43.

``GET`` answers with an ``ETag``, the number of the newest event when it was read. A change that names it is compared with
the events since (`activity.changes`): who changed the same is named, and nothing is saved.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from ninja import Header
from pydantic import BeforeValidator, Field

from fairway.api.schemas import LARGEST

NAME = "If-Match"
DESCRIPTION = (
    "The `ETag` of the answer that you read before. The change is refused with 412 if somebody has changed the same thing "
    "since; without this header, it is not compared."
)


def etag(number: int) -> str:
    return f'"{number}"'


def _number(value: Any) -> Any:
    """What stands between the quotes; a proxy that compresses makes ETags weak."""
    found = re.fullmatch(r'(?:W/)?"?([0-9]+)"?', value.strip()) if isinstance(value, str) else None
    return found.group(1) if found else value


AsOf = Annotated[
    Annotated[int, Field(ge=0, le=LARGEST), BeforeValidator(_number)] | None,
    Header(None, alias=NAME, description=DESCRIPTION),  # last, where ninja looks for it
]
