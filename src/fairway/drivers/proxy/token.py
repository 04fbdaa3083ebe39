"""The secret by which Fairway's processes and its proxy know each other."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

PROXY_HEADER = "X-Fairway-Proxy"  # the proxy sets it on what it asks of Fairway's web process
PAGES_HEADER = "X-Fairway-Pages"  # the proxy sets it on what visitors of Fairway's own pages ask


def pages_token(token: str) -> str:
    """The secret in `PAGES_HEADER`, made from the shared `token`, which cannot be found from it."""
    return hmac.new(token.encode(), b"pages", hashlib.sha256).hexdigest()


def shared_token(folder: Path) -> str:
    """The secret shared by Fairway's processes and its proxy. It is generated at first use and kept in `folder` (mode
    0600)."""
    path = folder / "token"
    if not path.exists():
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        draft = folder / f".token.{secrets.token_hex(8)}"
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(32))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # another process was first: its token counts
        finally:
            draft.unlink()
    return path.read_text().strip()
