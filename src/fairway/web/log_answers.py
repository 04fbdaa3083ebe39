"""What is answered to whoever reads the stored log of a deployment or a command: a page of lines, new lines, plain text."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse

from fairway.accounts.access import while_access_lasts
from fairway.accounts.permissions import actor_of
from fairway.deployments.models import Deployment, JobRun
from fairway.web import live
from fairway.web.fanout import FANOUT
from fairway.web.logs import LogStream
from fairway.web.stored_logs import lines_of
from fairway.web.viewers import viewer_of
from fairway.web.views.home import came_back_after

LOG_PAGE = 5000


def lines(request: HttpRequest, one: Deployment | JobRun, kind: str) -> JsonResponse:
    """The lines after ``?after=``, and the number of the last."""
    after = came_back_after(request) or 0
    found = lines_of((kind, one.pk), after=after, limit=LOG_PAGE)
    last = found[-1]["n"] if found else after
    more = last if found and last < one.log_lines else None
    return JsonResponse({"lines": live.log_message(found), "next": more, "is_complete": not one.is_active})


def stream(request: HttpRequest, one: Deployment | JobRun, kind: str) -> HttpResponse:
    """New lines as they are written, then ``complete``."""
    return live.admit(LogStream(FANOUT, viewer_of(request), (kind, one.pk), came_back_after(request) or 0))


def raw(request: HttpRequest, one: Deployment | JobRun, kind: str, *, name: str, begin: str = "") -> StreamingHttpResponse:
    """The whole log as plain text, after the line `begin`. It ends when the reader's access ends."""
    text = while_access_lasts(actor_of(request), _text_of((kind, one.pk), begin))
    body = _piece_by_piece(text) if isinstance(request, ASGIRequest) else text
    response = StreamingHttpResponse(body, content_type="text/plain; charset=utf-8")
    response.headers["Content-Disposition"] = f'inline; filename="{name}.log"'
    return response


def _text_of(key: tuple[str, int], begin: str) -> Iterator[str]:
    if begin:
        yield begin
    after = 0
    while found := lines_of(key, after=after, limit=LOG_PAGE):
        yield "".join(_text_line(line) for line in found)
        after = found[-1]["n"]


def _text_line(line: dict[str, Any]) -> str:
    at = datetime.fromtimestamp(line["at"], UTC).isoformat(timespec="milliseconds")
    return f"{at} {line['step']:<10} {line['text']}\n"


async def _piece_by_piece(text: Iterator[str]) -> AsyncIterator[str]:
    """An asynchronous iterator: under ASGI Django would exhaust a plain one before it sends the first byte."""
    following = sync_to_async(lambda: next(text, None))
    while (piece := await following()) is not None:
        yield piece
