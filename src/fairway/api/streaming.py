"""Streams long responses."""

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
    """Stream `pieces` while the requester keeps their access. Each piece should be large, because it may cost a query.

    Under ASGI Django would exhaust a plain iterator before it sends the first byte, so it gets an asynchronous one there.
    """
    pieces = _counted(request, while_access_lasts(actor_of(request), pieces))
    body = _one_by_one(pieces) if isinstance(request, ASGIRequest) else pieces
    response = StreamingHttpResponse(body, content_type=content_type)
    response["X-Accel-Buffering"] = "no"
    return response


_downloads: Counter[int] = Counter()  # running downloads by person
_lock = Lock()


def _counted(request: HttpRequest, pieces: Iterator[str]) -> Iterator[str]:
    """Count `pieces` as one download of this person until they end or the client disconnects. Raises `HttpError` (429)
    for too many downloads."""
    person = actor_of(request).id or 0
    with _lock:
        if _downloads[person] >= settings.DOWNLOADS_PER_PERSON:
            raise HttpError(
                429, f"{settings.DOWNLOADS_PER_PERSON} downloads of yours are going on, the most at a time; wait for one"
            )
        _downloads[person] += 1
    return _Download(person, pieces)


class _Download:
    """One download. It ends when it is exhausted, closed or garbage-collected."""

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
        _downloads[person] -= 1


async def _one_by_one(pieces: Iterator[str]) -> AsyncIterator[str]:
    following = sync_to_async(lambda: next(pieces, None))
    try:
        while (piece := await following()) is not None:
            yield piece
    finally:
        if isinstance(pieces, _Download):
            pieces.close()
