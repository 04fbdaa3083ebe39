"""Where the files of artifacts and uploads are in the data directory."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings


def bundle_folder(digest: str) -> Path:
    """The folder for the bundle with this digest; it may not exist."""
    folder: Path = settings.DATA.folder("bundles")
    return folder / digest.removeprefix("sha256:")


def upload_file(checksum: str) -> Path:
    """The file of an uploaded archive. `checksum` must be parsed: 64 hexadecimal digits."""
    folder: Path = settings.DATA.folder("uploads")
    return folder / checksum
