"""Uploads stream to disk, and stop at their limit."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from fairway.api.receiving import BodyLimit
from fairway.applications.files import upload_file
from fairway.applications.models import Upload
from tests.api.conftest import Api

BYTES = b"not really a tar" * 1000
SUM = hashlib.sha256(BYTES).hexdigest()


def send(api: Api, content: bytes, **headers: str) -> Any:
    return api.client.post(
        "/api/v1/uploads", content, content_type="application/octet-stream", headers={**api.headers, **headers}
    )


def test_the_body_itself_is_stored_under_its_checksum(deployer: Api) -> None:
    made = send(deployer, BYTES, **{"X-File-Name": "../../shop.tar.gz"})
    assert made.status_code == 201, made.content
    assert (made.json()["checksum"], made.json()["name"], made.json()["size_bytes"]) == (SUM, "shop.tar.gz", len(BYTES))
    assert upload_file(SUM).read_bytes() == BYTES
    assert upload_file(SUM).stat().st_mode & 0o777 == 0o600


def test_a_forms_file_is_stored_alike(deployer: Api) -> None:
    file = SimpleUploadedFile("shop.zip", BYTES)
    made = deployer.client.post("/api/v1/uploads", {"file": file}, headers=deployer.headers)
    assert (made.status_code, made.json()["checksum"]) == (201, SUM)


@pytest.mark.parametrize("content", [b"", b"x" * 1001])
def test_empty_and_too_large_bodies_leave_nothing(deployer: Api, settings: Any, content: bytes) -> None:
    settings.MAX_UPLOAD_BYTES = 1000
    before = set(upload_file("x").parent.iterdir())
    refused = send(deployer, content)
    assert (refused.status_code, refused.json()["field"]) == (422, "file")
    assert set(upload_file("x").parent.iterdir()) == before
    assert not Upload.objects.exists()


def test_a_form_with_a_file_that_is_too_large_is_refused(deployer: Api, settings: Any) -> None:
    settings.MAX_UPLOAD_BYTES = 1000
    file = SimpleUploadedFile("shop.zip", b"x" * 200_000)
    refused = deployer.client.post("/api/v1/uploads", {"file": file}, headers=deployer.headers)
    assert (refused.status_code, refused.json()["field"]) == (422, "file")
    assert not Upload.objects.exists()


def test_a_form_without_a_file_says_what_to_send(deployer: Api) -> None:
    refused = deployer.client.post("/api/v1/uploads", {"other": "x"}, headers=deployer.headers)
    assert (refused.status_code, refused.json()["field"]) == (422, "file")


def test_viewers_upload_nothing(viewer: Api) -> None:
    assert send(viewer, BYTES).status_code == 403


class Pieces(io.RawIOBase):
    """A body that is made while it is read, and remembers how much was asked for at once."""

    def __init__(self, total: int) -> None:
        self.left, self.largest = total, 0

    def read(self, size: int = -1) -> bytes:
        assert size >= 0, "the whole body was read into memory"
        self.largest = max(self.largest, size)
        piece = b"x" * min(size, self.left)
        self.left -= len(piece)
        return piece


def test_a_large_body_is_never_in_memory_as_a_whole(deployer: Api) -> None:
    body = Pieces(20_000_000)
    made = deployer.client.generic(
        "POST", "/api/v1/uploads", b"", content_type="application/octet-stream", headers=deployer.headers,
        **{"wsgi.input": body, "CONTENT_LENGTH": "20000000"},
    )  # fmt: skip
    assert made.status_code == 201, made.content
    assert (made.json()["size_bytes"], body.left) == (20_000_000, 0)
    assert body.largest < 1_000_000


def through(limit: BodyLimit, path: str, pieces: Iterator[bytes], headers: list[tuple[bytes, bytes]]) -> list[Any]:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        piece = next(pieces, None)
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(limit({"type": "http", "path": path, "headers": headers}, receive, send))
    return sent


async def counting(scope: Any, receive: Any, send: Any) -> None:
    """An application that reads its body as Django does: to the end, or until told that the client is gone."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        if not message["more_body"]:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            return


def test_in_front_of_django_a_body_is_cut_at_its_limit(settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100_000
    settings.MAX_UPLOAD_BYTES = 1_000_000
    limit = BodyLimit(counting)
    taken: list[int] = []

    def body(total: int) -> Iterator[bytes]:
        for _ in range(total // 10_000):
            taken.append(1)
            yield b"x" * 10_000

    assert through(limit, "/api/v1/applications", body(50_000), [])[0]["status"] == 200
    taken.clear()
    assert through(limit, "/api/v1/applications", body(10_000_000), [])[0]["status"] == 413
    assert len(taken) < 20
    signed_in = (b"cookie", f"a=b; {settings.SESSION_COOKIE_NAME}=abc".encode())
    for who in (signed_in, (b"authorization", b"Bearer abc")):
        assert through(limit, "/api/v1/uploads", body(900_000), [who])[0]["status"] == 200
        assert through(limit, "/api/v1/uploads", body(2_000_000), [who])[0]["status"] == 413
    assert through(limit, "/api/v1/uploads", body(900_000), [])[0]["status"] == 413, "from whoever does not say who they are"
    declared = [(b"content-length", b"5000000"), signed_in]
    taken.clear()
    assert through(limit, "/api/v1/uploads", body(5_000_000), declared)[0]["status"] == 413
    assert not taken
