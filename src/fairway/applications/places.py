"""What this room needs to know of an environment, without importing the room above it; and where files lie."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from django.conf import settings


class EnvironmentLike(Protocol):
    """An environment, as far as configurations are concerned."""

    pk: int
    slug: str
    name: str


def bundle_folder(digest: str) -> Path:
    """Where the bundle of this digest lies in this data directory, if it is here."""
    folder: Path = settings.DATA.folder("bundles")
    return folder / digest.removeprefix("sha256:")


def upload_file(checksum: str) -> Path:
    """Where an uploaded archive lies. `checksum` has been parsed: 64 hexadecimal digits."""
    folder: Path = settings.DATA.folder("uploads")
    return folder / checksum
