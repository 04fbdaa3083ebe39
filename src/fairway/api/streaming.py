"""Long answers, sent as they are read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

from fairway.accounts.doors import actor_of
from fairway.accounts.standing import while_standing


def stream(request: HttpRequest, pieces: Iterator[str], *, content_type: str) -> StreamingHttpResponse:
    """`pieces`, one after the other, as long as who asked for them may have them. Each piece should be worth a trip to the
    database and back.

    Under ASGI a plain iterator would be read to its end before the first byte is sent, so there it is read piece by piece.
    """
    pieces = while_standing(actor_of(request), pieces)
    body = _one_by_one(pieces) if isinstance(request, ASGIRequest) else pieces
    response = StreamingHttpResponse(body, content_type=content_type)
    response["X-Accel-Buffering"] = "no"
    return response


async def _one_by_one(pieces: Iterator[str]) -> AsyncIterator[str]:
    following = sync_to_async(lambda: next(pieces, None))
    while (piece := await following()) is not None:
        yield piece
