"""Identifies the Fairway that a container belongs to: one random id per data directory.

Several Fairways may share one Docker Engine (a demo beside the real one, a test run), and each must see only its own. The id
is a file, not a hash of the path, so a data directory that is moved or restored elsewhere keeps its containers and volumes.
"""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

FILE = "docker-id"
_ID = re.compile(r"[0-9a-f]{8}")


def installation_id(data: Path) -> str:
    """The id of this data directory, eight hexadecimal digits. It is made at the first call; two processes may call it at
    once."""
    path = data / FILE
    data.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        draft = path.with_name(f"{FILE}.{os.getpid()}.{secrets.token_hex(4)}")
        draft.write_text(secrets.token_hex(4))
        with suppress(FileExistsError):  # another process was first, and its id counts
            os.link(draft, path)
        draft.unlink()
    text = path.read_text().strip()
    if not _ID.fullmatch(text):
        raise ValueError(
            f"{path} is damaged: it should hold eight hex digits. Restore it from a backup of the data directory."
        )
    return text
