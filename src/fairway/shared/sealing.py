"""Encrypts secrets at rest: sealed with the newest key, opened with any key, sealed again when a key is added."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class CannotOpen(Exception):
    """None of the keys opens this secret: the key file was replaced instead of extended."""


class Seal:
    """Seals and opens text and small mappings. `keys` are Fernet keys, newest first."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = list(keys)
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def seal(self, text: str) -> str:
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """The text. Raises `CannotOpen` if no key fits."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise CannotOpen("A stored secret cannot be opened: no key in keys/field.keys fits it.") from None

    def reseal(self, sealed: str) -> str:
        """The same secret, sealed with the newest key. Raises `CannotOpen`."""
        return self.seal(self.open(sealed))

    def seal_all(self, values: Mapping[str, str]) -> str:
        return self.seal(json.dumps(dict(values), sort_keys=True))

    def open_all(self, sealed: str) -> dict[str, str]:
        return dict(json.loads(self.open(sealed))) if sealed else {}

    def mark(self, value: str, *, digits: int = 12) -> str:
        """An irreversible marker (HMAC): it shows whether a secret changed, never what it is. At most 64 digits."""
        oldest = self._keys[-1].encode()  # the oldest key stays, so that marks stay comparable after a rotation
        return hmac.new(oldest, value.encode(), hashlib.sha256).hexdigest()[:digits]
