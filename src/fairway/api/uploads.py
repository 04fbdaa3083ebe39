"""Uploads of folders and archives, streamed to disk."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from ninja import Schema, Status

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act
from fairway.api.receiving import received
from fairway.api.routing import PermissionRouter
from fairway.applications.commands import store_upload

router = PermissionRouter(tags=["uploads"])
_BYTES = {"type": "string", "format": "binary"}
_BODY = {
    "required": True,
    "content": {
        "application/octet-stream": {"schema": _BYTES},
        "multipart/form-data": {"schema": {"type": "object", "required": ["file"], "properties": {"file": _BYTES}}},
    },
}
_NAME = {
    "in": "header",
    "name": "X-File-Name",
    "required": False,
    "description": "The archive's name, when the body is the archive itself.",
    "schema": {"type": "string", "maxLength": 200, "pattern": r"^[\x20-\x7E]*$"},
}


class UploadShown(Schema):
    """`checksum` is the SHA-256 of the bytes; a source of kind archive names it as its `upload`."""

    checksum: str
    name: str
    size_bytes: int
    created_at: datetime


@router.post("/uploads", response={201: UploadShown}, openapi_extra={"requestBody": _BODY, "parameters": [_NAME]})
@needs(Act.DEPLOY)
def upload_archive(request: HttpRequest) -> Status[UploadShown]:
    """Upload a .zip, .tar or .tar.gz as the body itself, or as the field “file” of a form."""
    actor = actor_of(request)
    with received(request) as (name, chunks):
        one = store_upload(actor=actor, name=name, chunks=chunks)
    return Status(
        201, UploadShown(checksum=one.checksum, name=one.name, size_bytes=one.size_bytes, created_at=one.created_at)
    )
