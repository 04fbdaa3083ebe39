"""Long answers, sent as they are read."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from threading import Lock

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from ninja.errors import HttpError

from fairway.accounts.access import while_access_lasts
from fairway.accounts.permissions import actor_of


def stream(request: HttpRequest, pieces: Iterator[str], *, content_type: str) -> StreamingHttpResponse:
    """`pieces`, one after the other, as long as who asked for them may have them. Each piece should be worth a trip to the
    database and back.

    Under ASGI a plain iterator would be read to its end before the first byte is sent, so there it is read piece by piece.
    """
    pieces = _held(request, while_access_lasts(actor_of(request), pieces))
    body = _one_by_one(pieces) if isinstance(request, ASGIRequest) else pieces
    response = StreamingHttpResponse(body, content_type=content_type)
    response["X-Accel-Buffering"] = "no"
    return response


_holders: Counter[int] = Counter()  # downloads that are going on, by person
_lock = Lock()


def _held(request: HttpRequest, pieces: Iterator[str]) -> Iterator[str]:
    """`pieces`, counted as one download of this person until they end or nobody wants them any more. Raises `HttpError`
    (429) for one that is too many."""
    person = actor_of(request).id or 0
    with _lock:
        if _holders[person] >= settings.DOWNLOADS_PER_PERSON:
            raise HttpError(
                429, f"{settings.DOWNLOADS_PER_PERSON} downloads of yours are going on, the most at a time; wait for one"
            )
        _holders[person] += 1
    return _Download(person, pieces)


class _Download:
    """One person's download. It is over when it was read to its end, closed, or forgotten."""

    def __init__(self, person: int, pieces: Iterator[str]) -> None:
        self._pieces, self._over = pieces, weakref.finalize(self, _end, person)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            return next(self._pieces)
        except BaseException:
            self._over()
            raise

    def close(self) -> None:
        self._over()


def _end(person: int) -> None:
    with _lock:
        _holders[person] -= 1


async def _one_by_one(pieces: Iterator[str]) -> AsyncIterator[str]:
    following = sync_to_async(lambda: next(pieces, None))
    try:
        while (piece := await following()) is not None:
            yield piece
    finally:
        if isinstance(pieces, _Download):
            pieces.close()
