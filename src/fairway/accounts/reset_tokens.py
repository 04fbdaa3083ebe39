"""Password links sent by e-mail: one more way in, which ends with the generation of its account as all others do."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.tokens import PasswordResetTokenGenerator


class ResetTokens(PasswordResetTokenGenerator):
    """Django's own, which end with the password, the last sign-in and the address, and with the generation as well."""

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        return f"{super()._make_hash_value(user, timestamp)}.{user.generation}.{user.is_active}"
