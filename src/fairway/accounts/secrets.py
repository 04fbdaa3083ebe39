"""Random secrets that are given to people (tokens, one-time links); only their hashes are stored."""

from __future__ import annotations

import hashlib
import secrets


def new_token() -> str:
    """A token: ``fwy_`` and 256 random bits. The prefix lets secret scanners find a leaked token."""
    return f"fwy_{secrets.token_urlsafe(32)}"


def new_link_secret() -> str:
    return secrets.token_urlsafe(32)


def token_digest(text: str) -> str:
    """The SHA-256 of a token. No slow hash is needed, because 256 random bits cannot be guessed."""
    return hashlib.sha256(text.encode()).hexdigest()
