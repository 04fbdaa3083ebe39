"""Tokens of mailed password links. They end when the account's access is revoked, as everything that lets somebody in."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.tokens import PasswordResetTokenGenerator


class ResetTokens(PasswordResetTokenGenerator):
    """Django's tokens, which end with the password, the last sign-in and the address, and also with the generation."""

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        return f"{super()._make_hash_value(user, timestamp)}.{user.generation}.{user.is_active}"
