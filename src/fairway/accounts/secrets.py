"""Random secrets people carry (tokens, one-time links), of which we keep only a hash."""

from __future__ import annotations

import hashlib
import secrets


def new_token() -> str:
    """``fwy_`` and 256 random bits; the prefix lets secret scanners find a leaked one."""
    return f"fwy_{secrets.token_urlsafe(32)}"


def new_link_secret() -> str:
    return secrets.token_urlsafe(32)


def token_digest(text: str) -> str:
    """SHA-256; enough for 256 random bits, which cannot be guessed from it."""
    return hashlib.sha256(text.encode()).hexdigest()
