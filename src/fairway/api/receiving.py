"""Limits request bodies while they arrive: nothing larger than allowed is stored, and nothing large is kept in memory.

There are two limits. Under ASGI, Django writes the whole body to a temporary file before any view runs, so `BodyLimit`
counts the bytes before Django. A form with files is then parsed by `LimitedFiles`, which counts again and writes to disk.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import StopUpload, TemporaryFileUploadHandler
from django.http import HttpRequest

from fairway.api.problems import MEDIA_TYPE, problem
from fairway.shared.names import Invalid

CHUNK = 256 * 1024
MARGIN = 64 * 1024  # what a form adds around its file
UPLOADS = "/uploads"  # a path that ends so takes files
HOOKS = "/hooks/"  # below it webhooks arrive
MOST_OF_A_HOOK = 30 * 2**20  # bytes; GitHub sends 25 MB at most
TOO_LARGE = "fairway.too_large"  # key of the scope: the body was cut, and the view says and records it

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Receive, Send], Awaitable[None]]


class LimitedFiles(TemporaryFileUploadHandler):
    """Writes a form's files to disk and aborts as soon as they are too large."""

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self.seen = 0
        self.made: list[UploadedFile[Any]] = []

    def new_file(self, *args: Any, **values: Any) -> None:
        super().new_file(*args, **values)
        self.made.append(self.file)

    def forget(self) -> None:
        """Close, and thereby delete, every temporary file of this form."""
        for file in self.made:
            with suppress(FileNotFoundError):
                file.close()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.seen += len(raw_data)
        if self.seen > settings.MAX_UPLOAD_BYTES:
            if self.request is not None:
                self.request.fairway_too_large = True  # type: ignore[attr-defined]
            raise StopUpload(connection_reset=True)
        super().receive_data_chunk(raw_data, start)


def limit_files(request: HttpRequest) -> None:
    """Let `LimitedFiles` parse this request's form, if it has files. Must be called before the body is read."""
    if request.content_type == "multipart/form-data":
        request.upload_handlers = [LimitedFiles(request)]


def too_large() -> str:
    most = settings.MAX_UPLOAD_BYTES // 2**20
    return f"is larger than {most} MB; leave out data and dependencies, or raise FAIRWAY_UPLOAD_MB."


@contextmanager
def received(request: HttpRequest) -> Iterator[tuple[str, Iterator[bytes]]]:
    """The name and bytes of the uploaded file: a form's ``file``, or the body itself (with its name in ``X-File-Name``).

    Temporary files are deleted afterwards, also those of an aborted form. Raises `Invalid` if the form has no file or it
    is too large.
    """
    if request.content_type != "multipart/form-data":
        yield request.headers.get("X-File-Name", "upload"), iter(lambda: request.read(CHUNK), b"")
        return
    if not hasattr(request, "_files"):
        limit_files(request)
    try:
        yield _form_file(request)
    finally:
        for handler in request.upload_handlers:
            if isinstance(handler, LimitedFiles):
                handler.forget()


def _form_file(request: HttpRequest) -> tuple[str, Iterator[bytes]]:
    file = request.FILES.get("file")
    if getattr(request, "fairway_too_large", False):
        raise Invalid("file", too_large())
    if not isinstance(file, UploadedFile):
        raise Invalid("file", "is missing; send a form with a field “file”, or the bytes themselves as the body.")
    return file.name or "upload", iter(file.chunks(CHUNK))


class BodyLimit:
    """ASGI middleware that answers 413 as soon as a request's body exceeds its limit."""

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        limit, seen = _limit(scope), 0
        if is_hook(scope["path"]):
            await self.application(scope, _cut(scope, receive), send)
            return
        if _declared_length(scope) > limit:
            await _refuse(send, scope, limit)
            return

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            return {"type": "http.disconnect"} if seen > limit else message  # makes Django discard what it has received

        await self.application(scope, counted, send)
        if seen > limit:
            await _refuse(send, scope, limit)


def is_hook(path: str) -> bool:
    return path.startswith(HOOKS)


def _cut(scope: Any, receive: Receive) -> Receive:
    """Receives a webhook's body up to `MOST_OF_A_HOOK`. The rest is thrown away, and `TOO_LARGE` is set."""
    seen, is_over = 0, False
    scope[TOO_LARGE] = _declared_length(scope) > MOST_OF_A_HOOK

    async def received_part() -> Message:
        nonlocal seen, is_over
        if is_over:  # Django listens whether the sender goes away; what still comes is thrown away
            while (message := await receive())["type"] != "http.disconnect":
                pass
            return message
        if not scope[TOO_LARGE]:
            message = await receive()
            seen += len(message.get("body", b""))
            if seen <= MOST_OF_A_HOOK:
                return message
            scope[TOO_LARGE] = True
        is_over = True
        return {"type": "http.request", "body": b"", "more_body": False}

    return received_part


def _limit(scope: Any) -> int:
    """The limit for this request in bytes. It is small without a session or token, because Django writes the body to disk
    before the sender is authenticated."""
    if scope["path"].rstrip("/").endswith(UPLOADS) and _says_who(scope):
        return int(settings.MAX_UPLOAD_BYTES) + MARGIN
    return int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE) + MARGIN


def _says_who(scope: Any) -> bool:
    session = f"{settings.SESSION_COOKIE_NAME}=".encode()
    return any(name == b"authorization" or (name == b"cookie" and session in value) for name, value in scope["headers"])


def _declared_length(scope: Any) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


async def _refuse(send: Send, scope: Any, limit: int) -> None:
    may_more = _says_who(scope)
    advice = (
        "FAIRWAY_UPLOAD_MB says how large an upload may be." if may_more else "sign in, or send a token, to upload more."
    )
    words = f"The body is larger than {limit // 2**20} MB, the limit here; {advice}"
    body = problem(413, "too_large", words).content
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", b"%d" % len(body)), (b"connection", b"close"),
               (b"cache-control", b"private, no-store")]  # fmt: skip
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
